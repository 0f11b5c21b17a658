const { join } = require('node:path');
const { SOURCE_PATHS } = require('./scripts/source-paths.cjs');

// What Node.js has compiled is kept for the commands and workers that tests start; releases before 22.1 keep nothing.
process.env.NODE_COMPILE_CACHE ??= join(__dirname, '.test-state', 'compiled');

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  // One for all configurations, so that they share what was made of the sources.
  id: 'http-tasks',
  testEnvironment: '<rootDir>/scripts/jest/one-context.cjs',
  runtime: '<rootDir>/scripts/jest/runtime.cjs',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // The sources, so that no class exists twice and a change needs no build.
  moduleNameMapper: Object.fromEntries(SOURCE_PATHS.map(({ pattern, file }) => [pattern, file])),
  transform: { '^.+\\.ts$': '<rootDir>/scripts/jest/transform.cjs' },
  // Packed copies of this very package would otherwise clash with it in jest's module map.
  modulePathIgnorePatterns: [
    '<rootDir>/dist/',
    '<rootDir>/(lab|packages/\\w+)/dist/',
    '<rootDir>/.cache/',
    '<rootDir>/.demo/',
    '<rootDir>/.test-state/',
  ],
  testSequencer: '<rootDir>/scripts/test-order.cjs',
  reporters: ['default', '<rootDir>/scripts/unfinished-reporter.cjs'],
  // A limit for what hangs: where other work keeps both cores busy, tests take some times as long.
  testTimeout: 180_000,
  // Twice the cores of a small machine: many tests wait for a server, a browser or a clock.
  maxWorkers: 4,
  // A test that leaves a socket, a timer or a process behind must be seen, not shot.
  forceExit: false,
};
