import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { Logger } from '@temporalio/worker';
import { quiet } from '../support/quiet-runtime';

const ROOT = join(__dirname, '../..');

/** What the sandbox may hold: Temporal's own code with what it needs, and the schemas. */
const ALLOWED_PACKAGES = ['@temporalio/common', '@temporalio/workflow', 'long', 'ms', 'nexus-rpc', 'zod'];

/** Rooms of src/ that are safe in the sandbox. */
const ALLOWED_ROOMS = ['policy', 'providers', 'tasks', 'workflows'];

/**
 * Source maps left out. Every worker loads this much for its first workflow. A third of it is this package's own code, compiled
 * as in the published package: Temporal's bundler would add helpers for older JavaScript to every TypeScript file.
 */
const MAX_CODE_BYTES = 1_560_000;
const MAX_OWN_BYTES = 500_000;

/** tsconfig.json has es2023, which adds no syntax. */
const TARGET = 'es2022';

const packages = new Set<string>();
const rooms = new Set<string>();
const complaints: string[] = [];
let code = '';
let ownBytes = 0;

beforeAll(async () => {
  const logger: Logger = {
    ...quiet,
    warn: (message) => complaints.push(message),
    error: (message) => complaints.push(message),
  };
  const bundled = await bundleWorkflowCode({
    workflowsPath: join(ROOT, 'src/workflow.ts'),
    logger,
    webpackConfigHook: (config) => {
      for (const rule of config.module?.rules ?? []) compileAsPublished(rule);
      return { ...config, plugins: [...(config.plugins ?? []), { apply: noteModules }] };
    },
  });
  code = bundled.code;
});

function compileAsPublished(rule: unknown): void {
  const { jsc } = (rule as { use?: { options?: { jsc?: { target: string } } } }).use?.options ?? {};
  if (jsc) jsc.target = TARGET;
}

interface BundledModule {
  identifier(): string;
  size(): number;
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
    for (const module of modules) note(module);
  });
}

function note(module: BundledModule): void {
  const file = module.identifier().split('!').pop() ?? '';
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
  if (name !== undefined) packages.add(name);
  const [, room] = /\/src\/([^/]+)\/[^/].*\.[jt]s$/.exec(file) ?? [];
  if (name !== undefined || room === undefined) return;
  rooms.add(room);
  ownBytes += module.size();
}

it('the workflows are bundled without a warning, and so without a built-in module of Node', () => {
  expect(complaints).toEqual([]);
});

it('the bundle holds the schemas and the code of Temporal, and no other package: no HTTP client, no database', () => {
  expect([...packages].sort()).toEqual(ALLOWED_PACKAGES);
});

it('the bundle holds nothing of this package but workflows, policy, providers and tasks', () => {
  expect([...rooms].sort()).toEqual(ALLOWED_ROOMS);
});

it('the bundle stays small', () => {
  const [withoutMap = ''] = code.split('//# sourceMappingURL=');
  expect(withoutMap.length).toBeGreaterThan(100_000);
  expect(withoutMap.length).toBeLessThan(MAX_CODE_BYTES);
  expect(ownBytes).toBeGreaterThan(100_000);
  expect(ownBytes).toBeLessThan(MAX_OWN_BYTES);
});
