import assert from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createContext, Script } from 'node:vm';
import type { BundleOptions, Logger } from '@temporalio/worker';

/** The export that identifies the package's workflows. */
const MARKER = 'httpTasksWorkflows';

const EVALUATION_MS = 10_000;

type Exports = Readonly<Record<string, unknown>>;
type ModuleCache = Record<string, { exports: Exports }>;

/** How a workflow bundle uses the package's workflows. */
export interface PackageWorkflowsInBundle {
  /** Whether any of its modules loads `temporal-http-tasks/workflow`. */
  loaded: boolean;
  /** Whether it exports the package's workflows, so that a worker can run them. */
  exported: boolean;
  /**
   * Names for which the bundle contains both a workflow of the package and one of the host, of which one hides the
   * other.
   */
  clashes: string[];
}

/** The IDs of the modules that one module re-exports with `export *`. */
export type StarExports = readonly string[];

/**
 * Loads a bundle as a worker does and inspects it. The code alone does not show it: CommonJS decides at run time which
 * of two equal names it keeps, and silently drops the other. With two `export *`, the bundler drops one even earlier,
 * so it has to report which modules have several.
 *
 * @throws whatever the bundle throws when it is loaded outside a workflow.
 */
export function packageWorkflowsIn(bundleCode: string, stars: readonly StarExports[] = []): PackageWorkflowsInBundle {
  const script = new Script(bundleCode, { filename: 'workflow-bundle.js' });
  const { exported, modules } = load(script);
  const marked = Object.entries(modules).filter(([, module]) => workflowsOf(module.exports) !== undefined);
  const ours = workflowsOf(exported);
  if (!ours) return { loaded: marked.length > 0, exported: false, clashes: [] };

  const clashes = Object.keys(ours).filter((name) => exported[name] !== ours[name]);
  // Workflows that ours hide appear when ours are removed, in turn from each module through which they may have been
  // exported.
  for (const [id, module] of marked) {
    if (Object.keys(ours).some((name) => name in module.exports))
      clashes.push(...ownNamesWithout(script, id, module.exports));
  }
  for (const ids of stars) {
    const starred = ids.map((id) => modules[id]?.exports).filter((exports) => exports !== undefined);
    clashes.push(...namesDroppedAmong(starred));
  }
  return { loaded: true, exported: true, clashes: [...new Set(clashes)] };
}

/** Returns our names that more than one of these modules exports and not all of them as ours. */
function namesDroppedAmong(starred: readonly Exports[]): string[] {
  const ours = starred.map(workflowsOf).find((workflows) => workflows !== undefined) ?? {};
  return Object.keys(ours).filter((name) =>
    starred.some((exported) => exported[name] !== undefined && exported[name] !== ours[name]),
  );
}

/** Returns our names that the bundle still exports after they are removed from one module. */
function ownNamesWithout(script: Script, id: string, moduleExports: Exports): string[] {
  const names = Object.keys(workflowsOf(moduleExports) ?? {});
  const kept = Object.getOwnPropertyDescriptors(moduleExports);
  for (const name of names) delete kept[name];
  const { exported, modules } = load(script, { [id]: { exports: Object.create(Object.prototype, kept) as Exports } });
  const ours = new Set(Object.values(modules).flatMap((module) => Object.values(workflowsOf(module.exports) ?? {})));
  return names.filter((name) => exported[name] !== undefined && !ours.has(exported[name]));
}

/** Loads a bundle with the globals of Temporal's sandbox; returns what its workflows file exports. */
function load(script: Script, modules: ModuleCache = {}): { exported: Exports; modules: ModuleCache } {
  const silent = (): void => undefined;
  const context = createContext({
    __webpack_module_cache__: modules,
    AbortController,
    assert,
    AsyncLocalStorage,
    console: { log: silent, info: silent, warn: silent, error: silent, debug: silent },
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
  });
  script.runInContext(context, { timeout: EVALUATION_MS });
  const exported = IMPORT.runInContext(context, { timeout: EVALUATION_MS }) as Exports;
  return { exported, modules };
}

const IMPORT = new Script('__TEMPORAL__.importWorkflows()');

