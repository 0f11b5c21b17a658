'use strict';
// Where the sources are of what a package of this workspace exports: `paths` of tsconfig.json, for what does not read that file.
const { readFileSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
/** @type {{ compilerOptions: { paths: Record<string, [string]> } }} */
const { compilerOptions } = JSON.parse(readFileSync(path.join(ROOT, 'tsconfig.json'), 'utf8'));

/** Regular expressions for names of modules, the most special first, each with the file: `$1` is what the `*` stands for. */
const SOURCE_PATHS = Object.entries(compilerOptions.paths)
  .sort(([one], [other]) => other.length - one.length)
  .map(([name, [file]]) => ({
    // A package's other files, such as its manifest, are where they are.
    pattern: `^${name.replace('internal/*', 'internal/(.+)').replace('*', '([^/]+)')}$`,
    file: path.join(ROOT, file.replace('*', '$1')),
  }));

/**
 * The source of a module of this workspace; undefined for any other.
 *
 * @param {string} name
 */
function sourceOf(name) {
  const found = SOURCE_PATHS.find(({ pattern }) => new RegExp(pattern).test(name));
  return found && name.replace(new RegExp(found.pattern), found.file);
}

module.exports = { SOURCE_PATHS, sourceOf };
