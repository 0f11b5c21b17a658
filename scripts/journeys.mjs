// `node scripts/journeys.mjs`: the files that a reader opens to follow five journeys, counted by running them on a Temporal
// server and simulators of their own: one HTTP call, one user from the command line, one chunk of a sweep, a sweep of a local
// file from the command line, and the import of one operation. Each journey runs once to load its files and then three times:
// a file is counted when a function in it runs each of these times, so what runs in the background now and then is not part
// of it. Files of types alone never run and are counted apart. A file of which one line runs counts as much as the one that
// holds the concept, so the smallest number of files that hold nine tenths of the lines that ran is given too, and the lines
// that ran of each file. Needs what `npm run build` makes.
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
const TIMES = 3;
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
    const { fileAt, text } = scriptOf(url);
    // An outer function is listed before those in it.
    const stack = [];
    for (const { functionName, ranges } of functions) {
      const [{ startOffset, endOffset, count }] = ranges;
      const file = fileAt(startOffset);
      // The whole of a file is a function without a name at its start.
      if (!file || (functionName === '' && startOffset === 0)) continue;
      const one = { key: `${url}:${startOffset}`, lines: linesIn(text(), startOffset, endOffset) };
      while (stack.length > 0 && stack.at(-1).endOffset <= startOffset) stack.pop();
      const outer = stack.at(-1);
      if (outer) outer.one.lines -= one.lines;
      stack.push({ endOffset, one });
      if (count === 0) continue;
      if (!ran.has(file)) ran.set(file, []);
      ran.get(file).push(one);
    }
  }
  return ran;
}

function linesIn(text, start, end) {
  return text.slice(start, end).split('\n').length;
}

/** The workflows' bundle, and where each module of it begins. @type {{ code: string, starts: [number, string | undefined][] }} */
let bundle = { code: '', starts: [] };

function readBundle(code) {
  const starts = [...code.matchAll(/^\/\*\*\*\/ "([^"\n]+)":?$/gm)].map(({ index, 1: path }) => [
    index,
    sourceOf(join(ROOT, path)),
  ]);
  bundle = { code, starts };
}

