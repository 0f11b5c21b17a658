'use strict';
// `node scripts/evidence-page.cjs`: writes the verifier of packages/evidence into docs/evidence/verify.html, between
// `// verifier` and `// end of verifier`; the rest of the page is written by hand.
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const ts = require('typescript');

const ROOT = join(__dirname, '..');
const PAGE = join(ROOT, 'docs/evidence/verify.html');
const SOURCES = join(ROOT, 'packages/evidence/src/verifier');
/** In an order in which each uses only those before it. */
const FILES = ['encoding', 'checkpoint', 'proofs', 'verify-bundle'];
const PART = /(\/\/ verifier\n)[^]*(\/\/ end of verifier\n)/;

/** Returns the verifier as one script: modules without their imports and exports. */
function verifierScript() {
  return FILES.map((name) => {
    const source = readFileSync(join(SOURCES, `${name}.ts`), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, removeComments: true },
    });
    return outputText
      .replace(/^import .*\n/gm, '')
      .replace(/^export \{\};\n/gm, '')
      .replace(/^export /gm, '');
  }).join('');
}

/**
 * Returns the page with the verifier written again.
 *
 * @param {string} page
 */
function withVerifier(page) {
  return page.replace(PART, (_, begin, end) => `${begin}${verifierScript()}${end}`);
}

module.exports = { PAGE, verifierScript, withVerifier };

if (require.main === module) writeFileSync(PAGE, withVerifier(readFileSync(PAGE, 'utf8')));
