import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { BundleOptions, Logger, WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import { HttpTasksPlugin } from 'temporal-http-tasks/internal/plugin';
import type { HttpTasksPluginOptions } from 'temporal-http-tasks/internal/plugin-options';
import { quiet, silenceTemporal } from '../support/quiet-runtime';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { HostFiles, idlePlugin } from './host';

const OURS = `export * from 'temporal-http-tasks/workflow';`;
const THEIRS = `export async function offboardUser(): Promise<string> { return 'theirs'; }`;

const BOTH_NAMES =
  /Your workflow "offboardUser" and the workflow "offboardUser" of temporal-http-tasks\.HttpTasksPlugin have the same name/;

/** Modules that all bundles here have are made once, and nothing here reads a source map. */
const cacheDirectory = mkdtempSync(join(tmpdir(), 'http-tasks-bundles-'));
const webpackConfigHook: NonNullable<BundleOptions['webpackConfigHook']> = (config) => ({
  ...config,
  devtool: false,
  cache: { type: 'filesystem', cacheDirectory },
});

let host: HostFiles;

beforeAll(silenceTemporal);
afterAll(async () => {
  await Runtime.instance().shutdown();
  rmSync(cacheDirectory, { recursive: true, force: true });
});
beforeEach(() => {
  host = new HostFiles();
});
afterEach(() => host.remove());

async function bundle(
  files: Record<string, string>,
  logger: Logger = quiet,
  options: HttpTasksPluginOptions = {},
): Promise<WorkflowBundleWithSourceMap> {
  const workflowsPath = await host.write(files);
  return bundleWorkflowCode({ workflowsPath, logger, webpackConfigHook, plugins: [idlePlugin(options)] });
}

it.each([
  ['defined in the file that re-exports ours', { 'workflows.ts': `${OURS}\n${THEIRS}` }],
  ['re-exported by name', { 'workflows.ts': `${OURS}\nexport { offboardUser } from './own';`, 'own.ts': THEIRS }],
  ['re-exported by a star before ours', { 'workflows.ts': `export * from './own';\n${OURS}`, 'own.ts': THEIRS }],
  [
    're-exported by a star after ours, which hides it',
    { 'workflows.ts': `${OURS}\nexport * from './own';`, 'own.ts': THEIRS },
  ],
  [
    'hidden by ours, which come through a file in between',
    { 'workflows.ts': `export * from './vendor';\nexport * from './own';`, 'vendor.ts': OURS, 'own.ts': THEIRS },
  ],
  [
    'hidden by ours in CommonJS',
    {
      'workflows.js': `Object.assign(exports, require('./own'), require('temporal-http-tasks/workflow'));`,
      'own.js': `exports.offboardUser = async () => 'theirs';`,
    },
  ],
  [
    'put over ours in CommonJS',
    {
      'workflows.js': `module.exports = { ...require('temporal-http-tasks/workflow'), offboardUser: async () => 'theirs' };`,
    },
  ],
])("a host's workflow with the name of ours is refused with both names: %s", async (_how, files) => {
  // Not `rejects`: a failing test would print the whole bundle.
  const outcome = await bundle(files).then(() => 'bundled', String);
  expect(outcome).toMatch(BOTH_NAMES);
});

it('a worker that makes its bundle itself is refused before it exists', async () => {
  const workflowsPath = await host.write({ 'workflows.ts': `${OURS}\n${THEIRS}` });
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  try {
    const creating = Worker.create({
      connection,
      taskQueue: freshTaskQueue('clash'),
      workflowsPath,
      plugins: [idlePlugin()],
    });
    await expect(creating).rejects.toThrow(BOTH_NAMES);
  } finally {
    await connection.close();
  }
});

it('a bundle made without the plugin is refused when a worker is created with it', async () => {
  const workflowsPath = await host.write({ 'workflows.ts': `${OURS}\n${THEIRS}` });
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet, webpackConfigHook });
  const creating = Worker.create({ taskQueue: 'unused', workflowBundle: { code }, plugins: [idlePlugin()] });
  await expect(creating).rejects.toThrow(BOTH_NAMES);
});

