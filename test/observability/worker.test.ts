import { METRICS } from 'temporal-http-tasks/internal/observability/metric-names';
import { freshId } from '../support/offboarding';
import { seedUser, startOffboarding, until } from '../support/offboarding-runs';
import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { freePort, scrape, startCollector, valueOf } from '../support/observing';
import type { Collector, Sample } from '../support/observing';
import { startWorkerProcess } from '../support/worker-process';
import type { WorkerProcess } from '../support/worker-process';
import { metricsInQueries } from '../deploy/queries';

// One worker process that reports everything it can, while it offboards one user whose first call is refused for the
// rate, and a sweep. What it reported is looked at from all sides.

const SWEPT = 40;
/** `VERSIONING_BEHAVIOR_AUTO_UPGRADE` of Temporal's API. */
const AUTO_UPGRADE = 2;

let place: SweepPlace;
let worker: WorkerProcess;
let collector: Collector;
let ports: { metrics: number; health: number };
let samples: Sample[];
let page: string;
let offboarding: Awaited<ReturnType<typeof startOffboarding>>;
const ids: string[] = [];
const DEPLOYMENT = { deploymentName: freshId('deployment'), buildId: '1.2.3' };

beforeAll(async () => {
  place = await openSweepPlace();
  collector = await startCollector();
  ports = { metrics: await freePort(), health: await freePort() };
  worker = await startWorkerProcess(place, {
    HTTP_TASKS_METRICS_ADDRESS: String(ports.metrics),
    HTTP_TASKS_HEALTH_ADDRESS: String(ports.health),
    HTTP_TASKS_LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '200',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=tests',
    HTTP_TASKS_DEPLOYMENT: DEPLOYMENT.deploymentName,
    HTTP_TASKS_BUILD_ID: DEPLOYMENT.buildId,
  });
  await makeCurrent();
  const seeded = seedUser(place);
  ids.push(seeded.plaidUserId, seeded.batchUserId, ...seeded.items);
  place.simulators.plaid.faults.add({
    kind: 'rateLimit',
    endpoint: 'userItemsGet',
    user: seeded.plaidUserId,
    times: 1,
    retryAfter: { form: 'seconds', seconds: 0 },
  });
  offboarding = await startOffboarding(place, { user: seeded.user });
  await offboarding.result();
  const prefix = freshId('swept');
  ids.push(prefix);
  const sweep = await place.start({ source: { file: await place.users(SWEPT, { prefix }) }, granularity: 'chunk' });
  await sweep.result();
  // A workflow task that fails: the alert about workflow code that does not fit names its metric.
  const unknown = await place.client.workflow.start('noSuchWorkflow', {
    taskQueue: place.taskQueue,
    workflowId: freshId('unknown'),
  });
  // What is counted often is gathered, and passed on now and then.
  const late = [
    'http_tasks_ledger_latency_milliseconds_count',
    'http_tasks_sweep_statuses',
    'temporal_workflow_task_execution_failed',
  ];
  await until('the ledger was asked, the end of the sweep is counted, and the workflow task failed', async () => {
    ({ samples, text: page } = await scrape(ports.metrics));
    return late.every((name) => valueOf(samples, name) > 0);
  });
  await unknown.terminate();
});

afterAll(async () => {
  await worker.stop();
  await collector.close();
  await place.close();
});

/** What an operator does with `temporal worker deployment set-current-version`, once the worker has been seen. */
async function makeCurrent(): Promise<void> {
  await until('the version is the current one', () =>
    place.client.workflowService.setWorkerDeploymentCurrentVersion({ namespace: 'default', ...DEPLOYMENT }).then(
      () => true,
      () => false,
    ),
  );
}

it('runs workflows under its version, and moves them on to the next', async () => {
  const { raw } = await offboarding.describe();
  expect(raw.workflowExecutionInfo?.versioningInfo).toMatchObject({
    deploymentVersion: DEPLOYMENT,
    behavior: AUTO_UPGRADE,
  });
});

