import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { minVersion, satisfies } from 'semver';

const ROOT = join(__dirname, '..', '..');

interface Manifest {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  engines?: { node: string };
}

const FOLDERS = ['.', ...readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name)), 'lab'];
const MANIFESTS = FOLDERS.map(
  (folder) => JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest,
);
const OURS = MANIFESTS.map(({ name }) => name);

it('all packages have one version, and name each other by exactly that', () => {
  const [{ version } = { version: '' }] = MANIFESTS;
  for (const { name, version: own, dependencies, peerDependencies } of MANIFESTS) {
    expect({ name, own }).toEqual({ name, own: version });
    for (const [other, range] of Object.entries({ ...dependencies, ...peerDependencies }))
      if (OURS.includes(other)) expect({ name, other, range }).toEqual({ name, other, range: version });
  }
});

it('all packages ask for the same versions of what they share', () => {
  const ranges = new Map<string, Set<string>>();
  for (const { dependencies, peerDependencies, devDependencies } of MANIFESTS)
    for (const [name, range] of Object.entries({ ...devDependencies, ...peerDependencies, ...dependencies }))
      ranges.set(name, (ranges.get(name) ?? new Set()).add(range));
  expect([...ranges].filter(([, all]) => all.size > 1)).toEqual([]);
});

it('a worker installs nothing that it does not run', () => {
  const [{ dependencies = {}, peerDependencies = {} } = {}] = MANIFESTS;
  const installed = Object.keys({ ...dependencies, ...peerDependencies });
  for (const name of ['commander', 'hono', 'minisearch', 'vega', 'fast-check', 'pino', '@temporalio/testing'])
    expect(installed).not.toContain(name);
  expect(installed.filter((name) => /^cli-|exporter|sdk-trace|interceptors-opentelemetry/.test(name))).toEqual([]);
});

it('the command is a file that can be run as it was committed', () => {
  const file = join(ROOT, 'packages', 'cli', 'bin', 'http-tasks.js');
  expect(statSync(file).mode & 0o111).toBe(0o111);
  expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

it('every package that a clone installs supports the oldest Node.js that we support', () => {
  const oldest = minVersion(MANIFESTS[0]?.engines?.node ?? '')?.version ?? 'none';
  expect(oldest).toMatch(/^20\./);
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { engines?: { node?: string } }>;
  };
  const ranges = Object.entries(lock.packages).map(([path, { engines }]) => ({ path, node: engines?.node ?? '*' }));
  expect(ranges.length).toBeGreaterThan(100);
  expect(ranges.filter(({ node }) => !satisfies(oldest, node))).toEqual([]);
});
