import assert from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createContext, Script } from 'node:vm';

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
