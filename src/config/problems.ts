/** A setting that is missing or wrong. */
export interface SettingProblem {
  /** The name of the environment variable, for example `PLAID_SECRET`. */
  setting: string;
  /** What is wrong and what is allowed; never contains a secret value. */
  message: string;
}

/** Settings are missing or wrong. Lists all problems, one per line, so that all can be fixed in one go. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(({ setting, message }) => `  ${setting}: ${message}`);
    super(['Invalid settings:', ...lines].join('\n'));
    this.problems = problems;
  }
}

/** Collects problems while settings are read, so that all of them are reported together. */
export class ProblemList {
  readonly #problems: SettingProblem[] = [];

  add(setting: string, message: string): void {
    this.#problems.push({ setting, message });
  }

  /**
   * Returns the value if there are no problems.
   *
   * @throws SettingsError if there is any problem.
   */
  finish<T>(value: T | undefined): T {
    if (this.#problems.length > 0 || value === undefined) throw new SettingsError(this.#problems);
    return value;
  }
}
