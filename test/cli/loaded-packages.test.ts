import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { HOME, MAIN, startCli } from './run-cli';
import type { CliEnv } from './run-cli';

// Loading packages is nearly all that a short command takes. How long that is depends on the machine; which are loaded does not.

const HOOK = join(__dirname, 'note-loaded-packages.cjs');
const ROOT = join(__dirname, '..', '..');
const MANIFESTS = ['.', ...readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name))].map(
  (folder) =>
    JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Record<string, object | undefined>,
);
const ours = MANIFESTS.flatMap(({ dependencies, peerDependencies }) =>
  Object.keys({ ...dependencies, ...peerDependencies }),
);

let files = 0;
const freshFile = (): string => join(HOME, `loaded-${(files += 1)}.json`);

/** The packages that a command line had loaded at its end, of those that this package depends on. */
async function loadedBy(args: readonly string[], env: CliEnv = {}): Promise<string[]> {
  const LOADED_PACKAGES = freshFile();
  await new Promise((resolve) => {
    const given = { PATH: process.env['PATH'], HOME, XDG_CONFIG_HOME: HOME, ...env, LOADED_PACKAGES };
    execFile(process.execPath, ['--require', HOOK, MAIN, ...args], { cwd: HOME, env: given }, resolve);
  });
  return (await readLoaded(LOADED_PACKAGES)).filter((name) => ours.includes(name));
}

async function readLoaded(file: string): Promise<string[]> {
  return JSON.parse(await readFile(file, 'utf8')) as string[];
}

const PLAID: CliEnv = { PLAID_BASE_URL: 'http://127.0.0.1:1', PLAID_CLIENT_ID: 'client', PLAID_SECRET: 'secret' };
const LEDGER: CliEnv = {
  HTTP_TASKS_LEDGER_URL: `file:${mkdtempSync(join(HOME, 'ledger-'))}/ledger.db`,
  HTTP_TASKS_SUBJECT_KEY: 'the subject key of these tests',
};

it.each([
  ['the version', ['--version'], {}, ['commander']],
  ['the list of commands', ['--help'], {}, ['commander']],
  ['an unknown command', ['swep'], {}, ['commander']],
  ['the help of a command that needs most of them', ['faults', '--help'], {}, ['commander']],
  ['a refused option of the worker', ['worker', '--bogus'], {}, ['commander']],
  ['the catalogue', ['list', '--json'], {}, ['cli-table3', 'commander', 'zod']],
  [
    'a call that is not sent',
    ['call', 'plaid.userItemsGet', '--input', '{"user_id":"usr_1"}', '--dry-run', '--json'],
    PLAID,
    ['commander', 'lossless-json', 'zod'],
  ],
  ['the holds', ['hold', 'list', '--json'], LEDGER, ['cli-table3', 'commander', 'kysely', 'pg']],
])('%s: %j', async (_, args, env, packages) => {
  expect(await loadedBy(args, env)).toEqual(packages);
});

it('a worker that starts with a bundle that the build made loads no bundler', async () => {
  const LOADED_PACKAGES = freshFile();
  const worker = startCli(['worker'], {
    ...PLAID,
    ...LEDGER,
    HTTP_TASKS_SERVICES: 'plaid',
    HTTP_TASKS_TASK_QUEUE: freshTaskQueue('loaded'),
    TEMPORAL_ADDRESS: temporalAddress(),
    NODE_OPTIONS: `--require ${HOOK}`,
    LOADED_PACKAGES,
  });
  await worker.printed('"msg":"polling"');
  const { code, stderr } = await worker.stop();
  expect({ code, bundled: stderr.includes('bundling the workflows') }).toEqual({ code: 0, bundled: false });
  const loaded = await readLoaded(LOADED_PACKAGES);
  expect(loaded).toContain('@temporalio/worker');
  // Webpack's resolver and what compiles TypeScript come with the first bundle, traces and reports when they are wanted.
  for (const name of ['enhanced-resolve', '@swc/core', 'vega', 'fast-check', '@opentelemetry/sdk-trace-node'])
    expect(loaded).not.toContain(name);
});
