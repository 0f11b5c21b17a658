import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { fileWith, removeFolders } from '../sources/reading';
import { HOME, MAIN } from './run-cli';

afterAll(removeFolders);

it('ends although something that a command left open would keep the process', async () => {
  const preload = fileWith('', 'keep-open.cjs');
  writeFileSync(preload, "require('node:net').createServer().listen(0, '127.0.0.1');");
  const { stdout } = await promisify(execFile)(process.execPath, ['--require', preload, MAIN, 'list', '--json'], {
    timeout: 60_000,
  });
  expect((JSON.parse(stdout) as unknown[]).length).toBeGreaterThan(5);
});

const FULL = '/dev/full';

/** Runs a command with `/dev/full` as stdout (1) or stderr (2); returns what it writes to the other one, and its exit code. */
async function runWithFull(
  full: 1 | 2,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<[string, number]> {
  const device = openSync(FULL, 'w');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: HOME,
    env: { ...process.env, ...env },
    stdio: ['ignore', full === 1 ? device : 'pipe', full === 2 ? device : 'pipe'],
  });
  const other = child.stdio[3 - full];
  const [said, [code]] = await Promise.all([text(other as Readable), once(child, 'close')]);
  closeSync(device);
  return [said, code as number];
}

it('says in a sentence that the output cannot be written', async () => {
  expect(await runWithFull(1, ['list', '--json'])).toEqual(['The output cannot be written (ENOSPC).\n', 1]);
});

it('prints the result when the progress cannot be written', async () => {
  const [said, code] = await runWithFull(2, ['show', 'nosuch', '--json'], { PLAID_SECRE: 'x' });
  expect({ keys: Object.keys(JSON.parse(said) as object), code }).toEqual({ keys: ['error'], code: 2 });
});
