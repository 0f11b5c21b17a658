import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { Logger } from '@temporalio/worker';
import { quiet } from '../support/quiet-runtime';

const ROOT = join(__dirname, '../..');

/** What the sandbox may hold: Temporal's own code with what it needs, and the schemas. */
const ALLOWED_PACKAGES = ['@temporalio/common', '@temporalio/workflow', 'long', 'ms', 'nexus-rpc', 'zod'];

/** Rooms of src/ that are safe in the sandbox. */
const ALLOWED_ROOMS = ['policy', 'tasks', 'workflows'];

/** Source maps left out. Every worker loads this much for its first workflow. */
const MOST_CODE_BYTES = 1_500_000;

const packages = new Set<string>();
const rooms = new Set<string>();
const complaints: string[] = [];
let code = '';

beforeAll(async () => {
  const logger: Logger = {
    ...quiet,
    warn: (message) => complaints.push(message),
    error: (message) => complaints.push(message),
  };
  const bundled = await bundleWorkflowCode({
    workflowsPath: join(ROOT, 'src/workflow.ts'),
    logger,
    webpackConfigHook: (config) => ({ ...config, plugins: [...(config.plugins ?? []), { apply: noteModules }] }),
  });
  code = bundled.code;
});

interface BundledModule {
  identifier(): string;
}

interface CompilerLike {
  hooks: {
    afterCompile: {
      tap(name: string, note: (compilation: { modules: Iterable<BundledModule>; warnings: Error[] }) => void): void;
    };
  };
}

function noteModules(compiler: CompilerLike): void {
  compiler.hooks.afterCompile.tap('test', ({ modules, warnings }) => {
    complaints.push(...warnings.map(({ message }) => message));
    for (const module of modules) note(module.identifier().split('!').pop() ?? '');
  });
}

function note(file: string): void {
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
  if (name !== undefined) packages.add(name);
  const [, room] = /\/src\/([^/]+)\/[^/].*\.[jt]s$/.exec(file) ?? [];
  if (name === undefined && room !== undefined) rooms.add(room);
}

it('the workflows are bundled without a warning, and so without a built-in module of Node', () => {
  expect(complaints).toEqual([]);
});

it('the bundle holds the schemas and the code of Temporal, and no other package: no HTTP client, no database', () => {
  expect([...packages].sort()).toEqual(ALLOWED_PACKAGES);
});

it('the bundle holds nothing of this package but workflows, policy and tasks', () => {
  expect([...rooms].sort()).toEqual(ALLOWED_ROOMS);
});

it('the bundle stays small', () => {
  const [withoutMap = ''] = code.split('//# sourceMappingURL=');
  expect(withoutMap.length).toBeGreaterThan(100_000);
  expect(withoutMap.length).toBeLessThan(MOST_CODE_BYTES);
});
