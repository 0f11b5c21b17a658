'use strict';
// Makes JavaScript of a TypeScript file for jest. Types are checked once, by `npm run typecheck`. SWC comes with Temporal's
// worker, which bundles workflows with it.
const { createHash } = require('node:crypto');
const { transformSync, version } = require('@swc/core');

/** @type {import('@swc/core').Options} */
const OPTIONS = {
  configFile: false,
  swcrc: false,
  sourceMaps: true,
  inlineSourcesContent: true,
  // As CommonJS, a native import() becomes a require, which is all that a script outside of Node's loader has.
  module: { type: 'commonjs' },
  jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
};

const KEY = JSON.stringify([version, OPTIONS]);

module.exports = {
  /**
   * @param {string} source
   * @param {string} filename
   */
  process: (source, filename) => transformSync(source, { ...OPTIONS, filename }),
  /**
   * @param {string} source
   * @param {string} filename
   */
  getCacheKey: (source, filename) => createHash('sha256').update(`${KEY}\0${filename}\0${source}`).digest('hex'),
};