/** Returns the text of a script, and which file of the sources is at an offset of it. */
function scriptOf(url) {
  if (url.includes('workflow-bundle')) {
    return { text: () => bundle.code, fileAt: (offset) => bundle.starts.findLast(([start]) => start < offset)?.[1] };
  }
  const path = url.startsWith('file://') ? new URL(url).pathname : undefined;
  const file = path === undefined ? undefined : sourceOf(path);
  return { text: () => readFileSync(path, 'utf8'), fileAt: () => file };
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
  for (const file of files.keys()) {
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

/** The files and the lines of them that ran in each of several times. */
class Journey {
  /** @type {Map<string, number> | undefined} */
  #ran;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** Counts what runs meanwhile. */
  async time(work, without) {
    await count();
    await work();
    this.add(await counted(), without);
  }

  add(ran, without = new Map()) {
    const now = new Map();
    for (const [file, functions] of ran) {
      const known = new Set(without.get(file)?.map(({ key }) => key));
      const others = functions.filter(({ key }) => !known.has(key));
      if (others.length > 0)
        now.set(
          file,
          others.reduce((sum, { lines }) => sum + Math.max(1, lines), 0),
        );
    }
    const before = this.#ran ?? now;
    this.#ran = new Map([...now].filter(([file]) => before.has(file)));
  }

  get files() {
    return this.#ran ?? new Map();
  }

  without(other) {
    return new Map([...this.files].filter(([file]) => !other.files.has(file)));
  }
}

/** @param {{ name: string, files: Map<string, number> }} journey */
function print({ name, files }) {
  const room = (file) => ROOMS.findIndex((start) => file.startsWith(`${start}/`)) >>> 0;
  const sorted = [...files.keys()].sort((a, b) => room(a) - room(b) || a.localeCompare(b));
  const all = sorted.reduce((sum, file) => sum + readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1, 0);
  const ran = [...files.values()].sort((a, b) => b - a);
  const total = ran.reduce((sum, lines) => sum + lines, 0);
  let rest = total * 0.9;
  const most = ran.findIndex((lines) => (rest -= lines) <= 0) + 1;
  const types = [...typesOf(files)].sort();
  console.log(
    `## ${name}: ${sorted.length} files, ${all} lines; ${total} lines ran, nine tenths of them in ${most} files; of types ${types.length}\n`,
  );
  console.log(sorted.map((file) => `${String(files.get(file)).padStart(5)} ${file}`).join('\n'));
  console.log(`\ntypes: ${types.join(' ')}\n`);
}

/**
 * Counts from the end of the first planning of a sweep to the beginning of the first bulk activity after it. There are more
 * of both: one bulk activity for each key, and a planning for each round.
 */
class ChunkWindow {
  /** @type {'closed' | 'awaited' | 'open'} */
  #state = 'closed';
  #journey;
  #without;

  await(journey, without) {
    [this.#state, this.#journey, this.#without] = ['awaited', journey, without];
  }

  async begin() {
    if (this.#state !== 'awaited') return;
    this.#state = 'open';
    await count();
  }

  async end() {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    this.#journey.add(await counted(), this.#without);
  }

  requireEnd() {
    if (this.#state !== 'closed') throw new Error(`The sweep ended while its chunk was ${this.#state}.`);
  }
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
  return texts[0];
}

async function main() {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  await session.post('Profiler.enable');
  const { Opened, openStage } = require('./packages/testing/dist/stage/stage.js');
  const { findTemporalServer } = require('./packages/testing/dist/temporal-server/index.js');
  const opened = new Opened((line) => console.error(line));
  try {
    const users = Array.from({ length: 60 }, (_, index) => ({ plaid: `usr_${index}`, batch: `b-${index}` }));
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
  const chunk = new ChunkWindow();
  const activities = require('./dist/activities/create-activities.js');
  const { createHttpTaskActivities } = activities;
  activities.createHttpTaskActivities = (given) => {
    const made = createHttpTaskActivities(given);
    const { 'httpTasks.planChunks': plan, 'httpTasks.runBulk': bulk } = made.activities;
    made.activities['httpTasks.planChunks'] = async (...input) => {
      const planned = await plan(...input);
      await chunk.begin();
      return planned;
    };
    made.activities['httpTasks.runBulk'] = async (...input) => {
      await chunk.end();
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

  const repeat = async (journey, work, without) => {
    await work();
    for (let time = 0; time < TIMES; time += 1) await journey.time(work, without);
    print(journey);
  };

  const call = new Journey('(a) one HTTP call');
  await repeat(call, () => execute('one', [{ user_id: take().plaid }]), loading);

  const user = new Journey('(b) one user from the command line');
  const offboard = () => {
    const { plaid, batch } = take();
    return command(
      ['offboard', '--plaid-user-id', plaid, '--batch-user-id', batch, '--reason', 'OTHER', '--yes', '--json'],
      env,
    );
  };
  await repeat(user, offboard, loading);
  print({ name: '(b) without those of (a)', files: user.without(call) });

  const sweep = (...options) => {
    const file = join(WORK, `users-${users.length}.csv`);
    const rows = users.splice(0, 3).map(({ plaid, batch }) => `${plaid},${batch}`);
    writeFileSync(file, ['plaid_user_id,batch_user_id', ...rows, ''].join('\n'));
    const how = ['--reason', 'OTHER', '--rate', '6000', '--granularity', 'chunk', '--yes', '--json'];
    return command(['sweep', '--source', file, ...how, ...options], env);
  };
  // Not watched: the command would ask for the state of the sweep meanwhile.
  const sweepUnwatched = async () => {
    const { sweepId } = JSON.parse(await sweep());
    await client.workflow.getHandle(sweepId).result();
  };
  const oneChunk = new Journey('(c) one chunk of a sweep');
  await sweepUnwatched();
  for (let time = 0; time < TIMES; time += 1) {
    chunk.await(oneChunk, loading);
    await sweepUnwatched();
    chunk.requireEnd();
  }
  print(oneChunk);
  print({ name: '(c) without those of (a)', files: oneChunk.without(call) });

  worker.shutdown();
  await running;
  await nativeConnection.close();
  const child = spawn(process.execPath, [HTTP_TASKS, 'worker'], { env: { ...process.env, ...env }, stdio: 'ignore' });
  opened.add(async () => void child.kill());
  const whole = new Journey('(d) a sweep of a local file, watched, without the worker');
  await repeat(whole, () => sweep('--watch'));

  const imported = new Journey('(e) the import of one operation');
  const out = join(WORK, 'out');
  await repeat(imported, () =>
    command(['import', DOCUMENT, '--service', 'desk', '--operation', OPERATION, '--out', out, '--force'], env),
  );
}

await main();
process.exit();
