import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** How to start npm: the very npm that started us, else the one on PATH. */
export function npmCommand(args) {
  const running = process.env.npm_execpath;
  return running?.endsWith('.js') ? [process.execPath, running, ...args] : ['npm', ...args];
}

/**
 * Runs a command in the project's folder and resolves to its exit code; 1 when it could not start or was killed.
 * What it prints goes to stderr, for stdout belongs to the caller's own result. With `background`, it and what it starts
 * use the processors only while nothing else does.
 */
export function run([command, ...args], { limitMs, giveUp, background = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', process.stderr, process.stderr] });
    if (background && child.pid !== undefined) lowerPriority(child.pid);
    const end = () => child.kill('SIGKILL');
    const timer = limitMs === undefined ? undefined : setTimeout(end, limitMs);
    giveUp?.addEventListener('abort', end);
    const done = (code) => {
      clearTimeout(timer);
      resolve(code);
    };
    child.once('error', (error) => {
      process.stderr.write(`${command} could not be started: ${error.message}\n`);
      done(1);
    });
    child.once('exit', (code) => done(code ?? 1));
  });
}

/** A process that has ended already, or a system without priorities, is left as it is. */
function lowerPriority(pid) {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It runs at the usual priority, or not at all.
  }
}
