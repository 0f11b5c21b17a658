// For the oldest release of Node.js that is supported, in CI: the tests that need nothing else, and those of the packed packages.
const { testMatch } = require('./jest.fast.config.cjs');
const whole = require('./jest.config.cjs');

/** @type {import('jest').Config} */
module.exports = { ...whole, testMatch: [...testMatch, '<rootDir>/test/package/*.test.ts'] };
