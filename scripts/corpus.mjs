// `npm run corpus -- FOLDER`: imports every OpenAPI document below a folder, each in a process of its own, and prints what
// became of its operations, and what it took. Exit code 1 where an import fails without a reason or an operation is lost.
import { spawn } from 'node:child_process';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { build } from './build.mjs';
import { ROOT } from './commands.mjs';
import { HTTP_TASKS } from './packages.mjs';
import { Document, documentsBelow } from './corpus/document.mjs';

const USAGE = 'Usage: npm run corpus -- FOLDER [--examples] [--runs N] [--json]\n';
const MAX_SECONDS = 120;

const { values, positionals } = options();
const [folder] = positionals;
const runs = Number(values.runs);
if (folder === undefined || positionals.length > 1 || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(USAGE);
  process.exit(2);
}
await build();
const documents = [];
for (const path of documentsBelow(resolve(folder))) {
  documents.push(await measure(path));
  if (!values.json) process.stderr.write(`${documents.at(-1).document}\n`);
}
const totals = Object.fromEntries(
  ['operations', 'imported', 'skipped'].map((key) => [
    key,
    sum(documents.map((one) => (Array.isArray(one[key]) ? one[key].length : (one[key] ?? 0)))),
  ]),
);
process.stdout.write(values.json ? `${JSON.stringify({ documents, totals })}\n` : text());
process.exitCode = documents.some(({ problem, examples }) => problem !== undefined || examples?.problem !== undefined)
  ? 1
  : 0;

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { examples: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string', default: '1' } },
    });
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}`);
    return process.exit(2);
  }
}

/** What the import of one document reports and takes; `problem` is what should not be, `refused` a reason that was given. */
async function measure(path) {
  const document = relative(resolve(folder), path) || path;
  const measured = [];
  for (let run = 0; run < runs; run += 1) measured.push(await importOf(path));
  const [first] = measured;
  const took = {
    seconds: rounded(median(measured.map(({ seconds }) => seconds))),
    processorSeconds: rounded(median(measured.map(({ processorSeconds }) => processorSeconds))),
    megabytes: Math.round(median(measured.map(({ bytes }) => bytes)) / 1e6),
  };
  const report = json(first.stdout);
  if (report?.error !== undefined && first.code === 2) return { document, ...took, refused: report.error.message };
  if (!Array.isArray(report?.skipped))
    return {
      document,
      ...took,
      problem: `the import failed: ${(report?.error?.message ?? first.stderr.slice(-300)) || `code ${first.code}`}`,
    };
  const { operations, imported, skipped, decide } = report;
  const expected = new Document(path).operations().length;
  const impossible = decide
    .filter(({ what }) => what.startsWith('input: no value fits'))
    .map(({ operation, what }) => ({ operation, what }));
  const isKept = operations === imported + skipped.length && operations >= expected;
  const result = {
    document,
    operations,
    imported,
    skipped,
    impossible,
    ...took,
    ...(!isKept && {
      problem: `${expected} operations in the document, ${imported} imported and ${skipped.length} skipped`,
    }),
  };
  return values.examples ? { ...result, examples: await examplesOf(path) } : result;
}

async function importOf(path) {
  const args = [
    '--require',
    join(ROOT, 'scripts', 'corpus', 'memory.cjs'),
    HTTP_TASKS,
    'import',
    path,
    '--all',
    '--json',
  ];
  const beganAt = performance.now();
  const { code, stdout, stderr, memory } = await run(args);
  const seconds = (performance.now() - beganAt) / 1_000;
  return { code, stdout, stderr, seconds, ...(json(memory) ?? { bytes: 0, processorSeconds: seconds }) };
}

async function examplesOf(path) {
  const { stdout, stderr } = await run([join(ROOT, 'scripts', 'corpus', 'examples.mjs'), path]);
  return json(stdout) ?? { problem: `its examples could not be compared: ${stderr.slice(-500)}` };
}

function run(args) {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      timeout: MAX_SECONDS * 1_000,
      killSignal: 'SIGKILL',
    });
    const [, stdout, stderr, memory] = child.stdio.map((stream) => collect(stream));
    child.once('close', (code) =>
      done({ code, stdout: stdout?.text ?? '', stderr: stderr?.text ?? '', memory: memory?.text ?? '' }),
    );
  });
}

function collect(stream) {
  const collected = { text: '' };
  stream?.setEncoding('utf8').on('data', (chunk) => (collected.text += chunk));
  return collected;
}

function json(stdout) {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function rounded(seconds) {
  return Math.round(seconds * 100) / 100;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Skipped operations by their reasons. */
function byReason(skipped) {
  const groups = new Map();
  for (const one of skipped) groups.set(one.why, [...(groups.get(one.why) ?? []), one]);
  return groups;
}

function text() {
  const table = new Table({
    head: [
      'document',
      'operations',
      'imported',
      'skipped',
      's',
      'CPU s',
      'MB',
      ...(values.examples ? ['examples', 'refused'] : []),
    ],
    style: { head: [], border: [] },
  });
  for (const {
    document,
    operations = '-',
    imported = '-',
    skipped = [],
    seconds,
    processorSeconds,
    megabytes,
    examples,
  } of documents) {
    table.push([
      document,
      operations,
      imported,
      skipped.length,
      seconds.toFixed(2),
      processorSeconds.toFixed(2),
      megabytes,
      ...(values.examples ? [examples?.checked ?? '-', examples?.refused?.length ?? '-'] : []),
    ]);
  }
  table.push([
    'all',
    totals.operations,
    totals.imported,
    totals.skipped,
    '',
    '',
    '',
    ...(values.examples
      ? [
          sum(documents.map(({ examples }) => examples?.checked ?? 0)),
          sum(documents.map(({ examples }) => examples?.refused?.length ?? 0)),
        ]
      : []),
  ]);
  const notes = documents.flatMap(({ document, problem, refused, skipped = [], impossible = [], examples }) => [
    ...(problem === undefined ? [] : [`${document}: PROBLEM: ${problem}`]),
    ...(refused === undefined ? [] : [`${document}: refused: ${refused}`]),
    ...[...byReason(skipped)].map(
      ([why, list]) =>
        `${document}: skipped ${list.length} (${list[0].operation}${list.length > 1 ? ', …' : ''}): ${why}`,
    ),
    ...impossible.map(({ operation, what }) => `${document}: ${operation}: ${what}`),
    ...(examples?.problem === undefined ? [] : [`${document}: PROBLEM: ${examples.problem}`]),
    ...(examples?.refused ?? []).map(
      ({ operation, place, reason }) => `${document}: ${operation}: ${place}: ${reason}`,
    ),
  ]);
  return `${table.toString()}\n${notes.map((note) => `${note}\n`).join('')}`;
}
