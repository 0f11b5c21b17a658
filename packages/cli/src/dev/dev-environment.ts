import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { isLoopback } from 'temporal-http-tasks/internal/config/origins';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';

/** Written by `http-tasks dev` into the folder where it was started; the other commands read it there. */
export const DEV_ENVIRONMENT_FILE = '.http-tasks-dev.env';

/** Commands that start their own servers and use no setting from outside. */
const WITHOUT: ReadonlySet<string | undefined> = new Set(['dev', 'demo', 'faults', 'simulate']);

const OWNER = /^# Written by http-tasks dev, process (\d{1,10})\b/;
const OURS_ONLY = 0o600;

/** What {@link readDevEnvironment} found. */
export interface DevEnvironment {
  /** The environment of the command, with the settings of a running `http-tasks dev`. */
  env: Readonly<Record<string, string | undefined>>;
  /** A sentence about the file for the user; absent if there is no file. */
  note?: string;
}

/** Returns the name of a setting whose value cannot be written so that shells and env files read the same. */
export function settingWithoutNotation(settings: Readonly<Record<string, string>>): string | undefined {
  return Object.keys(settings).find((name) => notationOf(settings[name] ?? '') === undefined);
}

/** Quotes a value so that a shell, Node.js and dotenv read the same; undefined if they cannot. */
function notationOf(value: string): string | undefined {
  // A backslash in front of the closing quote would escape it for dotenv.
  if (!value.includes("'") && !value.endsWith('\\')) return `'${value}'`;
  return /["$`\\]/.test(value) ? undefined : `"${value}"`;
}

/**
 * Stores the settings of a running `http-tasks dev` for other commands in this folder. The file can be read by its owner
 * only, by a shell (`set -a; . ./.http-tasks-dev.env`) and by `node --env-file`.
 *
 * @returns What removes the file again; undefined where another `http-tasks dev` runs in this folder, whose file stays, or a
 *   setting cannot be written ({@link settingWithoutNotation}).
 */
export function writeDevEnvironment(
  folder: string,
  settings: Readonly<Record<string, string>>,
): (() => void) | undefined {
  if (settingWithoutNotation(settings) !== undefined) return undefined;
  const path = join(folder, DEV_ENVIRONMENT_FILE);
  const earlier = readOwn(path);
  if (earlier !== undefined && isRunning(ownerOf(earlier))) return undefined;
  const text = [
    `# Written by http-tasks dev, process ${process.pid}. It is removed when that process ends.`,
    ...Object.entries(settings).map(([name, value]) => `${name}=${notationOf(value) ?? ''}`),
    '',
  ].join('\n');
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: OURS_ONLY, flag: 'wx' });
  const remove = (): void => {
    if (readOwn(path) === text) rmSync(path, { force: true });
  };
  // Also when something ends the process before it can finish.
  process.once('exit', remove);
  return () => {
    process.off('exit', remove);
    remove();
  };
}

/**
 * Adds the settings of an `http-tasks dev` that runs in this folder to a command's environment. A file that another user
 * could have written, or whose process has ended, is not used; a repository cannot contain a usable one.
 *
 * @throws SettingsError where the environment has another value for one of the settings, or the file names an address
 *   outside this machine.
 */
export function readDevEnvironment(
  command: string | undefined,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): DevEnvironment {
  if (WITHOUT.has(command)) return { env };
  const text = readOwn(join(folder, DEV_ENVIRONMENT_FILE));
  if (text === undefined) return { env };
  if (!isRunning(ownerOf(text)))
    return {
      env,
      note: `${DEV_ENVIRONMENT_FILE} is not used: the development stack that wrote it (http-tasks dev) has ended.`,
    };
  const settings = parseEnv(text) as Record<string, string>;
  const problems = Object.entries(settings).flatMap(([setting, value]) => {
    const given = env[setting];
    if (isForeignAddress(value))
      return [{ setting, message: `in ${DEV_ENVIRONMENT_FILE} must be an address of this machine.` }];
    if (given === undefined || isSame(setting, given, value, folder)) return [];
    return [
      {
        setting,
        message:
          `differs from ${DEV_ENVIRONMENT_FILE}, which belongs to the development stack that runs here (http-tasks dev). Unset it, or ` +
          'run the command in another folder.',
      },
    ];
  });
  if (problems.length > 0) throw new SettingsError(problems);
  return {
    env: { ...env, ...settings },
    note: 'Using the settings of the development stack that runs in this folder (http-tasks dev).',
  };
}

/** Provider files may be named in other ways than in the file, such as relative to its folder. */
function isSame(setting: string, given: string, value: string, folder: string): boolean {
  if (setting !== 'HTTP_TASKS_PROVIDERS') return given === value;
  const paths = (text: string): string =>
    text
      .split(',')
      .map((path) => resolve(folder, path.trim()))
      .join(',');
  return paths(given) === paths(value);
}

/** The text of a file that only this user can have written. */
function readOwn(path: string): string | undefined {
  try {
    const { mode, uid } = lstatSync(path);
    const isOwn = (mode & 0o170000) === 0o100000 && (mode & 0o077) === 0 && uid === process.getuid?.();
    return isOwn ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

function ownerOf(text: string): number | undefined {
  const pid = OWNER.exec(text)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function isRunning(pid: number | undefined): boolean {
  if (pid === undefined || pid === 0) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Whether a value is a URL or `host:port` of another machine. */
function isForeignAddress(value: string): boolean {
  const text = /^[\w.[\]:-]+:\d{1,5}$/.test(value) ? `tcp://${value}` : value;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return false;
  return !isLoopback(new URL(text).hostname);
}
