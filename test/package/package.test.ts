import { findTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { checkApiReports, checkPackage, installInto, packTarball, withoutFile } from './consumer';
import type { Consumer, Tarball } from './consumer';

const SOURCE = `
import { HttpTasksPlugin, defineHttpTask } from 'temporal-http-tasks';
import { httpTask } from 'temporal-http-tasks/workflow';
import { offboardingService } from 'temporal-http-tasks/nexus';
import { startSimulators } from 'temporal-http-tasks/testing';

const functions: Record<string, unknown> = { HttpTasksPlugin, defineHttpTask, httpTask, offboardingService, startSimulators };
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
];

let tarball: Tarball;
beforeAll(async () => {
  tarball = await packTarball();
}, 120_000);
afterAll(() => tarball?.remove());

it('packs what is needed and nothing else', () => {
  expect(tarball.files).toEqual(
    expect.arrayContaining(['package.json', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']),
  );
  const bundles = ['', '-encrypted', '-traced', '-encrypted-traced'].map(
    (variant) => `dist/prebuilt/workflows${variant}.js.gz`,
  );
  expect(tarball.files).toEqual(expect.arrayContaining(['dist/prebuilt/workflows.json', ...bundles]));
  const needless = tarball.files.filter(
    (path) => !/^(dist\/|examples\/users\.csv$|[A-Za-z]+(\.md|\.json)?$)/.test(path),
  );
  expect(needless).toEqual([]);
  expect(tarball.files.filter((path) => /\.(tsbuildinfo|log|db|tgz)$|\.test\./.test(path))).toEqual([]);
});

it(
  'can be imported, and its types be found, in every way that Node.js and TypeScript know',
  async () => {
    expect(await checkPackage(tarball)).toEqual({ code: 0, stdout: 'The package has no problem.\n', stderr: '' });
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
    const broken = await withoutFile(tarball, 'dist/workflow.d.ts');
    try {
      const { code, stderr } = await checkPackage(broken);
      expect(code).toBe(1);
      expect(stderr).toContain('./workflow');
    } finally {
      await broken.remove();
    }
  },
  COMPILE_MS,
);

describe.each(['module', 'commonjs'] as const)('the packed package in a project of type %s', (type) => {
  let consumer: Consumer;
  beforeAll(async () => {
    consumer = await installInto(type, tarball);
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
        "import { HttpTaskPlugin } from 'temporal-http-tasks';\nimport 'temporal-http-tasks/dist/cli/main.js';\nvoid HttpTaskPlugin;\n",
      );
      expect(complaints).toMatch(/no exported member named 'HttpTaskPlugin'/);
      expect(complaints).toMatch(/temporal-http-tasks\/dist\/cli\/main\.js/);
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

  it('brings the command http-tasks', async () => {
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
