/** One setting that is missing or wrong. */
export interface SettingProblem {
  /** The name of the environment variable, for example `PLAID_SECRET`. */
  setting: string;
  /** What is wrong and what is allowed; never holds the value of a secret. */
  message: string;
}

/** Settings are missing or wrong. All problems are reported at once, one a line, so that one visit repairs them all. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(({ setting, message }) => `  ${setting}: ${message}`);
    super(['The settings cannot be used:', ...lines].join('\n'));
    this.problems = problems;
  }
}

/** Gathers problems while settings are read, so that the first one does not hide the rest. */
export class ProblemList {
  readonly #problems: SettingProblem[] = [];

  add(setting: string, message: string): void {
    this.#problems.push({ setting, message });
  }

  /**
   * Answers what was read, once nothing is wrong.
   *
   * @throws SettingsError when there is any problem.
   */
  finish<T>(value: T | undefined): T {
    if (this.#problems.length > 0 || value === undefined) throw new SettingsError(this.#problems);
    return value;
  }
}