it.each([
  [
    'workflows of other names beside ours',
    { 'workflows.ts': `${OURS}\nexport async function own(): Promise<void> {}` },
  ],
  ['ours re-exported twice, by two ways', { 'workflows.ts': `${OURS}\nexport * from './vendor';`, 'vendor.ts': OURS }],
  [
    'a workflow called offboardUser where ours are not exported',
    { 'workflows.ts': `export { httpTask } from 'temporal-http-tasks/workflow';\n${THEIRS}` },
  ],
  [
    'a helper called offboardUser that is no workflow',
    {
      'workflows.ts': `${OURS}\nimport { offboardUser as help } from './own';\nexport async function own() { return help(); }`,
      'own.ts': THEIRS,
    },
  ],
  [
    'a file that can be loaded only inside a workflow, whose names cannot be compared',
    {
      'workflows.ts': `${OURS}\nimport { workflowInfo } from '@temporalio/workflow';\nexport const type = workflowInfo().workflowType;`,
    },
  ],
])('accepted is %s', async (_what, files) => {
  await expect(bundle(files)).resolves.toHaveProperty('code');
});

describe('a workflows file without our workflows', () => {
  const OWN = 'export async function own(): Promise<void> {}';
  const USING = `import { httpTask, plaid } from 'temporal-http-tasks/workflow';\nexport async function own() { await httpTask(plaid.userItemsGet)({ user_id: 'u' }); }`;
  const LINE = "export * from 'temporal-http-tasks/workflow'";

  async function warningsFor(text: string, options: HttpTasksPluginOptions = {}): Promise<string[]> {
    const warnings: string[] = [];
    const logger: Logger = { ...quiet, warn: (message) => warnings.push(message) };
    await bundle({ 'workflows.ts': text }, logger, options);
    return warnings.filter((message) => message.includes('temporal-http-tasks'));
  }

  it('is refused with the line to add when it uses nothing of ours, because our runs would wait forever', async () => {
    const outcome = await bundle({ 'workflows.ts': OWN }).then(() => 'bundled', String);
    expect(outcome).toContain(`Add to it: ${LINE} (or give the plugin {workflows: false}`);
  });

  it('is refused by a worker too, also when the bundle was made without the plugin', async () => {
    const workflowsPath = await host.write({ 'workflows.ts': OWN });
    const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet, webpackConfigHook });
    const creating = Worker.create({ taskQueue: 'unused', workflowBundle: { code }, plugins: [idlePlugin()] });
    await expect(creating).rejects.toThrow(`Add to it: ${LINE}`);
    const connection = await NativeConnection.connect({ address: temporalAddress() });
    try {
      await expect(
        Worker.create({ connection, taskQueue: freshTaskQueue('lacking'), workflowsPath, plugins: [idlePlugin()] }),
      ).rejects.toThrow(`Add to it: ${LINE}`);
    } finally {
      await connection.close();
    }
  });

  it('is accepted silently when the plugin is configured as a worker for the activities only', async () => {
    expect(await warningsFor(OWN, { workflows: false })).toEqual([]);
    expect(await warningsFor(USING, { workflows: false })).toEqual([]);
  });

  it('is accepted with a warning when its own workflows call httpTask', async () => {
    expect(await warningsFor(USING)).toEqual([
      expect.stringContaining(`does not run offboardUser, offboardUsers and runHttpTask. To run them, add: ${LINE}`),
    ]);
  });
});

it('a bundle is made where there are no secrets', async () => {
  const workflowsPath = await host.write({ 'workflows.ts': OURS });
  const plugins = [new HttpTasksPlugin({ env: {} }), new EncryptionPlugin({ env: {} })];
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet, webpackConfigHook, plugins });
  const creating = Worker.create({ taskQueue: 'unused', workflowBundle: { code }, plugins });
  await expect(creating).rejects.toThrow(/PLAID_CLIENT_ID: is missing/);
});
