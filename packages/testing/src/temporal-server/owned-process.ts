import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childEnvironment } from './child-environment';

/** How to run a server that this process owns. */
export interface OwnedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** File for the output of the process. @default a temporary file that {@link OwnedProcess.stop} removes */
  readonly logFile?: string;
  /** User to run as; only root may set it. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Signal that asks the process to end. @default SIGTERM */
  readonly stopSignal?: NodeJS.Signals;
  /** Time until it is killed, in milliseconds. @default 10 000 */
  readonly stopMs?: number;
}

const STOP_MS = 10_000;

/**
 * A server process that ends when this process does. It has its own process group, so that Ctrl-C in a terminal reaches
 * this process first, which then ends everything in the right order.
 */
export class OwnedProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lifeline: ChildProcess | undefined;
  readonly #logFile: string;
  readonly #ownsLog: boolean;
  readonly #stopSignal: NodeJS.Signals;
  readonly #stopMs: number;
  readonly #exited: Promise<void>;
  readonly #killNow = (): void => this.#signal('SIGKILL');

  private constructor(child: ChildProcess, pid: number, logFile: string, options: OwnedProcessOptions) {
    this.pid = pid;
    this.#child = child;
    this.#logFile = logFile;
    this.#ownsLog = options.logFile === undefined;
    this.#stopSignal = options.stopSignal ?? 'SIGTERM';
    this.#stopMs = options.stopMs ?? STOP_MS;
    this.#lifeline = startLifeline(pid, this.#stopSignal);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        process.off('exit', this.#killNow);
        this.#lifeline?.kill('SIGKILL');
        resolve();
      });
    });
    process.on('exit', this.#killNow);
  }

  /** Starts the process; rejects if the executable cannot be run. */
  static async start(options: OwnedProcessOptions): Promise<OwnedProcess> {
    const logFile = options.logFile ?? join(await mkdtemp(join(tmpdir(), 'http-tasks-log-')), 'server.log');
    const log = openSync(logFile, 'a');
    try {
      const child = spawn(options.command, [...options.args], {
        detached: true,
        stdio: ['ignore', log, log],
        env: options.env,
        ...options.user,
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      if (child.pid === undefined) throw new Error(`${options.command} was started without a process id`);
      child.unref();
      return new OwnedProcess(child, child.pid, logFile, options);
    } finally {
      closeSync(log);
    }
  }

  /** Whether the process is running. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Returns the last lines of its output, for an error message. */
  async logTail(): Promise<string> {
    const text = await readFile(this.#logFile, 'utf8').catch(() => '');
    return text.split('\n').slice(-12).join('\n').trim().slice(-2_000);
  }

  /** Asks the process to end, kills it after `stopMs`, and returns once it has ended. Safe to call again. */
  async stop(): Promise<void> {
    // Keeps this process alive until the other one has ended.
    this.#child.ref();
    this.#signal(this.#stopSignal);
    const giveUp = new AbortController();
    await Promise.race([
      this.#exited,
      delay(this.#stopMs, undefined, { signal: giveUp.signal }).catch(() => undefined),
    ]);
    giveUp.abort();
    this.#signal('SIGKILL');
    await this.#exited;
    if (this.#ownsLog) await rm(dirname(this.#logFile), { recursive: true, force: true });
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }
}

/**
 * Starts a small shell that waits on a pipe from this process. However this process ends (kill -9, out of memory), the
 * operating system closes the pipe, and the shell then ends the server.
 */
function startLifeline(pid: number, stopSignal: NodeJS.Signals): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const script = `read -r _; kill -${stopSignal.slice(3)} "$1" 2>/dev/null`;
  const lifeline = spawn('/bin/sh', ['-c', script, 'lifeline', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: childEnvironment(process.env),
  });
  // Without a shell, the server is still ended on every orderly exit.
  lifeline.on('error', () => undefined);
  lifeline.unref();
  return lifeline;
}
