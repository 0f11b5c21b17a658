import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { BundleOptions, Logger, WorkflowBundle } from '@temporalio/worker';
import { markOwnBundle } from 'temporal-http-tasks/internal/host-checks/own-bundles';
import {
  FAILURE_CONVERTER,
  SHARED_MODULES,
  TRACE_INTERCEPTORS,
  WORKFLOWS,
} from 'temporal-http-tasks/internal/workflow-modules';

/** The settings of a worker that change the bundle of the package's workflows. */
export interface WorkflowVariant {
  /** Failures thrown by workflows are converted for encryption. */
  encrypted: boolean;
  /** Workflows propagate the trace of their caller. */
  traced: boolean;
}

/** A prebuilt bundle, or why this installation cannot use one. */
export type PrebuiltWorkflows = { bundle: WorkflowBundle; why?: undefined } | { bundle?: undefined; why: string };

/** Where the build stores the bundles. The sources contain none. */
const FOLDER = join(__dirname, '..', 'prebuilt');
const INDEX = 'workflows.json';
/** The folder of the package that has the workflows. */
const ROOT = dirname(require.resolve('temporal-http-tasks/package.json'));
const VARIANTS: readonly WorkflowVariant[] = [
  { encrypted: false, traced: false },
  { encrypted: true, traced: false },
  { encrypted: false, traced: true },
  { encrypted: true, traced: true },
];

/** A package that is in the bundles or that builds them. */
interface BundledPackage {
  name: string;
  version: string;
  /**
   * A package that depends on it, from whose folder it is resolved; listed earlier in the index. Absent for this
   * package itself.
   */
  via?: string;
}

/**
 * Reads the prebuilt bundle for this package's own worker. It is used only if every package in it is installed in
 * exactly the version of the build: then bundling here would give the same result, seconds later.
 */
