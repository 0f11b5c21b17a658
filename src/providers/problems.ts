import { asSentence, didYouMean } from '../tasks/nearest';

/** One mistake in a provider's definition. */
export interface ProviderProblem {
  /** The file that was read, as it was named; absent for a definition in code. */
  file?: string;
  /** The line of the place in that file, from 1. */
  line?: number;
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
    const list = problems.map(problemLine).join('; ');
    super(asSentence(`The provider ${provider} is not valid: ${list}`));
    this.provider = provider;
    this.problems = problems;
  }
}

/** Returns one problem as a line for people: file and line, place, and what is wrong. */
export function problemLine({ file, line, place, message }: ProviderProblem): string {
  const where = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `${where}${place === '' ? '' : `${place}: `}${message}`;
}

/** Collects mistakes in a definition. */
export class Problems {
  readonly found: ProviderProblem[] = [];

  add(place: string, message: string): void {
    this.found.push({ place, message });
  }

  /** Records each name that is not allowed here. */
  unknownKeys(value: object, place: string, allowed: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (!allowed.includes(key))
        this.add(
          place === '' ? key : `${place}.${key}`,
          `unknown key; allowed: ${allowed.join(', ')}${didYouMean(key, allowed)}`,
        );
    }
  }
}

/** Maximum number of names in a message: a document may have hundreds of operations. */
const MOST_NAMES = 20;

/** `a, b, c`, for messages. */
export function oneOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return names.length === 0 ? 'none' : `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}
