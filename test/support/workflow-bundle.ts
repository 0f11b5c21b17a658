import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { BundlerPlugin, WorkflowBundlePath } from '@temporalio/worker';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import { SHARED_MODULES } from 'temporal-http-tasks/internal/workflow-modules';
import { quiet } from './quiet-runtime';

const ROOT = join(__dirname, '../..');
const KEPT = join(ROOT, '.test-state', 'bundles');

/** A bundle that was last asked for so long ago belongs to no test run that is still in progress. */
const KEPT_FOR_MS = 3_600_000;

/** A bundle that another jest worker has not made within this time is made here. */
const MADE_WITHIN_MS = 30_000;

/** What a bundle is made of. */
interface Parts {
  /** From the root of the package. */
  workflows: string;
  /** Whether the runs of a worker share modules, as in the package's own worker. */
  shared?: boolean;
  plugins?: BundlerPlugin[];
}

const made = new Map<string, Promise<WorkflowBundlePath>>();

/**
 * The package's workflows as one bundle. Bundling takes longer than most tests, so test files share the bundle of
 * exactly these sources.
 */
export function workflowBundle(): Promise<WorkflowBundlePath> {
  return bundleOnce('plain', { workflows: 'src/workflow.ts', shared: true });
}

/** A host's workflows next to the package's, bundled for encryption. The keys are not part of a bundle. */
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

async function bundleUnlessKept(
  name: string,
  { workflows, shared = false, plugins = [] }: Parts,
): Promise<WorkflowBundlePath> {
  const codePath = join(KEPT, `${name}-${await fingerprint(workflows)}.js`);
  await mkdir(KEPT, { recursive: true });
  if (await isMadeElsewhere(codePath)) {
    const now = new Date();
    await utimes(codePath, now, now);
    return { codePath };
  }
  const workflowsPath = join(ROOT, workflows);
  const preloadModules = shared ? SHARED_MODULES : [];
  const { code } = await bundleWorkflowCode({ workflowsPath, preloadModules, plugins, logger: quiet });
  await removeOldBundles();
  const draft = `${codePath}.${process.pid}`;
  await writeFile(draft, code);
  await rename(draft, codePath);
  return { codePath };
}

/** Whether the file is there, if need be after waiting for another jest worker that has begun to make it. */
async function isMadeElsewhere(codePath: string): Promise<boolean> {
  const claim = `${codePath}.claim`;
  if (existsSync(codePath)) return true;
  if (
    await writeFile(claim, '', { flag: 'wx' }).then(
      () => true,
      () => false,
    )
  )
    return false;
  const { mtimeMs } = await stat(claim);
  while (!existsSync(codePath)) {
    // The other one may have been ended meanwhile.
    if (Date.now() > mtimeMs + MADE_WITHIN_MS) return false;
    await delay(100);
  }
  return true;
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
