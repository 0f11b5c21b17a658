// `node scripts/journeys.mjs [--lines]`: the files that a reader opens to follow five journeys, counted by running them on a
// Temporal server and simulators of their own: one HTTP call, one user from the command line, one chunk of a sweep, a sweep of a
// local file from the command line, and the import of one operation. A file is counted when a function in it runs during the
// second such journey of the process; what runs when a file is loaded, or in the background, is not part of it. Files of types
// alone never run and are counted apart. Needs what `npm run build` makes.
import { createRequire } from 'node:module';
import { Session } from 'node:inspector/promises';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from './commands.mjs';
import { HTTP_TASKS } from './packages.mjs';

const require = createRequire(join(ROOT, 'package.json'));
const SOURCES = /^(src|packages\/[^/]+\/src)\//;
const WORK = join(ROOT, '.cache', 'journeys');
const OPERATION = 'getContact';
const DOCUMENT = join(ROOT, 'providers', 'intercom.openapi.yaml');

/** In the order in which a journey goes through them. */
const ROOMS = [
  'packages/cli',
  'packages/openapi',
  'src/starts',
  'src/workflows',
  'src/providers',
  'src/policy',
  'src/tasks',
  'src/codec',
  'src/activities',
  'src/observability',
  'src/operator-policy',
  'src/config',
  'src/sources',
  'src/http',
  'src/transport',
  'src/ledger',
];

const session = new Session();
session.connect();

/** Counts from now on. Nothing is optimized meanwhile, so that only what is counted runs slowly. */
async function count() {
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
}

/** The functions that ran since then, by file of the sources. */
async function counted() {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  const ran = new Map();
  for (const { url, functions } of result) {
    const modules = modulesOf(url);
    for (const { functionName, ranges } of functions) {
      const [{ startOffset, count }] = ranges;
      const file = modules(startOffset);
      // The whole of a file is a function without a name at its start.
      if (!file || count === 0 || (functionName === '' && startOffset === 0)) continue;
      if (!ran.has(file)) ran.set(file, new Set());
      ran.get(file).add(`${url}:${startOffset}`);
    }
  }
  return ran;
}

/** Where each module of the workflows' bundle begins. @type {[number, string | undefined][]} */
let bundle = [];

function readBundle(code) {
  bundle = [...code.matchAll(/^\/\*\*\*\/ "([^"\n]+)":?$/gm)].map(({ index, 1: path }) => [
    index,
    sourceOf(join(ROOT, path)),
  ]);
}

/** Returns which file of the sources is at an offset of a script. */
function modulesOf(url) {
  if (url.includes('workflow-bundle')) return (offset) => bundle.findLast(([start]) => start < offset)?.[1];
  if (url.startsWith('file://')) {
    const file = sourceOf(new URL(url).pathname);
    return () => file;
  }
  return () => undefined;
}

