import type { BundleOptions, Logger } from '@temporalio/worker';
import { packageWorkflowsIn } from './workflow-names';
import type { PackageWorkflowsInBundle, StarExports } from './workflow-names';

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
