import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { quiet } from '../support/quiet-runtime';
import { openLink } from '../support/breakable-link';
import { freshId } from '../support/offboarding';
import { until } from '../support/offboarding-runs';
import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { startWorkerProcess } from '../support/worker-process';
import { runCli, runJson, startCli } from './run-cli';
import type { CliEnv, Refused } from './run-cli';

// Commands that start and follow runs, while workers are away, lack the workflows, or belong to no current version.

const HOST = join(__dirname, '../../.test-state/hosts', freshId('own'));

let place: SweepPlace;
let env: CliEnv;
/** Of a task queue whose worker does not have the package's workflows. */
let lacking: CliEnv;

beforeAll(async () => {
  place = await openSweepPlace();
  env = { ...place.env, TEMPORAL_ADDRESS: temporalAddress() };
  await mkdir(HOST, { recursive: true });
  await writeFile(join(HOST, 'users.csv'), 'batch_user_id\nb_1\n');
  const taskQueue = freshTaskQueue('lacking');
  const file = join(HOST, 'workflows.js');
  await writeFile(file, 'exports.own = async () => undefined;\n');
  const { code } = await bundleWorkflowCode({ workflowsPath: file, logger: quiet });
  await place.startWorker({ worker: { taskQueue, workflowBundle: { code } }, plugin: { workflows: false } });
  lacking = { ...env, HTTP_TASKS_TASK_QUEUE: taskQueue };
});

afterAll(async () => {
  await place.close();
  await rm(HOST, { recursive: true, force: true });
});

const offboardArgs = (): string[] => ['offboard', '--batch-user-id', freshId('user'), '--reason', 'OTHER', '--yes'];
const sweepArgs = (...more: string[]): string[] => [
  'sweep',
  '--source',
  join(HOST, 'users.csv'),
  '--reason',
  'OTHER',
  '--yes',
  ...more,
];

describe('a worker that has the task queue and not the workflows', () => {
  const LINE =
    /It does not start: a worker polls the task queue without the workflow (\w+): its workflows file must contain "export \* from 'temporal-http-tasks\/workflow'"/;

  it.each([
    ['offboard', () => offboardArgs()],
    ['sweep --watch', () => sweepArgs('--watch')],
    ['call --durable', () => ['call', 'plaid.userItemsGet', '--input', '{"user_id":"u"}', '--durable']],
  ])('is what %s says while it waits, and Ctrl-C ends it cleanly', async (_command, args) => {
    const command = startCli(args(), lacking);
    await command.printed("export * from 'temporal-http-tasks/workflow'");
    const { code, stderr } = await command.stop('SIGINT');
    expect(stderr).not.toMatch(/^\s+at |shut down/m);
    expect(code).toBe(1);
  });

  it('is what sweep says when it only starts one, and sweep status', async () => {
    const { code, stderr, stdout } = await runCli(sweepArgs('--id', 'not-begun'), lacking);
    expect(stderr).toMatch(LINE);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Started not-begun.\n' });
    const status = await runCli(['sweep', 'status', 'not-begun'], lacking);
    expect(status.stdout + status.stderr).toContain('a worker polls the task queue without the workflow offboardUsers');
  });
});

describe('workers of a deployment', () => {
  it('that has no current version are named, with the command that makes one current, and nothing is started', async () => {
    const deployment = { deploymentName: freshId('deployment'), buildId: '1.0' };
    const taskQueue = freshTaskQueue('versioned');
    const versioned = { ...place.env, HTTP_TASKS_TASK_QUEUE: taskQueue };
    const worker = await startWorkerProcess(
      { env: versioned },
      { HTTP_TASKS_DEPLOYMENT: deployment.deploymentName, HTTP_TASKS_BUILD_ID: deployment.buildId },
    );
    try {
      const cli = { ...versioned, TEMPORAL_ADDRESS: temporalAddress() };
      for (const args of [offboardArgs(), sweepArgs()]) {
        const { code, document } = await runJson<Refused>(args, cli);
        expect({ code, type: document.error.type }).toEqual({ code: 1, type: 'NoWorker' });
        expect(document.error.message).toContain('no version is current');
        expect(document.error.message).toContain(
          `set-current-version --deployment-name ${deployment.deploymentName} --build-id 1.0`,
        );
      }
      await until('the version is the current one', () =>
        place.client.workflowService.setWorkerDeploymentCurrentVersion({ namespace: 'default', ...deployment }).then(
          () => true,
          () => false,
        ),
      );
      expect(await runCli(offboardArgs(), cli)).toMatchObject({ code: 0 });
    } finally {
      await worker.stop();
    }
  });
});

describe('Ctrl-C while the Temporal server is away', () => {
  it.each([
    ['offboard', 'SIGINT', 300],
    ['offboard', 'SIGTERM', 1_500],
    ['offboard', 'SIGINT', 3_000],
    ['sweep --watch', 'SIGINT', 500],
    ['sweep --watch', 'SIGTERM', 2_000],
  ] as const)('ends %s cleanly (%s after %d ms)', async (what, signal, afterMs) => {
    const link = await openLink(Number(new URL(`tcp://${temporalAddress()}`).port));
    try {
      const args = what === 'offboard' ? offboardArgs() : sweepArgs('--watch');
      const command = startCli(args, { ...lacking, TEMPORAL_ADDRESS: `127.0.0.1:${link.port}` });
      await command.printed('Started ');
      link.cut();
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const { code, stderr } = await command.stop(signal);
      expect(stderr).toMatch(/keeps running/);
      expect(stderr).not.toMatch(/^\s+at |shut down/m);
      expect(code).toBe(1);
    } finally {
      await link.close();
    }
  });
});
