import type { BundleOptions, Logger } from '@temporalio/worker';
import { packageWorkflowsIn } from './workflow-names';
import type { PackageWorkflowsInBundle, StarExports } from './workflow-names';

type ConfigHook = NonNullable<BundleOptions['webpackConfigHook']>;
type WebpackPlugin = Extract<NonNullable<ReturnType<ConfigHook>['plugins']>[number], { apply: unknown }>;

/** The parts of webpack's own types that are looked at here. */
interface BundledModule {
  dependencies: readonly { type: string }[];
}
interface Compilation {
  modules: Iterable<BundledModule>;
  moduleGraph: { getModule(dependency: { type: string }): BundledModule | null };
  chunkGraph: { getModuleId(module: BundledModule): string | number | null };
}

/** Adds to a bundler's configuration that the finished bundle goes through {@link refuseWorkflowClashes}. */
export function checkingTheBundle(pluginName: string, { webpackConfigHook, logger }: BundleOptions): ConfigHook {
  return (given) => {
    const config = webpackConfigHook?.(given) ?? given;
    const check: WebpackPlugin = {
      apply: (compiler) => {
        compiler.hooks.afterCompile.tap(pluginName, (compilation) => {
          // A bundle that failed is reported by the bundler itself.
          if (compilation.errors.length > 0) return;
          for (const asset of Object.values(compilation.assets)) {
            refuseWorkflowClashes(pluginName, String(asset.source()), () => logger, starExportsOf(compilation));
          }
        });
      },
    };
    return { ...config, plugins: [...(config.plugins ?? []), check] };
  };
}

/**
 * Refuses a bundle in which a workflow of somebody's own has the name of one of the package's, so that one of the two
 * would silently never run. A bundle that has nothing of the package's is only remarked upon: its worker may be there
 * for the activities alone.
 *
 * @throws TypeError naming both workflows.
 */
export function refuseWorkflowClashes(pluginName: string, bundleCode: string, logger: () => Logger | undefined, stars: readonly StarExports[] = []): void {
  let found: PackageWorkflowsInBundle;
  try {
    found = packageWorkflowsIn(bundleCode, stars);
  } catch (error) {
    // Code that insists on a running workflow already when it is loaded cannot be looked at before one runs.
    logger()?.debug('Names of workflows could not be compared', { plugin: pluginName, error });
    return;
  }
  const [name] = found.clashes;
  if (name !== undefined) {
    throw new TypeError(
      `Your workflow "${name}" and the workflow "${name}" of ${pluginName} have one name, so that one of them would never run. Rename yours, or leave out \`export * from 'temporal-http-tasks/workflow'\` if you do not want ours.`,
    );
  }
  if (!found.loaded) {
    logger()?.warn(
      "Your workflows file uses nothing of temporal-http-tasks, so this worker runs its activities only. To run offboardUser and runHttpTask too, add: export * from 'temporal-http-tasks/workflow'",
      { plugin: pluginName },
    );
  }
}

/** How webpack calls what a re-export depends on; `export *` is one without a name. */
const RE_EXPORT = 'harmony export imported specifier';

function starExportsOf({ modules, moduleGraph, chunkGraph }: Compilation): StarExports[] {
  return [...modules].map((module) => {
    const stars = module.dependencies.filter((dependency) => dependency.type === RE_EXPORT && 'name' in dependency && dependency.name === null);
    const starred = stars.flatMap((dependency) => moduleGraph.getModule(dependency) ?? []);
    return [...new Set(starred.map((target) => String(chunkGraph.getModuleId(target))))];
  });
}
