import type { BundleOptions, Logger } from '@temporalio/worker';
import { packageWorkflowsIn } from './workflow-names';
import type { PackageWorkflowsInBundle } from './workflow-names';

type ConfigHook = NonNullable<BundleOptions['webpackConfigHook']>;
type WebpackPlugin = Extract<NonNullable<ReturnType<ConfigHook>['plugins']>[number], { apply: unknown }>;

/** Adds to a bundler's configuration that the finished bundle goes through {@link refuseWorkflowClashes}. */
export function checkingTheBundle(pluginName: string, { webpackConfigHook, logger }: BundleOptions): ConfigHook {
  return (given) => {
    const config = webpackConfigHook?.(given) ?? given;
    const check: WebpackPlugin = {
      apply: (compiler) => {
        compiler.hooks.afterCompile.tap(pluginName, ({ errors, assets }) => {
          // A bundle that failed is reported by the bundler itself.
          if (errors.length > 0) return;
          for (const asset of Object.values(assets)) refuseWorkflowClashes(pluginName, String(asset.source()), () => logger);
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
export function refuseWorkflowClashes(pluginName: string, bundleCode: string, logger: () => Logger | undefined): void {
  let found: PackageWorkflowsInBundle;
  try {
    found = packageWorkflowsIn(bundleCode);
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
