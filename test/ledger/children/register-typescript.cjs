'use strict';
// Lets a plain `node` child process of a test load the sources as they are; types are checked elsewhere. Loading the
// compiler takes longer than all that these children do, so what it made is kept.
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { sourceOf } = require('../../../scripts/source-paths.cjs');

const kept = path.join(__dirname, '../../../.test-state/transpiled');

const modules = /** @type {{ _resolveFilename(name: string, ...rest: unknown[]): string }} */ (
  /** @type {unknown} */ (Module)
);
const resolveFilename = modules._resolveFilename.bind(Module);
// The sources of the packages, as everything else in these tests is.
modules._resolveFilename = (/** @type {string} */ name, /** @type {unknown[]} */ ...rest) =>
  sourceOf(name) ?? resolveFilename(name, ...rest);

require.extensions['.ts'] = (/** @type {NodeJS.Module} */ module, /** @type {string} */ file) => {
  const source = readFileSync(file, 'utf8');
  const output = path.join(kept, `${createHash('sha256').update(source).digest('hex')}.js`);
  if (!existsSync(output)) transpile(source, output);
  const compilable = /** @type {NodeJS.Module & { _compile(code: string, file: string): void }} */ (module);
  compilable._compile(readFileSync(output, 'utf8'), file);
};

/**
 * @param {string} source
 * @param {string} output
 */
function transpile(source, output) {
  /** @type {typeof import('typescript')} */
  const ts = require('typescript');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.CommonJS, esModuleInterop: true },
  });
  mkdirSync(kept, { recursive: true });
  // Other children may be making the same file.
  const draft = `${output}.${process.pid}`;
  writeFileSync(draft, outputText);
  renameSync(draft, output);
}