function sourceOf(path) {
  const file = relative(ROOT, path)
    .replace(/^dist\//, 'src/')
    .replace(/^(packages\/[^/]+)\/dist\//, '$1/src/')
    .replace(/\.js$/, '.ts');
  return SOURCES.test(file) && !file.startsWith('packages/testing/') && existsSync(join(ROOT, file)) ? file : undefined;
}

/** Files of types and constants that these import. */
function typesOf(files) {
  const found = new Set();
  for (const file of files) {
    for (const [, specifier] of readFileSync(join(ROOT, file), 'utf8').matchAll(/\bfrom\s*'([^']+)'/g)) {
      const target = targetOf(file, specifier);
      if (target && !files.has(target) && hasNoCode(target)) found.add(target);
    }
  }
  return found;
}

function targetOf(file, specifier) {
  const path = specifier.startsWith('.')
    ? join(file, '..', specifier)
    : specifier.startsWith('temporal-http-tasks/internal/')
      ? specifier.replace('temporal-http-tasks/internal', 'src')
      : specifier.replace(/^@temporal-http-tasks\/([^/]+)\/internal/, 'packages/$1/src');
  return existsSync(join(ROOT, `${path}.ts`)) ? `${path}.ts` : undefined;
}

/** Whether a file has no function. */
function hasNoCode(file) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return !/^(export )?(async )?function |^(export )?(abstract )?class |=> ?[{(]|=> [a-z]\w*[.(]/m.test(text);
}

class Journey {
  #windows = [];

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  add(ran, without = new Map()) {
    for (const [file, functions] of ran) {
      const known = without.get(file);
      if ([...functions].some((one) => !known?.has(one))) this.#windows.push(file);
    }
  }

  get files() {
    return new Set(this.#windows);
  }
}

function print({ name, files }) {
  const room = (file) => ROOMS.findIndex((start) => file.startsWith(`${start}/`)) >>> 0;
  const sorted = [...files].sort((a, b) => room(a) - room(b) || a.localeCompare(b));
  const lines = (all) =>
    all.reduce((sum, file) => sum + readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1, 0);
  const types = [...typesOf(files)].sort();
  console.log(`## ${name}: ${sorted.length} files, ${lines(sorted)} lines; of types ${types.length}\n`);
  console.log(`${sorted.join('\n')}\n\ntypes: ${types.join(' ')}\n`);
}

const { runCommandLine } = require('./packages/cli/dist/program/program.js');

/** Runs a command line in this process. */
async function command(argv, env) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: false, columns: 80 });
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  stdin.end();
  const texts = ['', ''];
  stdout.on('data', (text) => (texts[0] += text));
  stderr.on('data', (text) => (texts[1] += text));
  const exitCode = await runCommandLine(argv, { env, stdin, stdout, stderr, exitCode: 0 });
  if (exitCode !== 0) throw new Error(`http-tasks ${argv.join(' ')} ended with ${exitCode}\n${texts.join('')}`);
}

async function main() {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  await session.post('Profiler.enable');
  const { Opened, openStage } = require('./packages/testing/dist/stage/stage.js');
  const { findTemporalServer } = require('./packages/testing/dist/temporal-server/index.js');
  const opened = new Opened((line) => console.error(line));
  try {
    const users = Array.from({ length: 40 }, (_, index) => ({ plaid: `usr_${index}`, batch: `b-${index}` }));
    const stage = await openStage(opened, {
      binary: (await findTemporalServer()).path,
      simulators: {
        plaid: { users: { users: users.map(({ plaid }) => ({ userId: plaid, items: [`item-${plaid}`] })) } },
        batch: { users: { users: users.map(({ batch }) => batch) } },
      },
    });
    const env = { ...stage.settings, HTTP_TASKS_TASK_QUEUE: 'http-tasks' };
    await journeys({ opened, env, users, address: stage.server.address });
  } finally {
    await opened.end();
  }
}

async function journeys({ opened, env, users, address }) {
  const { Runtime, NativeConnection, Worker, DefaultLogger, bundleWorkflowCode } = require('@temporalio/worker');
  const { Client, Connection } = require('@temporalio/client');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const workflows = join(WORK, 'workflows.cjs');
  writeFileSync(
    workflows,
    `const all = require('temporal-http-tasks/workflow');
     Object.assign(exports, all, { one: (input) => all.httpTask(all.plaid.userRemove)(input) });`,
  );
  const chunk = { onBegin: async () => undefined, onEnd: async () => undefined };
  const activities = require('./dist/activities/create-activities.js');
  const { createHttpTaskActivities } = activities;
  activities.createHttpTaskActivities = (given) => {
    const made = createHttpTaskActivities(given);
    const { 'httpTasks.planChunks': plan, 'httpTasks.runBulk': bulk } = made.activities;
    made.activities['httpTasks.planChunks'] = async (...input) => {
      const planned = await plan(...input);
      await chunk.onBegin();
      return planned;
    };
    made.activities['httpTasks.runBulk'] = async (...input) => {
      await chunk.onEnd();
      return bulk(...input);
    };
    return made;
  };
  const { HttpTasksPlugin } = require('./dist/index.js');
  const nativeConnection = await NativeConnection.connect({ address });
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: workflows });
  readBundle(workflowBundle.code);
  const worker = await Worker.create({
    connection: nativeConnection,
    taskQueue: env.HTTP_TASKS_TASK_QUEUE,
    workflowBundle,
    debugMode: true,
    plugins: [new HttpTasksPlugin({ env })],
  });
  const running = worker.run();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  opened.add(() => connection.close());
  const taskQueue = env.HTTP_TASKS_TASK_QUEUE;
  while (worker.getState() === 'INITIALIZED') await Promise.race([running, delay(20)]);
  const take = () => users.shift();

  const execute = (type, args) =>
    client.workflow.execute(type, { taskQueue, workflowId: `${type}-${take().batch}`, args });

  // What runs when a bundle is loaded: a run of an unknown type gets no further.
  await count();
  const stuck = await client.workflow.start('unknown', { taskQueue, workflowId: 'unknown' });
  await delay(2_000);
  const loading = await counted();
  await stuck.terminate();

  const call = new Journey('(a) one HTTP call');
  await execute('one', [{ user_id: take().plaid }]);
  await count();
  await execute('one', [{ user_id: take().plaid }]);
  call.add(await counted(), loading);
  print(call);

  const user = new Journey('(b) one user from the command line');
  const offboard = ({ plaid, batch }) =>
    command(
      ['offboard', '--plaid-user-id', plaid, '--batch-user-id', batch, '--reason', 'OTHER', '--yes', '--json'],
      env,
    );
  await offboard(take());
  await count();
  await offboard(take());
  user.add(await counted(), loading);
  print(user);
  print({ name: '(b) without those of (a)', files: new Set([...user.files].filter((file) => !call.files.has(file))) });

  const sweep = async (count) => {
    const file = join(WORK, `users-${count}-${users.length}.csv`);
    writeFileSync(
      file,
      [
        'plaid_user_id,batch_user_id',
        ...users.splice(0, count).map(({ plaid, batch }) => `${plaid},${batch}`),
        '',
      ].join('\n'),
    );
    await command(
      [
        'sweep',
        '--source',
        file,
        '--reason',
        'OTHER',
        '--rate',
        '6000',
        '--yes',
        '--granularity',
        'chunk',
        '--watch',
        '--json',
      ],
      env,
    );
  };
  const oneChunk = new Journey('(c) one chunk of a sweep');
  await sweep(3);
  chunk.onBegin = count;
  chunk.onEnd = async () => oneChunk.add(await counted(), loading);
  await sweep(3);
  print(oneChunk);
  print({
    name: '(c) without those of (a)',
    files: new Set([...oneChunk.files].filter((file) => !call.files.has(file))),
  });
  chunk.onBegin = chunk.onEnd = async () => undefined;

  worker.shutdown();
  await running;
  await nativeConnection.close();
  const child = spawn(process.execPath, [HTTP_TASKS, 'worker'], { env: { ...process.env, ...env }, stdio: 'ignore' });
  opened.add(async () => void child.kill());
  const whole = new Journey('(d) a sweep of a local file, watched, without the worker');
  await sweep(3);
  await count();
  await sweep(3);
  whole.add(await counted());
  print(whole);

  const imported = new Journey('(e) the import of one operation');
  const importOne = () =>
    command(
      ['import', DOCUMENT, '--service', 'desk', '--operation', OPERATION, '--out', join(WORK, 'out'), '--force'],
      env,
    );
  await importOne();
  await count();
  await importOne();
  imported.add(await counted());
  print(imported);
}

await main();
process.exit();