export async function readPrebuiltWorkflows(variant: WorkflowVariant, folder = FOLDER): Promise<PrebuiltWorkflows> {
  const index = join(folder, INDEX);
  if (!existsSync(index)) return { why: 'this build of the package contains no workflow bundle' };
  try {
    const { packages } = JSON.parse(await readFile(index, 'utf8')) as { packages: BundledPackage[] };
    const others = otherVersions(packages);
    if (others.length > 0)
      return { why: `the workflow bundle of the package was built with other versions: ${others.join(', ')}` };
    const code = await promisify(gunzip)(await readFile(join(folder, fileOf(variant))));
    const bundle = { code: code.toString('utf8') };
    markOwnBundle(bundle);
    return { bundle };
  } catch (error) {
    return {
      why: `the workflow bundle of the package cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/**
 * Builds the bundles of all variants into this folder. Returns the names of the files.
 *
 * @public For `scripts/build.mjs`, which calls it in dist/.
 */
export async function makePrebuiltWorkflows(logger: Logger, folder = FOLDER): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const packages = new Map<string, string>();
  for (const variant of VARIANTS) {
    const { code } = await bundleWorkflowCode({ ...bundleOptionsOf(variant), logger });
    const { portable, sources } = withPortableMap(code);
    for (const { name, place } of sources.map(packageOf))
      if (name !== undefined) packages.set(name, oneOf(name, place, packages.get(name)));
    await writeFile(join(folder, fileOf(variant)), await promisify(gzip)(portable, { level: 9 }));
  }
  // Its runtime and its module replacements are part of every bundle.
  packages.set('@temporalio/worker', installedIn('@temporalio/worker', ROOT) ?? '');
  await writeFile(join(folder, INDEX), `${JSON.stringify({ packages: indexOf(packages) }, undefined, 2)}\n`);
  return [INDEX, ...VARIANTS.map(fileOf)];
}

/** Returns the same options that a worker with these settings and its plugins would bundle with. */
function bundleOptionsOf({ encrypted, traced }: WorkflowVariant): BundleOptions {
  return {
    workflowsPath: WORKFLOWS,
    preloadModules: SHARED_MODULES,
    ...(encrypted && { failureConverterPath: FAILURE_CONVERTER }),
    ...(traced && { workflowInterceptorModules: [TRACE_INTERCEPTORS] }),
    // Module names in the bundle are relative to it.
    webpackConfigHook: (config) => ({ ...config, context: ROOT }),
  };
}

function fileOf({ encrypted, traced }: WorkflowVariant): string {
  return `workflows${encrypted ? '-encrypted' : ''}${traced ? '-traced' : ''}.js.gz`;
}

const MAP_BEFORE = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';

/** Removes machine paths from the source map, and the sources themselves, which make up three fifths of a bundle. */
function withPortableMap(code: string): { portable: string; sources: string[] } {
  const at = code.lastIndexOf(MAP_BEFORE);
  if (at === -1) throw new Error('The workflow bundle has no source map.');
  const map = JSON.parse(Buffer.from(code.slice(at + MAP_BEFORE.length), 'base64').toString()) as {
    sources: string[];
    sourcesContent?: string[];
  };
  const { sources } = map;
  const kept = { ...map, sources: sources.map((source) => packageOf(source).shown), sourcesContent: undefined };
  return {
    portable: `${code.slice(0, at)}${MAP_BEFORE}${Buffer.from(JSON.stringify(kept)).toString('base64')}`,
    sources,
  };
}

const MODULES = `${sep}node_modules${sep}`;

/**
 * Returns the package of a source, its folder, and the name of the source in stack traces: `zod/v4/core/schemas.cjs`.
 */
function packageOf(source: string): { name?: string; place: string; shown: string } {
  // One of the bundler's own names: `webpack/bootstrap`, or `ignored|/folder|module`.
  if (!isAbsolute(source)) return { place: '', shown: source.replace(/\|.*\|/, '|') };
  const at = source.lastIndexOf(MODULES);
  if (at !== -1) {
    const inside = source.slice(at + MODULES.length).split(sep);
    const name = inside.slice(0, inside[0]?.startsWith('@') ? 2 : 1).join('/');
    return { name, place: join(source.slice(0, at), 'node_modules', name), shown: inside.join('/') };
  }
  return { name: OWN_NAME, place: ROOT, shown: [OWN_NAME, ...relative(ROOT, source).split(sep)].join('/') };
}

const OWN_NAME = 'temporal-http-tasks';

function oneOf(name: string, place: string, before: string | undefined): string {
  const real = realpathSync(place);
  if (before !== undefined && before !== real)
    throw new Error(`The workflow bundle contains ${name} twice; install one version of it.`);
  return real;
}

/**
 * Lists each package after one that declares it as a dependency: a package that is only resolvable by chance may be
 * another one elsewhere.
 */
function indexOf(packages: ReadonlyMap<string, string>): BundledPackage[] {
  const index: BundledPackage[] = [{ name: OWN_NAME, version: versionIn(ROOT) }];
  const left = new Map([...packages].filter(([name]) => name !== OWN_NAME).sort(([a], [b]) => (a < b ? -1 : 1)));
  // Also iterates over entries that are appended in the loop.
  for (const { name: via } of index) {
    for (const [name, place] of left) {
      const from = packages.get(via) ?? ROOT;
      if (!dependsOn(from, name) || installedIn(name, from) !== place) continue;
      index.push({ name, version: versionIn(place), via });
      left.delete(name);
    }
  }
  if (left.size > 0)
    throw new Error(`No package of the workflow bundle declares that it depends on ${[...left.keys()].join(', ')}.`);
  return index;
}

function otherVersions(packages: readonly BundledPackage[]): string[] {
  const places = new Map<string, string>();
  return packages.flatMap(({ name, version, via }) => {
    const place = via === undefined ? ROOT : installedIn(name, places.get(via));
    if (place !== undefined) places.set(name, place);
    const installed = place === undefined ? 'none' : versionIn(place);
    return installed === version ? [] : [`${name} ${version}, installed is ${installed}`];
  });
}

/**
 * Resolves a package from the folder of another one as Node.js does, but without `exports`, which may hide
 * package.json.
 */
function installedIn(name: string, place: string | undefined): string | undefined {
  if (place === undefined) return undefined;
  const folders = createRequire(join(place, 'package.json')).resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
  return found === undefined ? undefined : realpathSync(found);
}

function versionIn(place: string): string {
  return manifestIn(place).version;
}

function dependsOn(place: string, name: string): boolean {
  const { dependencies, peerDependencies } = manifestIn(place);
  return name in { ...dependencies, ...peerDependencies };
}

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

function manifestIn(place: string): Manifest {
  return JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as Manifest;
}
