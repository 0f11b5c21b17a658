import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundlePath } from '@temporalio/worker';
import { quiet } from './quiet-runtime';

const ROOT = join(__dirname, '../..');
const KEPT = join(ROOT, '.test-state', 'bundles');

/** A bundle that old belongs to no test run that still goes on. */
const KEPT_FOR_MS = 3_600_000;

let bundle: Promise<WorkflowBundlePath> | undefined;

/**
 * The package's workflows as one bundle. Bundling takes longer than most tests, so test files share the bundle of
 * exactly these sources.
 */
export function workflowBundle(): Promise<WorkflowBundlePath> {
  bundle ??= bundleOnce();
  return bundle;
}

async function bundleOnce(): Promise<WorkflowBundlePath> {
  const codePath = join(KEPT, `${await fingerprint()}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({ workflowsPath: join(ROOT, 'src/workflow.ts'), logger: quiet });
  await mkdir(KEPT, { recursive: true });
  await removeOldBundles();
  // Another jest worker may be making the same file.
  const draft = `${codePath}.${process.pid}`;
  await writeFile(draft, code);
  await rename(draft, codePath);
  return { codePath };
}

async function removeOldBundles(): Promise<void> {
  for (const name of await readdir(KEPT)) {
    const file = join(KEPT, name);
    // Another jest worker may have removed it already.
    const made = await stat(file).catch(() => undefined);
    if (made && made.mtimeMs < Date.now() - KEPT_FOR_MS) await rm(file, { force: true });
  }
}

async function fingerprint(): Promise<string> {
  const src = join(ROOT, 'src');
  const files = (await readdir(src, { recursive: true })).filter((file) => file.endsWith('.ts')).sort();
  const hash = createHash('sha256').update(await readFile(join(ROOT, 'package-lock.json')));
  for (const file of files) hash.update(`\0${file}\0`).update(await readFile(join(src, file)));
  return hash.digest('hex').slice(0, 32);
}
