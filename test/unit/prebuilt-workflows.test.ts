import { cp, mkdtemp, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAILURE_CONVERTER_MARK } from 'temporal-http-tasks/internal/codec/failure-converter';
import { isOwnBundle } from 'temporal-http-tasks/internal/host-checks/own-bundles';
import { readPrebuiltWorkflows } from '@temporal-http-tasks/cli/internal/worker-process/prebuilt-workflows';

/** Those that `npm test` has made. */
const BUILT = join(__dirname, '../../packages/cli/dist/prebuilt');
const PLAIN = { encrypted: false, traced: false };

interface Index {
  packages: { name: string; version: string; via?: string }[];
}

async function copyWith(change: (index: Index) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-prebuilt-'));
  await cp(BUILT, folder, { recursive: true });
  const file = join(folder, 'workflows.json');
  const index = JSON.parse(await readFile(file, 'utf8')) as Index;
  change(index);
  await writeFile(file, JSON.stringify(index));
  return folder;
}

it.each([
  PLAIN,
  { encrypted: true, traced: false },
  { encrypted: false, traced: true },
  { encrypted: true, traced: true },
])('is there for %j, without a path of the machine that made it', async (variant) => {
  const { bundle } = await readPrebuiltWorkflows(variant, BUILT);
  const { code } = bundle ?? { code: '' };
  expect({ encrypted: code.includes(FAILURE_CONVERTER_MARK), traced: code.includes('_tracer-data') }).toEqual(variant);
  const map = Buffer.from(code.slice(code.lastIndexOf('base64,') + 'base64,'.length), 'base64').toString();
  const { sources } = JSON.parse(map) as { sources: string[] };
  // As stack traces name them.
  expect(sources).toEqual(
    expect.arrayContaining(['temporal-http-tasks/src/workflows/offboard-user.ts', 'zod/index.cjs']),
  );
  const root = join(__dirname, '../..');
  expect({ code: code.includes(root), map: map.includes(root) }).toEqual({ code: false, map: false });
});

it('names the package, the SDK and zod, with the versions that have to be installed', async () => {
  const { packages } = JSON.parse(await readFile(join(BUILT, 'workflows.json'), 'utf8')) as Index;
  const names = packages.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'temporal-http-tasks',
      '@temporalio/common',
      '@temporalio/worker',
      '@temporalio/workflow',
      'zod',
    ]),
  );
  expect(names[0]).toBe('temporal-http-tasks');
});

it.each(['temporal-http-tasks', '@temporalio/workflow', '@temporalio/worker', 'zod', 'ms'])(
  'is not used with another version of %s',
  async (name) => {
    let right = '';
    const folder = await copyWith(({ packages }) => {
      for (const one of packages.filter((entry) => entry.name === name)) {
        right = one.version;
        one.version = '0.0.1';
      }
    });
    expect(await readPrebuiltWorkflows(PLAIN, folder)).toEqual({
      why: `the workflow bundle of the package was built with other versions: ${name} 0.0.1, installed is ${right}`,
    });
  },
);

it('is not used when a package of it is not installed where it was', async () => {
  const folder = await copyWith(({ packages }) =>
    packages.push({ name: 'no-such-package', version: '1.0.0', via: 'zod' }),
  );
  const { why } = await readPrebuiltWorkflows(PLAIN, folder);
  expect(why).toContain('no-such-package 1.0.0, installed is none');
});

it('is not used when it is damaged, or when there is none', async () => {
  const folder = await copyWith(() => undefined);
  await truncate(join(folder, 'workflows.js.gz'), 1_000);
  expect((await readPrebuiltWorkflows(PLAIN, folder)).why).toContain('cannot be read');
  expect(await readPrebuiltWorkflows({ ...PLAIN, traced: true }, folder)).toHaveProperty('bundle');
  expect((await readPrebuiltWorkflows(PLAIN, join(folder, 'none'))).why).toContain('contains no workflow bundle');
  expect((await readPrebuiltWorkflows(PLAIN)).why).toContain('contains no workflow bundle');
});

it('is distinguished from a bundle that a host made', async () => {
  const { bundle } = await readPrebuiltWorkflows(PLAIN, BUILT);
  expect(isOwnBundle(bundle)).toBe(true);
  expect(isOwnBundle(bundle && { ...bundle })).toBe(false);
  expect(isOwnBundle(undefined)).toBe(false);
});
