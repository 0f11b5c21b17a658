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

/** What a bundle of workflows is checked for. */
export interface BundleRules {
  pluginName: string;
  /** Whether a bundle that has nothing of the package's is refused. */
  wantsOurs: boolean;
  logger: () => Logger | undefined;
}

/** Adds to a bundler's configuration that the finished bundle goes through {@link checkBundle}. */
export function checkingTheBundle(rules: BundleRules, { webpackConfigHook }: BundleOptions): ConfigHook {
  return (given) => {
    const config = webpackConfigHook?.(given) ?? given;
    const check: WebpackPlugin = {
      apply: (compiler) => {
        compiler.hooks.afterCompile.tap(rules.pluginName, (compilation) => {
          // A bundle that failed is reported by the bundler itself.
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
 * Refuses a bundle in which a host's workflow has the name of one of the package's, so that one of the two would silently
 * never run, and a bundle that has nothing of the package's, because runs of `offboardUser` on its worker's task queue
 * would wait forever. A bundle that only uses the package in workflows of its own is accepted with a warning.
 *
 * @throws TypeError naming both workflows, or the line to add.
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
    // Code that insists on a running workflow already when it is loaded cannot be looked at before one runs.
    logger()?.debug('Names of workflows could not be compared', { plugin: pluginName, error });
    return;
  }
  const [name] = found.clashes;
  if (name !== undefined) {
    throw new TypeError(
      `Your workflow "${name}" and the workflow "${name}" of ${pluginName} have one name, so that one of them would never run. Rename yours, or leave out \`${LINE}\` if you do not want ours.`,
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

/** How webpack calls what a re-export depends on; `export *` is one without a name. */
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
