import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { BundlerPlugin, WorkflowBundlePath } from '@temporalio/worker';
import { EncryptionPlugin } from '../../src/encryption-plugin';
import { quiet } from './quiet-runtime';

const ROOT = join(__dirname, '../..');
const KEPT = join(ROOT, '.test-state', 'bundles');

/** A bundle that old belongs to no test run that still goes on. */
const KEPT_FOR_MS = 3_600_000;

/** What a bundle is made of. */
interface Parts {
  /** From the root of the package. */
  workflows: string;
  plugins?: BundlerPlugin[];
}

const made = new Map<string, Promise<WorkflowBundlePath>>();

/**
 * The package's workflows as one bundle. Bundling takes longer than most tests, so test files share the bundle of
 * exactly these sources.
 */
export function workflowBundle(): Promise<WorkflowBundlePath> {
  return bundleOnce('plain', { workflows: 'src/workflow.ts' });
}

/** A host's workflows beside the package's, bundled for encryption. The keys are no part of a bundle. */
export function encryptedWorkflowBundle(): Promise<WorkflowBundlePath> {
  const HTTP_TASKS_ENCRYPTION_KEY = randomBytes(32).toString('base64');
  return bundleOnce('encrypted', {
    workflows: 'test/codec/host-workflows.ts',
    plugins: [new EncryptionPlugin({ env: { HTTP_TASKS_ENCRYPTION_KEY } })],
  });
}

function bundleOnce(name: string, parts: Parts): Promise<WorkflowBundlePath> {
  const bundle = made.get(name) ?? bundleUnlessKept(name, parts);
  made.set(name, bundle);
  return bundle;
}

async function bundleUnlessKept(name: string, { workflows, plugins = [] }: Parts): Promise<WorkflowBundlePath> {
  const codePath = join(KEPT, `${name}-${await fingerprint(workflows)}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({ workflowsPath: join(ROOT, workflows), plugins, logger: quiet });
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

async function fingerprint(workflows: string): Promise<string> {
  const src = join(ROOT, 'src');
  const files = (await readdir(src, { recursive: true })).filter((file) => file.endsWith('.ts')).sort();
  const hash = createHash('sha256').update(await readFile(join(ROOT, 'package-lock.json')));
  hash.update(await readFile(join(ROOT, workflows)));
  for (const file of files) hash.update(`\0${file}\0`).update(await readFile(join(src, file)));
  return hash.digest('hex').slice(0, 32);
}
