import { readFileSync } from 'node:fs';
import { SETTINGS } from './setting-table';
import type { Choices, IntegerBounds } from './setting-table';

/** Settings by name, shaped like `process.env`. An empty value counts as not set. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Returns the trimmed value of a setting that is not secret; undefined if not set. */
export function readText(env: Env, setting: string): string | undefined {
  const text = env[setting]?.trim();
  return text === '' ? undefined : text;
}

/** Returns the entries of a comma-separated list, trimmed and without empty ones. */
export function readList(env: Env, setting: string): string[] {
  return (readText(env, setting) ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

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

/** The settings of a type, by the table. */
type NameOf<Type extends string> = {
  [Name in keyof typeof SETTINGS]: (typeof SETTINGS)[Name] extends { type: Type } ? Name : never;
}[keyof typeof SETTINGS];

/** Reads a setting that is one of several words; adds any other word to `problems`, and returns the default. */
export function readChoice<Name extends NameOf<'choice'>>(
  env: Env,
  setting: Name,
  problems: ProblemList,
): (typeof SETTINGS)[Name]['default'] {
  const { allowed, default: usual, noun = 'valid' }: Choices<(typeof SETTINGS)[Name]['default']> = SETTINGS[setting];
  const given = readText(env, setting) ?? usual;
  const word = allowed.find((one) => one === given);
  if (word === undefined) problems.add(setting, `"${given}" is not ${noun}; allowed: ${allowed.join(', ')}.`);
  return word ?? usual;
}

/** Reads a whole number; undefined if it is not set, or outside its bounds, which is added to `problems`. */
export function readInteger(env: Env, setting: NameOf<'integer'>, problems: ProblemList): number | undefined {
  const given = readText(env, setting);
  if (given === undefined) return undefined;
  const { min, max, unit }: IntegerBounds = SETTINGS[setting];
  const number = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (number >= min && number <= max) return number;
  const what = unit === undefined ? 'a whole number' : `a whole number of ${unit}`;
  problems.add(setting, `"${given}" is not valid; allowed: ${what} from ${min} to ${max}.`);
  return undefined;
}

/** Validates a secret; returns what is wrong with it, without repeating any of it. */
export type SecretCheck = (text: string) => string | undefined;

/**
 * A secret from the setting `NAME`, or from the file that `NAME_FILE` names. The value is in a private field, so that
 * JSON and console output do not contain it.
 */
export class Secret {
  readonly setting: string;
  readonly #file: string | undefined;
  readonly #check: SecretCheck;
  #value: string;

  private constructor(setting: string, value: string, file: string | undefined, check: SecretCheck) {
    this.setting = setting;
    this.#value = value;
    this.#file = file;
    this.#check = check;
  }

  /**
   * Reads the secret. A missing one is a problem only if `required`; any other mistake always is.
   *
   * @param options `formerly` is the name of the setting in version 0.1.0, mentioned if the secret is missing.
   */
  static read(
    env: Env,
    setting: string,
    problems: ProblemList,
    options: { required: boolean; check?: SecretCheck; formerly?: string },
  ): Secret | undefined {
    const given = env[setting] || undefined;
    const file = env[`${setting}_FILE`]?.trim() || undefined;
    if (given !== undefined && file !== undefined) {
      problems.add(setting, `and ${setting}_FILE are both set; set only one of them.`);
      return undefined;
    }
    if (given === undefined && file === undefined) {
      const formerly =
        options.formerly === undefined
          ? ''
          : ` Version 0.1.0 read ${options.formerly} instead; name the setting to read with --key SCHEME=SETTING, or with credentials in code.`;
      if (options.required)
        problems.add(
          setting,
          `is missing; set it, or set ${setting}_FILE to the path of a file that contains it.${formerly}`,
        );
      return undefined;
    }
    const check = options.check ?? (() => undefined);
    if (given !== undefined) {
      const wrong = check(given);
      if (wrong === undefined) return new Secret(setting, given, undefined, check);
      problems.add(setting, wrong);
      return undefined;
    }
    return Secret.#fromFile(setting, file ?? '', problems, check);
  }

  static #fromFile(setting: string, file: string, problems: ProblemList, check: SecretCheck): Secret | undefined {
    const text = readSecretFile(file);
    const wrong =
      text === undefined
        ? `the file ${file} cannot be read; name a file that this process may read.`
        : text === ''
          ? `the file ${file} is empty.`
          : check(text);
    if (text !== undefined && wrong === undefined) return new Secret(setting, text, file, check);
    problems.add(`${setting}_FILE`, wrong ?? '');
    return undefined;
  }

  get value(): string {
    return this.#value;
  }

  /**
   * Reads the file again if the secret came from one; returns whether the value changed. Keeps the old value if the
   * file is missing, empty or invalid, because a rotation may be in progress.
   */
  reload(): boolean {
    if (this.#file === undefined) return false;
    const text = readSecretFile(this.#file);
    if (text === undefined || text === '' || text === this.#value || this.#check(text) !== undefined) return false;
    this.#value = text;
    return true;
  }
}

/** Removes the one trailing line break that editors and `echo` add. */
function readSecretFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}
