import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, npmCommand, run } from './commands.mjs';

/**
 * Installs what package-lock.json names, unless it is installed already, by whomever. Works on a fresh clone; an
 * install that was interrupted is done again.
 */
export async function ensureInstalled() {
  const why = await whatIsMissing();
  if (why === undefined) return;
  process.stderr.write(`Installing packages (${why}): npm ci\n`);
  // Production settings of the surroundings must not leave the compiler out; `loglevel` see .npmrc.
  const code = await run(npmCommand(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=warn']));
  if (code !== 0) {
    throw new Error('npm ci failed, see above. Once the reason is gone, run the same command again.');
  }
}

/** npm writes node_modules/.package-lock.json last of all, so that it tells what a finished install put there. */
async function whatIsMissing() {
  const wanted = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  let present;
  try {
    present = JSON.parse(await readFile(join(ROOT, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return 'none are there';
  }
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    // Binaries for other platforms are optional and rightly absent.
    if (found === undefined && entry.optional === true) continue;
    if (found?.version !== entry.version || found?.integrity !== entry.integrity) {
      return `${path.replace(/^.*node_modules\//, '')} differs from package-lock.json`;
    }
  }
  return undefined;
}
