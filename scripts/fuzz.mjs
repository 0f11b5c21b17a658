// `npm run fuzz`: starts the gateway against the simulators, all on the loopback interface, and lets schemathesis make
// calls of its OpenAPI document, good ones and bad ones. Exits 1 at a server error, a crash, or a response that the document
// does not describe. Further arguments go to schemathesis (`npm run fuzz -- --max-examples 1000 --seed 7`).
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from './build.mjs';
import { ROOT, run } from './commands.mjs';

const STATE = join(ROOT, '.test-state');
const TOOLS = join(STATE, 'schemathesis');
const PYTHON = join(TOOLS, 'bin', 'python');
/** Of this run. */
const TOKEN = randomBytes(24).toString('base64url');
/** With what they need, all pinned; other versions may find other things. */
const REQUIREMENTS = join(ROOT, 'scripts', 'fuzz-requirements.txt');

async function ensureSchemathesis() {
  const wanted = await readFile(REQUIREMENTS, 'utf8');
  const mark = join(TOOLS, 'installed.txt');
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return;
  process.stderr.write('Installing schemathesis\n');
  await rm(TOOLS, { recursive: true, force: true });
  const install = [
    PYTHON,
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '-r',
    REQUIREMENTS,
  ];
  for (const step of [['python3', '-m', 'venv', TOOLS], install]) {
    if ((await run(step)) !== 0)
      throw new Error(
        'schemathesis could not be installed, see above. It needs python3 with venv, and a package index.',
      );
  }
  await writeFile(mark, wanted);
}

/** In this process, so that an uncaught error ends it. */
async function start(folder) {
  const require = createRequire(import.meta.url);
  const { startGateway } = require('@temporal-http-tasks/console');
  const { startSimulators } = require('@temporal-http-tasks/testing');
  const { simulatorSettings } = require('@temporal-http-tasks/testing/internal/stage/simulator-settings');
  const simulators = await startSimulators({});
  const env = {
    ...simulatorSettings(simulators),
    HTTP_TASKS_HTTP_ALLOW: simulators.plaid.url,
    HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`,
    HTTP_TASKS_SUBJECT_KEY: 'a key for fuzzing only',
  };
  const reports = new Set();
  const address = { host: '127.0.0.1', port: 0 };
  const gateway = await startGateway(address, {
    env,
    taskQueue: 'fuzz',
    version: '0.0.0',
    token: TOKEN,
    allowOrigins: [],
    report: (line) => reports.add(line),
  });
  return { gateway, simulators, reports };
}

async function main() {
  await build();
  await ensureSchemathesis();
  const folder = await mkdtemp(join(STATE, 'fuzz-'));
  const { gateway, simulators, reports } = await start(folder);
  try {
    const settings = ['--config-file', join(ROOT, 'scripts', 'fuzz.toml')];
    const environment = {
      PYTHONPATH: join(ROOT, 'scripts'),
      PYTHONDONTWRITEBYTECODE: '1',
      FUZZ_ORIGIN: simulators.plaid.url,
      FUZZ_KEYS: Object.keys(simulators.batch.appKeys).join(','),
    };
    Object.assign(process.env, environment);
    const code = await run([
      join(TOOLS, 'bin', 'schemathesis'),
      ...settings,
      'run',
      `${gateway.url}/openapi.json`,
      '--header',
      `Authorization: Bearer ${TOKEN}`,
      ...process.argv.slice(2),
    ]);
    for (const report of reports) process.stderr.write(`The gateway failed at ${report}\n`);
    const found = code !== 0 || reports.size > 0;
    process.stdout.write(found ? 'Something was found, see above.\n' : 'Nothing was found.\n');
    return found ? 1 : 0;
  } finally {
    await gateway.close();
    await simulators.close();
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  return 1;
});
