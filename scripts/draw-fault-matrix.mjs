// `node scripts/draw-fault-matrix.mjs`: draws docs/fault-matrix.html again from the recorded docs/fault-matrix.json, after
// a change of the pages' look. The record stays; `npm run faults` records.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from './build.mjs';
import { ROOT } from './commands.mjs';

await build();
const { matrixPage } = createRequire(import.meta.url)('@temporal-http-tasks/cli/internal/faults/matrix-page');
const results = JSON.parse(await readFile(join(ROOT, 'docs/fault-matrix.json'), 'utf8'));
await writeFile(join(ROOT, 'docs/fault-matrix.html'), matrixPage(results));