describe('the metrics of a worker', () => {
  it('hold every metric of the package, with the tags that are documented', () => {
    for (const [name, { kind, tags }] of Object.entries(METRICS)) {
      const found = samples.find((sample) => sample.name === (kind === 'histogram' ? `${name}_count` : name));
      expect({ name, tags: Object.keys(found?.labels ?? { absent: '' }).sort() }).toEqual({
        name,
        tags: [...tags].sort(),
      });
    }
  });

  it("are next to those of Temporal's SDK", () => {
    expect(
      valueOf(samples, 'temporal_activity_execution_latency_count', { activity_type: 'plaid.userItemsRemove' }),
    ).toBeGreaterThan(0);
  });

  it('count calls by task and outcome, and what is tried again by its cause', () => {
    const got = valueOf(samples, 'http_tasks_calls', { task: 'plaid.userItemsGet', outcome: 'ok' });
    expect(got).toBeGreaterThanOrEqual(SWEPT);
    expect(valueOf(samples, 'http_tasks_calls', { task: 'plaid.userItemsGet', outcome: 'Task.RateLimited' })).toBe(1);
    expect(valueOf(samples, 'http_tasks_retries', { task: 'plaid.userItemsGet', cause: 'Task.RateLimited' })).toBe(1);
    expect(valueOf(samples, 'http_tasks_call_latency_milliseconds_count', { task: 'plaid.userItemsGet' })).toBe(
      got + 1,
    );
  });

  it('count the users of sweeps, and the budget they use', () => {
    expect(valueOf(samples, 'http_tasks_sweep_users_found')).toBe(SWEPT);
    expect(valueOf(samples, 'http_tasks_sweep_users', { phase: 'users', outcome: 'waitingForBulk' })).toBe(SWEPT);
    expect(valueOf(samples, 'http_tasks_sweep_users', { phase: 'bulk', outcome: 'accepted' })).toBe(
      SWEPT * Object.keys(place.simulators.batch.appKeys).length,
    );
    expect(valueOf(samples, 'http_tasks_sweep_statuses', { status: 'completed' })).toBe(1);
    expect(valueOf(samples, 'http_tasks_rate_admitted', { service: 'plaid', caller: 'sweep' })).toBeGreaterThanOrEqual(
      SWEPT,
    );
    expect(valueOf(samples, 'http_tasks_rate_allowed', { service: 'plaid' })).toBeGreaterThan(0);
  });

  it('hold no id of a user', () => {
    expect(ids.filter((id) => page.includes(id))).toEqual([]);
  });

  it('are all that dashboard and alert rules name', () => {
    const present = new Set(samples.map(({ name }) => name));
    const named = metricsInQueries();
    expect(named.size).toBeGreaterThan(10);
    expect([...named].filter((name) => !present.has(name))).toEqual([]);
  });
});

describe('the traces of a worker', () => {
  it('have one span for each call, below that of its activity, with what it was and how it ended', async () => {
    await until(
      'the spans of the refused call and of a later one have arrived',
      () => collector.spans().filter(({ name }) => name === 'plaid.userItemsGet').length > SWEPT,
    );
    const spans = collector.spans();
    const refused = spans.find(({ attributes }) => attributes['http_tasks.outcome'] === 'Task.RateLimited');
    expect(refused?.attributes).toMatchObject({
      'service.name': 'http-tasks-worker',
      'deployment.environment.name': 'tests',
      'http_tasks.task': 'plaid.userItemsGet',
      'http_tasks.provider': 'plaid',
      'http_tasks.provider_code': 'RATE_LIMIT',
      'http_tasks.attempt': 1,
      'http.response.status_code': 429,
    });
    const activity = spans.find(({ spanId }) => spanId === refused?.parentSpanId);
    expect(activity?.name).toBe('RunActivity:plaid.userItemsGet');
    const again = spans.filter(({ traceId, name }) => traceId === refused?.traceId && name === 'plaid.userItemsGet');
    expect(again.map(({ attributes }) => attributes['http_tasks.attempt'])).toEqual(expect.arrayContaining([1, 2]));
    // The run was given no trace, so that it has one of its own, found by its id.
    expect(refused?.traceId).toBe(offboarding.firstExecutionRunId.replaceAll('-', ''));
    const ofTheRun = spans.filter(({ traceId }) => traceId === refused?.traceId).map(({ name }) => name);
    expect(ofTheRun).toEqual(
      expect.arrayContaining([
        'RunActivity:httpTasks.prepareOffboarding',
        'plaid.userItemsRemove',
        'batch.customDataDelete',
        'RunActivity:httpTasks.recordEnd',
      ]),
    );
  });

  it('hold no address of a provider and no id of a user', () => {
    const { plaid, batch } = place.simulators;
    const secrets = [plaid.url, batch.url, plaid.secret, batch.restApiKey, ...Object.values(batch.appKeys)];
    expect([...secrets, ...ids].filter((text) => collector.received().includes(text))).toEqual([]);
  });
});

describe('the log of a worker', () => {
  const lines = (): Record<string, unknown>[] =>
    worker
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('says of a failed attempt which workflow, run, task and attempt it was', () => {
    const failed = lines().find(({ msg, task }) => msg === 'Activity failed' && task === 'plaid.userItemsGet');
    expect(failed).toMatchObject({
      workflowId: expect.stringMatching(/^offboard-/),
      runId: expect.any(String),
      task: 'plaid.userItemsGet',
      attempt: 1,
    });
    expect(failed).toHaveProperty('error.type', 'Task.RateLimited');
  });

  it('holds no id of a user, and no token by which an activity could be ended', () => {
    expect(ids.filter((id) => worker.log().includes(id))).toEqual([]);
    expect(worker.log()).not.toContain('taskToken');
  });
});

describe('the health of a worker', () => {
  const ask = async (path: string, method = 'GET'): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`http://127.0.0.1:${ports.health}${path}`, { method });
    return { status: response.status, body: await response.json() };
  };

  it('is alive, and ready while the server sees it poll and the ledger responds', async () => {
    expect(await ask('/healthz')).toEqual({ status: 200, body: { ok: true, worker: 'RUNNING' } });
    expect(await ask('/readyz?verbose')).toEqual({
      status: 200,
      body: { ok: true, worker: 'RUNNING', polling: true, ledger: true },
    });
  });

  it('serves nothing else', async () => {
    expect((await ask('/metrics')).status).toBe(404);
    expect((await ask('/readyz', 'POST')).status).toBe(405);
  });
});
