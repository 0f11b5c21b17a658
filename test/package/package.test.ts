import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { checkApiReports, checkPackages, installInto, packTarballs, withoutFile } from './consumer';
import type { Consumer, Tarball } from './consumer';

const SOURCE = `
import { HttpTasksPlugin, defineHttpTask } from 'temporal-http-tasks';
import { httpTask } from 'temporal-http-tasks/workflow';
import { offboardingService } from 'temporal-http-tasks/nexus';
import { startSimulators } from 'temporal-http-tasks/testing';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi';
import { startPlaidSimulator } from '@temporal-http-tasks/testing';
import { reportOnSweep } from '@temporal-http-tasks/evidence';
import { startGateway } from '@temporal-http-tasks/console';
import { runWorker } from '@temporal-http-tasks/cli';

const functions: Record<string, unknown> = {
  HttpTasksPlugin, defineHttpTask, httpTask, offboardingService, startSimulators,
  tasksFromOpenApi, startPlaidSimulator, reportOnSweep, startGateway, runWorker,
};
console.log(JSON.stringify(Object.entries(functions).map(([name, value]) => [name, typeof value])));
`;

/** The compiler reads the types of the whole Temporal SDK, which takes a while on a busy machine. */
const COMPILE_MS = 120_000;

const EXPORTED = [
  ['HttpTasksPlugin', 'function'],
  ['defineHttpTask', 'function'],
  ['httpTask', 'function'],
  ['offboardingService', 'object'],
  ['startSimulators', 'function'],
  ['tasksFromOpenApi', 'function'],
  ['startPlaidSimulator', 'function'],
  ['reportOnSweep', 'function'],
  ['startGateway', 'function'],
  ['runWorker', 'function'],
];

let tarballs: Tarball[] = [];
const tarballOf = (name: string): Tarball => {
  const found = tarballs.find((tarball) => tarball.name === name);
  if (found === undefined) throw new Error(`There is no package ${name}.`);
  return found;
};
beforeAll(async () => {
  tarballs = await packTarballs();
}, 120_000);
afterAll(() => Promise.all(tarballs.map((tarball) => tarball.remove())));

it('packs what is needed and nothing else', () => {
  for (const { name, files } of tarballs) {
    expect({ name, files }).toEqual({
      name,
      files: expect.arrayContaining(['package.json', 'LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts']),
    });
    const own = name.endsWith('/cli')
      ? /^(bin\/http-tasks\.js|examples\/(users\.csv|courier\.(openapi|provider)\.yaml))$/
      : /^$/;
    const needless = files.filter(
      (path) => !/^(dist\/|(docs\/(api\/)?)?[A-Za-z-]+(\.md|\.json|\.txt)?$)/.test(path) && !own.test(path),
    );
    expect({ name, needless }).toEqual({ name, needless: [] });
    const unwanted = files.filter((path) => /\.(tsbuildinfo|log|db|tgz|map)$|\.test\./.test(path));
    expect({ name, unwanted }).toEqual({ name, unwanted: [] });
  }
  const bundles = ['', '-encrypted', '-traced', '-encrypted-traced'].map(
    (variant) => `dist/prebuilt/workflows${variant}.js.gz`,
  );
  const { files } = tarballOf('@temporal-http-tasks/cli');
  expect(files).toEqual(
    expect.arrayContaining([
      'bin/http-tasks.js',
      'examples/users.csv',
      'dist/ready-providers/hubspot.provider.yaml',
      'dist/prebuilt/workflows.json',
      ...bundles,
    ]),
  );
  const ledger = readdirSync(join(__dirname, '../../src/ledger'), { recursive: true, encoding: 'utf8' });
  const sql = ledger.filter((file) => file.endsWith('.sql')).map((file) => `dist/ledger/${file}`);
  expect(sql).toContain('dist/ledger/postgres/migrations/0001-receipts.sql');
  expect(tarballOf('temporal-http-tasks').files).toEqual(expect.arrayContaining(sql));
});

it(
  'can be imported, and its types be found, in every way that Node.js and TypeScript know',
  async () => {
    const noProblem = { code: 0, stdout: 'The packages have no problem.\n', stderr: '' };
    expect(await checkPackages(tarballs)).toEqual(noProblem);
  },
  COMPILE_MS,
);

it(
  'exports what the reports in api/ say; after a change that is meant, run npm run api',
  async () => {
    expect(await checkApiReports()).toEqual({ code: 0, stdout: 'The public API is as reported.\n', stderr: '' });
  },
  COMPILE_MS,
);

it(
  'is found wanting without its types',
  async () => {
    const broken = await withoutFile(tarballOf('temporal-http-tasks'), 'dist/workflow.d.ts');
    try {
      const { code, stderr } = await checkPackages([broken]);
      expect(code).toBe(1);
      expect(stderr).toContain('./workflow');
    } finally {
      await broken.remove();
    }
  },
  COMPILE_MS,
);

it.each([
  ['module', 'const load = (name) => import(name);'],
  ['commonjs', 'const load = async (name) => require(name);'],
] as const)('the plugin works in a project of type %s without the other packages', async (type, load) => {
  const consumer = await installInto(type, [tarballOf('temporal-http-tasks')]);
  try {
    const names = ['temporal-http-tasks', 'temporal-http-tasks/workflow', 'temporal-http-tasks/nexus'];
    const source = `${load}
Promise.all(${JSON.stringify(names)}.map(load)).then((all) =>
  console.log(JSON.stringify(all.map((exported) => Object.keys(exported).length > 1))));
`;
    expect(JSON.parse(await consumer.run('plugin.js', source))).toEqual([true, true, true]);
  } finally {
    await consumer.remove();
  }
});

describe.each(['module', 'commonjs'] as const)('the packed packages in a project of type %s', (type) => {
  let consumer: Consumer;
  beforeAll(async () => {
    consumer = await installInto(type, tarballs);
  });
  afterAll(() => consumer?.remove());

  it(
    'type-checks, and gives every entry its named exports when run',
    async () => {
      expect(JSON.parse(await consumer.compileAndRun('consumer.ts', SOURCE))).toEqual(EXPORTED);
    },
    COMPILE_MS,
  );

  it(
    'lets neither a misspelt name nor a file of its inside compile',
    async () => {
      const complaints = await consumer.typeCheck(
        'wrong.ts',
        "import { HttpTaskPlugin } from 'temporal-http-tasks';\nimport 'temporal-http-tasks/dist/plugin.js';\nvoid HttpTaskPlugin;\n",
      );
      expect(complaints).toMatch(/no exported member named 'HttpTaskPlugin'/);
      expect(complaints).toMatch(/temporal-http-tasks\/dist\/plugin\.js/);
    },
    COMPILE_MS,
  );

  it(
    "type-checks as TypeScript's older way of finding packages does it, which reads no exports",
    async () => {
      const modules = ['--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];
      expect(await consumer.typeCheck('older.ts', SOURCE, modules)).toBe('');
    },
    COMPILE_MS,
  );

  it('contains the command http-tasks', async () => {
    const { stdout, code } = await consumer.runBin('http-tasks', ['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('offboard');
  });

  it("is a command of Temporal's own command line, with the same arguments and exit codes", async () => {
    const { path } = await findTemporalServer();
    const listed = await consumer.runTemporal(path, ['http-tasks', 'list', '--json']);
    expect(listed.code).toBe(0);
    expect(JSON.parse(listed.stdout)).toContainEqual(expect.objectContaining({ name: 'plaid.userItemsRemove' }));
    expect(await consumer.runTemporal(path, ['http-tasks', 'list', '--no-such-option'])).toMatchObject({ code: 2 });
  });
});
