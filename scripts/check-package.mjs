// `npm run check:package [TARBALL…]`: whether packages can be imported and their types be found in every way that Node.js and
// TypeScript know (publint, Are The Types Wrong). Without a tarball it packs all packages of this checkout.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ROOT, npmCommand } from './commands.mjs';
import { PACKAGES } from './packages.mjs';

/** @returns {Uint8Array[]} Tarballs of all packages, packed from this checkout. */
function packed() {
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-check-'));
  try {
    const [command, ...args] = npmCommand(['pack', '--silent', '--pack-destination', folder]);
    for (const { folder: from } of PACKAGES)
      execFileSync(command, args, { cwd: join(ROOT, from), stdio: ['ignore', 'ignore', 'inherit'] });
    return readdirSync(folder).map((file) => readFileSync(join(folder, file)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns {Promise<string[]>} What is wrong with a package. */
async function problemsOf(tarball) {
  const types = await checkPackage(createPackageFromTarballData(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer } });
  return [
    ...(types.types === false ? ['no types'] : types.problems.map((problem) => JSON.stringify(problem))),
    ...messages.map((message) => formatMessage(message, pkg) ?? message.code),
  ].map((problem) => `${pkg.name}: ${problem}`);
}

const paths = process.argv.slice(2);
const tarballs = paths.length === 0 ? packed() : paths.map((path) => readFileSync(path));
const problems = (await Promise.all(tarballs.map(problemsOf))).flat();
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(
  problems.length === 0 ? 'The packages have no problem.\n' : `The packages have ${problems.length} problems.\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
