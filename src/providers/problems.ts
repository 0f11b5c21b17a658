/** One mistake in a provider's definition. */
export interface ProviderProblem {
  /** Where it is, for example `steps[0].act.input.contact_id`. */
  place: string;
  message: string;
}

/** A definition that cannot work, with every mistake in it. */
export class ProviderError extends TypeError {
  override readonly name = 'ProviderError';
  readonly provider: string;
  readonly problems: readonly ProviderProblem[];

  constructor(provider: string, problems: readonly ProviderProblem[]) {
    const list = problems.map(({ place, message }) => `${place}: ${message}`).join('; ');
    super(`The provider ${provider} is not valid: ${list}.`);
    this.provider = provider;
    this.problems = problems;
  }
}

/** Collects mistakes while a definition is read. */
export class Problems {
  readonly found: ProviderProblem[] = [];

  add(place: string, message: string): void {
    this.found.push({ place, message });
  }

  /** Notes each name that is not allowed here. */
  unknownKeys(value: object, place: string, allowed: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (!allowed.includes(key))
        this.add(place === '' ? key : `${place}.${key}`, `unknown key; allowed: ${allowed.join(', ')}`);
    }
  }
}

/** `"a", "b" or "c"`, for messages. */
export function oneOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
