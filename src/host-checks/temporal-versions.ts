import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Packages that must have the same version, because they share a native core and a wire format. */
const PACKAGES = ['activity', 'client', 'common', 'nexus', 'worker', 'workflow'] as const;

/**
 * Refuses a project whose `@temporalio/*` packages have different versions: its worker would start and then fail in
 * ways that do not show the cause.
 *
 * @throws TypeError that lists each package with its version.
 */
export function refuseMixedVersions(versionOf: (name: string) => string = installedVersion): void {
  const versions = PACKAGES.map((name) => [`@temporalio/${name}`, versionOf(`@temporalio/${name}`)] as const);
  if (new Set(versions.map(([, version]) => version)).size === 1) return;
  const list = versions.map(([name, version]) => `${name} ${version}`).join(', ');
  throw new TypeError(
    `All @temporalio packages must have the same version; installed: ${list}. Install the same version of each.`,
  );
}

function installedVersion(name: string): string {
  const file = createRequire(__filename).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
