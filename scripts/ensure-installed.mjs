import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, npmCommand, run } from './commands.mjs';

/**
 * Installs what package-lock.json names, unless it is installed already. Works on a fresh clone; an
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

/**
 * Programs of Debian that some tests need: the names of the package and of the setting that names another one, and where
 * they are.
 */
const PROGRAMS = [
  {
    title: 'Chromium',
    name: 'chromium',
    setting: 'HTTP_TASKS_TEST_CHROMIUM',
    places: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  },
  {
    title: 'PgBouncer',
    name: 'pgbouncer',
    setting: 'HTTP_TASKS_TEST_PGBOUNCER',
    places: ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'],
  },
  { title: 'cURL', name: 'curl', setting: 'HTTP_TASKS_TEST_CURL', places: ['/usr/bin/curl', '/usr/local/bin/curl'] },
];

/**
 * Installs Debian's Chromium, PgBouncer and cURL, which the tests of the console, of the ledger and of cURL commands use,
 * unless they are there.
 * Returns what a person has to do where that is not possible here; the other tests do not need them.
 */
export async function ensurePrograms() {
  const messages = [];
  for (const program of PROGRAMS) await ensureProgram(program).catch((error) => messages.push(error.message));
  return messages;
}

async function ensureProgram({ title, name, setting, places }) {
  const named = process.env[setting];
  for (const path of named ? [named] : places) {
    if (await isThere(path)) return;
  }
  const byHand = `Install it as root with: apt-get install -y ${name}. Or name one in ${setting}.`;
  if (named) throw new Error(`${setting} names ${named}, which is not there.`);
  if (!(await isThere('/usr/bin/apt-get')))
    throw new Error(`${title} is missing, and there is no apt-get here. ${byHand}`);
  if (process.getuid?.() !== 0) throw new Error(`${title} is missing, and only root may install it. ${byHand}`);
  process.stderr.write(`Installing ${title}: apt-get install -y ${name}\n`);
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', name];
  // The lists of packages of a fresh machine are often missing or old.
  if ((await run(install)) !== 0 && ((await run(['apt-get', 'update'])) !== 0 || (await run(install)) !== 0)) {
    throw new Error(`apt-get could not install ${title}, see above. ${byHand}`);
  }
}

async function isThere(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}
