import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

// The README from top to bottom, as a newcomer types it: each shell line as printed, in two terminals in one folder.

const ROOT = join(__dirname, '..', '..');

/** The lines of the README's shell blocks, without comments. */
const LINES = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => line !== '');

/** Lines that other tests run: they take minutes, or need a registry. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm run demo': 'test/cli/demo.test.ts',
  'npm test': 'this run',
  'npm install temporal-http-tasks': 'test/package/package.test.ts, from the packed package',
  'npm install @temporal-http-tasks/cli': 'test/package/package.test.ts, from the packed package',
};

/** Lines that run until they are ended, and what they print once they are ready. */
const STAYING: Readonly<Record<string, string>> = {
  'npx http-tasks dev': 'Ctrl-C',
  'npx http-tasks dev --providers klaviyo.provider.yaml': 'Ctrl-C',
  'npx http-tasks worker': 'polling',
  'npx http-tasks console': 'http://127.0.0.1:',
};

/** Lines that do not end with 0, and why: as the sentence below each of them says. */
const NOT_ZERO: Readonly<Record<string, { code: number; says: RegExp }>> = {
  'npx http-tasks sweep --source packages/cli/examples/users.csv --reason CONSUMER_ACCOUNT_CLOSED --watch': {
    code: 1,
    says: /partial/i,
  },
  'npx http-tasks schedule create nightly --cron "0 3 * * *" --source query:closed_accounts --reason CONSUMER_ACCOUNT_CLOSED':
    { code: 2, says: /closed_accounts/ },
};

const folder = mkdtempSync(join(tmpdir(), 'http-tasks-readme-'));
const staying = new Set<ChildProcessWithoutNullStreams>();

beforeAll(() => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  for (const name of ['node_modules', 'packages', 'providers']) symlinkSync(join(ROOT, name), join(folder, name));
});

afterAll(async () => {
  for (const child of staying) await end(child);
  rmSync(folder, { recursive: true, force: true });
});

function start(line: string): { child: ChildProcessWithoutNullStreams; printed: () => string } {
  const child = spawn('sh', ['-c', `exec ${line}`], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
      npm_config_offline: 'true',
    },
    // A group of its own, as in a terminal, so that Ctrl-C reaches npx and the command.
    detached: true,
  });
  child.stdin.end();
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text));
  return { child, printed: () => printed };
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  staying.delete(child);
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = once(child, 'close');
  process.kill(-child.pid, 'SIGINT');
  await ended;
}

/** Starts what stays, and returns once it is ready. */
async function stay(line: string, ready: string): Promise<ChildProcessWithoutNullStreams> {
  const { child, printed } = start(line);
  staying.add(child);
  while (!printed().includes(ready)) {
    const over = new AbortController();
    const heard = [child.stdout, child.stderr].map((stream) => once(stream, 'data', { signal: over.signal }));
    await Promise.race([...heard, once(child, 'close', { signal: over.signal })]).finally(() => over.abort());
    if (child.exitCode !== null) throw new Error(`${line} ended with ${child.exitCode}:\n${printed()}`);
  }
  return child;
}

async function runToEnd(line: string): Promise<{ code: number | null; printed: string }> {
  const { child, printed } = start(line);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, printed: printed() };
}

it('runs every line of the README as it is printed', async () => {
  const ends: string[] = [];
  for (const line of LINES) {
    if (line in ELSEWHERE) continue;
    const ready = STAYING[line];
    if (ready !== undefined) {
      // One dev at a time, in the first terminal; what stays besides it is ended as soon as it is ready.
      const isDev = line.startsWith('npx http-tasks dev');
      if (isDev) for (const child of staying) await end(child);
      const child = await stay(line, ready);
      if (!isDev) await end(child);
      continue;
    }
    const { code, printed } = await runToEnd(line);
    const expected = NOT_ZERO[line];
    if (code !== (expected?.code ?? 0)) ends.push(`${line} ended with ${code}:\n${printed}`);
    else if (expected && !expected.says.test(printed)) ends.push(`${line} did not say ${expected.says}:\n${printed}`);
  }
  expect(ends).toEqual([]);
});

it('names no line that the README does not have', () => {
  const known = [...Object.keys(ELSEWHERE), ...Object.keys(STAYING), ...Object.keys(NOT_ZERO)];
  expect(known.filter((line) => !LINES.includes(line))).toEqual([]);
});
