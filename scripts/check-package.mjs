// `npm run check:package [TARBALL]`: whether the package can be imported and its types be found in every way that Node.js and
// TypeScript know (publint, Are The Types Wrong). Without a tarball it packs this checkout.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ROOT, npmCommand } from './commands.mjs';

/** @returns {Uint8Array} The bytes of a tarball packed from this checkout. */
function packed() {
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-check-'));
  try {
    const [command, ...args] = npmCommand(['pack', '--silent', '--pack-destination', folder]);
    execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
    return readFileSync(join(folder, readdirSync(folder)[0]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [, , path] = process.argv;
const tarball = path === undefined ? packed() : readFileSync(path);
const types = await checkPackage(createPackageFromTarballData(tarball));
const problems =
  types.types === false ? ['The package has no types.'] : types.problems.map((problem) => JSON.stringify(problem));
const { messages, pkg } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer } });
problems.push(...messages.map((message) => formatMessage(message, pkg) ?? message.code));
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(
  problems.length === 0 ? 'The package has no problem.\n' : `The package has ${problems.length} problems.\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