function workflowsOf(exported: unknown): Exports | undefined {
  if (typeof exported !== 'object' || exported === null || !(MARKER in exported)) return undefined;
  return (exported as Record<string, Exports>)[MARKER];
}

type ConfigHook = NonNullable<BundleOptions['webpackConfigHook']>;
type WebpackPlugin = Extract<NonNullable<ReturnType<ConfigHook>['plugins']>[number], { apply: unknown }>;

/** The parts of webpack's types that are used here. */
interface BundledModule {
  dependencies: readonly { type: string }[];
}
interface Compilation {
  modules: Iterable<BundledModule>;
  moduleGraph: { getModule(dependency: { type: string }): BundledModule | null };
  chunkGraph: { getModuleId(module: BundledModule): string | number | null };
}

/** How a workflow bundle is checked. */
export interface BundleRules {
  pluginName: string;
  /** Whether a bundle that does not contain the package's workflows is refused. */
  wantsOurs: boolean;
  logger: () => Logger | undefined;
}

/** Extends a bundler configuration so that the finished bundle is checked by {@link checkBundle}. */
export function checkingTheBundle(rules: BundleRules, { webpackConfigHook }: BundleOptions): ConfigHook {
  return (given) => {
    const config = webpackConfigHook?.(given) ?? given;
    const check: WebpackPlugin = {
      apply: (compiler) => {
        compiler.hooks.afterCompile.tap(rules.pluginName, (compilation) => {
          // The bundler itself reports a failed bundle.
          if (compilation.errors.length > 0) return;
          for (const asset of Object.values(compilation.assets)) {
            checkBundle(rules, String(asset.source()), starExportsOf(compilation));
          }
        });
      },
    };
    return { ...config, plugins: [...(config.plugins ?? []), check] };
  };
}

const LINE = "export * from 'temporal-http-tasks/workflow'";

/**
 * Refuses a bundle in which a host's workflow has the same name as one of the package's, because one of the two would
 * silently never run. Also refuses a bundle without the package's workflows, because runs of `offboardUser` on its
 * worker's task queue would wait forever. A bundle that only uses the package in its own workflows is accepted with a
 * warning.
 *
 * @throws TypeError that names both workflows, or the line to add.
 */
export function checkBundle(
  { pluginName, wantsOurs, logger }: BundleRules,
  bundleCode: string,
  stars: readonly StarExports[] = [],
): void {
  let found: PackageWorkflowsInBundle;
  try {
    found = packageWorkflowsIn(bundleCode, stars);
  } catch (error) {
    // The bundle can be loaded only inside a workflow, so its names cannot be compared.
    logger()?.debug('Names of workflows could not be compared', { plugin: pluginName, error });
    return;
  }
  const [name] = found.clashes;
  if (name !== undefined) {
    throw new TypeError(
      `Your workflow "${name}" and the workflow "${name}" of ${pluginName} have the same name, so that one of them would never run. Rename yours, or leave out \`${LINE}\` if you do not want ours.`,
    );
  }
  if (found.exported || !wantsOurs) return;
  if (!found.loaded) {
    throw new TypeError(
      `Your workflows file exports none of the workflows of ${pluginName}, so that offboardUser, offboardUsers and runHttpTask would wait forever on this worker's task queue. Add to it: ${LINE} (or give the plugin {workflows: false} if another worker runs them).`,
    );
  }
  logger()?.warn(
    `Your workflows file uses temporal-http-tasks and does not export its workflows, so this worker does not run offboardUser, offboardUsers and runHttpTask. To run them, add: ${LINE} (or give the plugin {workflows: false} to leave out this line).`,
    { plugin: pluginName },
  );
}

/** Webpack's type of a re-export dependency; an `export *` has no name. */
const RE_EXPORT = 'harmony export imported specifier';

function starExportsOf({ modules, moduleGraph, chunkGraph }: Compilation): StarExports[] {
  return [...modules].map((module) => {
    const stars = module.dependencies.filter(
      (dependency) => dependency.type === RE_EXPORT && 'name' in dependency && dependency.name === null,
    );
    const starred = stars.flatMap((dependency) => moduleGraph.getModule(dependency) ?? []);
    return [...new Set(starred.map((target) => String(chunkGraph.getModuleId(target))))];
  });
}
