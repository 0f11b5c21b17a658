// `npm test`: installs what is missing, compiles, and runs all tests; types and lint are checked meanwhile, with the time that
// tests spend waiting. Further arguments go to jest (`npm test -- test/http`). The last line is always `N passed, N failed`;
// the build, the types and the lint count as one each.
// `npm run test:whole` does the same with the large sizes and the many cases of test/support/amount.ts.
// With --tests-only, what is installed and compiled stays as it is, and neither types nor lint are checked: for the same tests
// on another release of Node.js.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT, npmCommand, run } from './commands.mjs';
import { build } from './build.mjs';
import { ensureInstalled, ensurePrograms } from './ensure-installed.mjs';
import UnfinishedReporter from './unfinished-reporter.cjs';

const WHOLE = '--whole';
const TESTS_ONLY = '--tests-only';

/** Ends what hangs; on two cores that do nothing else the tests take some 24 minutes. */
const JEST_LIMIT_MS = { part: 45 * 60_000, whole: 90 * 60_000 };
/** How long jest may take to end once it has written its results; longer means that a test left something open. */
const JEST_END_MS = 60_000;
const RESULTS = join(ROOT, '.test-state', 'jest.json');

const isWhole = process.argv.includes(WHOLE);
const testsOnly = process.argv.includes(TESTS_ONLY);
const jestArguments = process.argv.slice(2).filter((argument) => argument !== WHOLE && argument !== TESTS_ONLY);
const problems = [];
let passed = 0;
let failed = 0;

function count(name, ok) {
  if (ok) passed += 1;
  else fail(1, name);
}

function fail(howMany, problem) {
  failed += howMany;
  problems.push(problem);
}

async function builds() {
  try {
    await build();
    return true;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}

async function npmScriptPasses(name) {
  process.stderr.write(`npm run ${name}\n`);
  return (await run(npmCommand(['run', '--silent', name]), { background: true })) === 0;
}

/** One after the other: both at a time would take more from the tests. */
async function checksPass() {
  for (const name of ['typecheck', 'lint']) count(`npm run ${name}`, await npmScriptPasses(name));
}

async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Runs jest; resolves to its exit code, or to 1 after ending it because it did not end by itself. */
async function runJest() {
  const tooLong = new AbortController();
  let ended = false;
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const command = [process.execPath, jest, '--json', `--outputFile=${RESULTS}`, ...jestArguments];
  const exit = run(command, {
    limitMs: isWhole ? JEST_LIMIT_MS.whole : JEST_LIMIT_MS.part,
    giveUp: tooLong.signal,
  }).finally(() => (ended = true));
  while (!ended) {
    await Promise.race([exit, delay(1_000, undefined, { ref: false })]);
    if (ended || (await readJson(RESULTS)) === undefined) continue;
    await Promise.race([exit, delay(JEST_END_MS, undefined, { ref: false })]);
    if (ended) break;
    fail(1, `jest was done but did not end within ${JEST_END_MS / 1000} s: a test left something open`);
    tooLong.abort();
    await exit;
  }
  return exit;
}

async function jestPasses() {
  await mkdir(join(ROOT, '.test-state'), { recursive: true });
  for (const file of [RESULTS, UnfinishedReporter.FILE]) await rm(file, { force: true });
  const code = await runJest();
  const results = await readJson(RESULTS);
  if (results === undefined) {
    const underWay = (await readJson(UnfinishedReporter.FILE)) ?? [];
    fail(1, `jest ended with code ${code} and without results; in progress: ${underWay.join(', ') || 'no test file'}`);
    return;
  }
  passed += results.numPassedTests;
  if (results.numFailedTests > 0) fail(results.numFailedTests, `${results.numFailedTests} tests`);
  const unrun = results.numRuntimeErrorTestSuites;
  if (unrun > 0) fail(unrun, `${unrun} test files that could not run`);
  // Chosen by name, tests are left out on purpose; a full run leaves none out.
  const skipped = results.numPendingTests + results.numTodoTests;
  if (skipped > 0 && jestArguments.length === 0) fail(skipped, `${skipped} tests that were skipped`);
  if (code !== 0 && failed === 0) fail(1, `jest ended with code ${code}`);
}

async function main() {
  if (isWhole) process.env.HTTP_TASKS_TESTS = 'whole';
  if (testsOnly) {
    await jestPasses();
    return;
  }
  try {
    await ensureInstalled();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    fail(1, 'npm ci');
    return;
  }
  // Without it, the tests that need it fail and say why.
  for (const message of await ensurePrograms()) process.stderr.write(`${message}\n`);
  // Types and lint read the sources alone.
  const checked = checksPass();
  count('the build', await builds());
  await Promise.all([checked, jestPasses()]);
}

await main();
if (problems.length > 0) process.stderr.write(`Failed: ${problems.join('; ')}.\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
