// `npm run test:fast`: the tests that need no server, database, browser or build, for a first look; some four minutes on two slow cores.
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');
const { globalSetup: _setup, globalTeardown: _teardown, ...whole } = require('./jest.config.cjs');

const TESTS = join(__dirname, 'test');

/** A file with one of these in it starts something, or takes the package as it is built. */
const NEEDS_MORE =
  /HTTP_TASKS_TEST_(TEMPORAL|POSTGRES)|internal\/temporal-server|bundleWorkflowCode|openPlace|['/](dist|bin)['/]|npm pack/;

/** @type {Map<string, boolean>} */
const known = new Map();

/**
 * Whether a file needs more than itself, or a file of the tests that it loads does.
 *
 * @param {string} file
 * @returns {boolean}
 */
function needsMore(file) {
  const decided = known.get(file);
  if (decided !== undefined) return decided;
  // Files that load each other are decided by what else they load.
  known.set(file, false);
  const text = readFileSync(file, 'utf8');
  const needs = NEEDS_MORE.test(text) || loadedTests(file, text).some(needsMore);
  known.set(file, needs);
  return needs;
}

/**
 * @param {string} file
 * @param {string} text
 */
function loadedTests(file, text) {
  const paths = [...text.matchAll(/(?:from|import|import\(|require\()\s*'(\.[^']+)'/g)].map(([, path = '']) =>
    resolve(dirname(file), path),
  );
  return paths.map((path) => `${path}.ts`).filter((path) => path.startsWith(TESTS) && existsSync(path));
}

const testMatch = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts') && !needsMore(join(TESTS, name)))
  .map((name) => `<rootDir>/test/${name}`);

/** @type {import('jest').Config} */
module.exports = { ...whole, testMatch };
