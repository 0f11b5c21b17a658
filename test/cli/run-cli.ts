import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The command as it is published: `npm test` has compiled it. */
export const MAIN = join(__dirname, '..', '..', 'packages', 'cli', 'bin', 'http-tasks.js');

/** The laboratory's command line: `npm run bench` and `npm run process-faults`. */
const LAB = join(__dirname, '..', '..', 'lab', 'dist', 'main.js');

/** A folder of its own, so that no profile, ledger or setting of the person's reaches the command. */
export const HOME = mkdtempSync(join(tmpdir(), 'http-tasks-cli-'));

/** Where all commands of the tests keep what Node.js has compiled; set in jest.config.cjs. */
export const COMPILED = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] };

/** How a command ended. */
export interface CliEnd {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command that is still running. */
export interface RunningCli {
  readonly process: ChildProcess;
  stdoutSoFar(): string;
  stderrSoFar(): string;
  /** Resolves when stdout and stderr together hold this text; rejects when the command ended without it. */
  printed(text: string): Promise<void>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<CliEnd>;
  readonly ended: Promise<CliEnd>;
}

/** Settings as environment; those of the test process are not inherited. */
export type CliEnv = Readonly<Record<string, string | undefined>>;

const running = new Set<ChildProcess>();

// A failed test must not leave its commands behind.
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts the command line with these words exactly. */
export function startCli(args: readonly string[], env: CliEnv = {}, main = MAIN): RunningCli {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: HOME,
    env: { PATH: process.env['PATH'], HOME, XDG_CONFIG_HOME: HOME, ...COMPILED, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    process: child,
    stdoutSoFar: () => stdout,
    stderrSoFar: () => stderr,
    ended,
    async printed(text) {
      while (!(stdout + stderr).includes(text)) {
        const listening = new AbortController();
        const heard = [child.stdout, child.stderr].map((stream) => once(stream, 'data', { signal: listening.signal }));
        const over = await Promise.race([ended, ...heard]).finally(() => listening.abort());
        if ('code' in over && !(stdout + stderr).includes(text)) {
          throw new Error(`The command ended (${over.code}) without printing "${text}":\n${stdout}${stderr}`);
        }
      }
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** Commands with a life of their own: they take signals, or install what a process has only once. */
const OWN_PROCESS: ReadonlySet<string | undefined> = new Set([
  'worker',
  'demo',
  'dev',
  'faults',
  'simulate',
  'console',
  'codec-server',
]);

/** Settings that Node.js or a package reads once, when it starts. */
const READ_AT_STARTUP = /^(NODE_|GRPC_|OTEL_|UV_|SSL_|LC_|LANG$|TZ$|DEBUG$)|COLOR|PROXY/i;

/**
 * Runs the command line to its end, in a process that may have run other commands before: most of what a short command
 * takes is the start of its process. Where signals, pipes or the end of the process itself are tested, use
 * {@link startCli}.
 */
export function runCli(args: readonly string[], env: CliEnv = {}): Promise<CliEnd> {
  const needsOwn = OWN_PROCESS.has(args[0]) || Object.keys(env).some((name) => READ_AT_STARTUP.test(name));
  return needsOwn ? startCli(args, env).ended : runInHost(args, env);
}

interface CommandHost {
  process: ChildProcess;
  /** What it printed past the command's own streams, such as a warning of Node.js. */
  printed: string;
}

const idleHosts: CommandHost[] = [];

function startHost(): CommandHost {
  const child = spawn(process.execPath, [join(__dirname, 'command-host.cjs')], {
    cwd: HOME,
    env: { PATH: process.env['PATH'], HOME, XDG_CONFIG_HOME: HOME },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  const host: CommandHost = { process: child, printed: '' };
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (host.printed += text));
  return host;
}

async function runInHost(args: readonly string[], env: CliEnv): Promise<CliEnd> {
  const host = idleHosts.pop() ?? startHost();
  host.printed = '';
  const settled = new AbortController();
  const { signal } = settled;
  const command = { args, env: { PATH: process.env['PATH'], HOME, XDG_CONFIG_HOME: HOME, ...env } };
  host.process.send(command);
  const [end] = (await Promise.race([
    once(host.process, 'message', { signal }),
    once(host.process, 'close', { signal }),
  ]).finally(() => settled.abort())) as [CliEnd | number | null];
  if (end === null || typeof end === 'number') return { code: end, stdout: '', stderr: host.printed };
  idleHosts.push(host);
  return { ...end, stderr: end.stderr + host.printed };
}

/** Runs a command under `--json`; fails when stdout is not exactly one JSON document. */
export async function runJson<T>(
  args: readonly string[],
  env: CliEnv = {},
): Promise<{ code: number | null; document: T; stderr: string }> {
  const { code, stdout, stderr } = await runCli([...args, '--json'], env);
  return { code, document: oneDocument<T>(stdout, stderr), stderr };
}

/** {@link runJson} for a command of the laboratory. */
export async function runLabJson<T>(
  args: readonly string[],
  env: CliEnv = {},
): Promise<{ code: number | null; document: T }> {
  const { code, stdout, stderr } = await startCli([...args, '--json'], env, LAB).ended;
  return { code, document: oneDocument<T>(stdout, stderr) };
}

/** The one JSON document on a command's stdout. */
export function oneDocument<T>(stdout: string, stderr = ''): T {
  try {
    return JSON.parse(stdout) as T;
  } catch (error) {
    throw new Error(`stdout is not exactly one JSON document:\n${stdout}\nstderr:\n${stderr}`, { cause: error });
  }
}

/** What a refused command prints. */
export interface Refused {
  error: { type: string; field?: string; message: string };
}
