import type { FaultRuleInput } from '@temporal-http-tasks/testing';
import { casesOf } from '../support/amount';
import { startOffboarding, until } from '../support/offboarding-runs';
import type { GivenInput } from '../support/offboarding-runs';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { startHttpTarget } from '../support/http-target';
import type { HttpTarget } from '../support/http-target';
import { freePort, scrape, startCollector } from '../support/observing';
import type { Collector } from '../support/observing';
import { startWorkerProcess } from '../support/worker-process';
import type { WorkerProcess } from '../support/worker-process';
import { bytesOfDatabase, findAll, formsOf, textIn } from './haystack';
import type { Haystack } from './haystack';
import { tracesOf } from './temporal-traces';

// A worker with unmistakable secrets works against providers that fail in every way and echo what they were sent. Then
// everything that is kept anywhere is searched: histories, descriptions, query results, the ledger, and the worker's
// log, metrics and spans.

/** With characters that look different in a URL, in JSON and in base64. */
const SECRETS = {
  plaidClientId: 'CANARY-client "7q/+%41\\A z9',
  plaidSecret: 'CANARY-secret "8w/+%42\\B y8',
  batchRestKey: 'CANARY-rest "9e/+%43\\C x7',
  iosKey: 'CANARY-ios/+%44 w6 key',
  androidKey: 'CANARY-android/+%45 v5 key',
  subjectKey: 'CANARY-subject "1t/+%46\\F u4',
  namedSecret: 'CANARY-named "2y/+%47\\G t3',
  clientSecret: 'CANARY-login "3i/+%48\\I s1',
  accessToken: 'CANARY-access"4o/+%49\\J-r0',
  refusedSecret: 'CANARY-refused "5p/+%40\\K q9',
  collectorToken: 'CANARY-collector-3u',
};

/** Is in every id of a user and of an Item. */
const ID_MARK = 'CANARY-id "5r/+%47\\H s2';
const PLANTED = 'CANARY-planted by the test itself';

let place: Place;
let worker: WorkerProcess;
let target: HttpTarget;
let collector: Collector;
let metricsPort: number;
const runs: string[] = [];
/** What callers received: results and errors. */
const received: string[] = [];
/** What Temporal showed of runs that were in progress. */
const inProgress: string[] = [];
let haystack: Haystack;

beforeAll(async () => {
  target = await startHttpTarget(({ path, headers, body }) => {
    if (path === '/login') return { status: 200, body: { access_token: SECRETS.accessToken, expires_in: 3_600 } };
    if (path === '/refused')
      return {
        status: 401,
        body: { error: 'invalid_client', error_description: `${String(body)} ${headers.authorization}` },
      };
    const [key, token] = [String(headers['x-key']), String(headers.authorization)];
    return {
      status: path === '/error' ? 400 : 200,
      body: {
        code: key,
        message: `you sent ${key} and ${token}`,
        [key]: encodeURIComponent(key),
        [token]: encodeURIComponent(token),
      },
    };
  });
  place = await openPlace({
    plaid: { clientId: SECRETS.plaidClientId, secret: SECRETS.plaidSecret },
    batch: { restApiKey: SECRETS.batchRestKey, appKeys: { ios: SECRETS.iosKey, android: SECRETS.androidKey } },
    subjectKey: SECRETS.subjectKey,
    env: {
      HTTP_TASKS_HTTP_ALLOW: target.origin,
      HTTP_TASKS_SECRET_TICKETS: SECRETS.namedSecret,
      HTTP_TASKS_SECRET_TICKETS_ORIGIN: target.origin,
      ...clientSettings('LOGIN', '/login', SECRETS.clientSecret),
      ...clientSettings('REFUSED', '/refused', SECRETS.refusedSecret),
      HTTP_TASKS_LOG_LEVEL: 'trace',
    },
  });
  collector = await startCollector();
  metricsPort = await freePort();
  worker = await startWorkerProcess(place, {
    HTTP_TASKS_METRICS_ADDRESS: String(metricsPort),
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-token=${SECRETS.collectorToken}`,
    OTEL_BSP_SCHEDULE_DELAY: '200',
    OTEL_BSP_MAX_QUEUE_SIZE: '100000',
  });
  await Promise.all([...faultyRuns(), ...genericRuns(), loneActivity(), plantedRuns(), heldRun(), cancelledRun()]);
  haystack = await collect();
}, 240_000);

afterAll(async () => {
  await worker.stop();
  await collector.close();
  await place.close();
  await target.close();
});

type Endpoint = FaultRuleInput['endpoint'];
type Fault = FaultRuleInput extends infer T
  ? T extends unknown
    ? Omit<T, 'endpoint' | 'user' | 'times'>
    : never
  : never;

const FAULTS: readonly Fault[] = [
  { kind: 'echoSecret', as: 'ok' },
  { kind: 'echoSecret', as: 'error' },
  { kind: 'dropBefore' },
  { kind: 'dropAfter' },
  { kind: 'resetMidBody' },
  { kind: 'stall' },
  { kind: 'serverError' },
  { kind: 'badGateway' },
  { kind: 'rateLimit' },
  { kind: 'wrongContentType' },
  { kind: 'malformedJson' },
  { kind: 'wrongShape' },
  { kind: 'hugeBody' },
  { kind: 'redirect' },
  { kind: 'unauthorized' },
  { kind: 'unknownErrorCode' },
];

const CALLS: readonly { endpoint: Endpoint; input?: Partial<GivenInput> }[] = [
  { endpoint: 'userItemsGet' },
  { endpoint: 'userItemsRemove' },
  { endpoint: 'userProductsTerminate' },
  { endpoint: 'userRemove', input: { plaid: { removeUser: true } } },
  { endpoint: 'customDataDelete' },
  { endpoint: 'gdprRequestCreate', input: { batch: { mode: 'gdpr' } } },
  { endpoint: 'gdprRequestGet', input: { batch: { mode: 'gdpr' } } },
];

/** One call of each effect and provider meets every fault; all others, as in the whole run, at least those that echo. */
const WITH_EVERY_FAULT: readonly Endpoint[] = ['userItemsGet', 'userItemsRemove', 'customDataDelete'];

/** The same headers everywhere, so that whatever is echoed holds the named secret and an access token. */
const KEY_HEADER = { 'x-key': '{{secret:TICKETS}}', authorization: 'Bearer {{secret:LOGIN}}' };

/** A client of OAuth2 whose tokens come from this path of the target. */
function clientSettings(name: string, path: string, secret: string): Record<string, string> {
  const setting = `HTTP_TASKS_OAUTH_${name}`;
  return {
    [`${setting}_TOKEN_URL`]: target.origin + path,
    [`${setting}_ORIGIN`]: target.origin,
    [`${setting}_CLIENT_ID`]: 'worker',
    [`${setting}_CLIENT_SECRET`]: secret,
  };
}

function seedMarked(): { user: { plaidUserId: string; batchUserId: string }; itemIds: string[] } {
  const user = { plaidUserId: freshId(`usr ${ID_MARK}`), batchUserId: freshId(`customer ${ID_MARK}`) };
  const item = freshId(`item ${ID_MARK}`);
  place.simulators.plaid.seed({ users: [{ userId: user.plaidUserId, items: [item] }] });
  place.simulators.batch.seed({ users: [user.batchUserId] });
  return { user, itemIds: [item, freshId(`foreign ${ID_MARK}`)] };
}

function tell(response: unknown): void {
  const parts: unknown[] = [];
  for (let error = response; error instanceof Error; error = error.cause)
    parts.push(error.message, error.stack, { ...error });
  received.push(textIn(parts.length > 0 ? parts : response));
}

async function runToItsEnd(input: GivenInput): Promise<void> {
  const handle = await startOffboarding(place, input);
  runs.push(handle.workflowId);
  await handle.result().then(tell, tell);
}

/** Every call meets every fault, forever, so that retries and resends meet it too; the deadline ends them. */
function faultyRuns(): Promise<void>[] {
  const compensation = {
    task: 'http.request',
    input: { uri: `${target.origin}/error`, method: 'POST', headers: KEY_HEADER, body: {} },
  };
  return CALLS.flatMap(({ endpoint, input }) =>
    casesOf(FAULTS, ({ kind }) => kind === 'echoSecret' || WITH_EVERY_FAULT.includes(endpoint)).map(async (fault) => {
      const { user, itemIds } = seedMarked();
      const atPlaid = endpoint.startsWith('user');
      const { faults } = atPlaid ? place.simulators.plaid : place.simulators.batch;
      faults.add({ ...fault, endpoint, user: atPlaid ? user.plaidUserId : user.batchUserId });
      // An echo has to happen, so those runs get the time to come to their call.
      const deadline = fault.kind === 'echoSecret' ? '60s' : '10s';
      await runToItsEnd({ user, itemIds, deadline, compensation, ...input });
    }),
  );
}

function genericRuns(): Promise<void>[] {
  const inputs = ['/ok', '/error'].flatMap((path) =>
    ['GET', 'POST'].map((method) => ({ uri: target.origin + path, method, headers: KEY_HEADER })),
  );
  inputs.push({
    uri: `${target.origin}/ok`,
    method: 'POST',
    headers: { ...KEY_HEADER, authorization: 'Bearer {{secret:REFUSED}}' },
  });
  return inputs.map(async (input) => {
    const workflowId = freshId('generic');
    runs.push(workflowId);
    const args = [{ task: 'http.request', input }];
    await place.client.workflow
      .execute('runHttpTask', { taskQueue: place.taskQueue, workflowId, args })
      .then(tell, tell);
  });
}

async function loneActivity(): Promise<void> {
  const { user } = seedMarked();
  place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'echoSecret', user: user.plaidUserId });
  const options = { id: freshId('lone'), taskQueue: place.taskQueue, startToCloseTimeout: '10 seconds' as const };
  await place.client.activity
    .execute('plaid.userItemsGet', { ...options, args: [{ user_id: user.plaidUserId }] })
    .then(tell, tell);
}

/** What the search must find, to be believed when it finds nothing else. */
async function plantedRuns(): Promise<void> {
  const { user } = seedMarked();
  await runToItsEnd({ user, reason: { code: 'OTHER', note: PLANTED } });
  const unknownField = { [PLANTED]: true };
  await runToItsEnd({ user, ...unknownField });
  await place.ledger.recordOutcome({
    ...{
      workflowId: 'planted',
      runId: 'planted',
      activityId: 'planted',
      attempt: 1,
      step: 'planted',
      task: 'planted.task',
    },
    ...{ service: 'planted', environment: 'default', subjects: [], outcome: 'accepted', token: PLANTED },
  });
}

async function heldRun(): Promise<void> {
  const { user } = seedMarked();
  await place.ledger.addHold({
    holdId: freshId('hold'),
    subjects: [place.hasher.subject('batch', 'default', user.batchUserId)],
  });
  await runToItsEnd({ user });
}

/** Looked at while a call of it is in flight, then cancelled. */
async function cancelledRun(): Promise<void> {
  const { user } = seedMarked();
  place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'stall', user: user.plaidUserId });
  const handle = await startOffboarding(place, { user });
  runs.push(handle.workflowId);
  await until(
    'a retry of the call',
    async () => {
      const { raw } = await handle.describe();
      inProgress.push(textIn(raw));
      return (raw.pendingActivities?.[0]?.attempt ?? 0) > 1;
    },
    120_000,
  );
  await handle.cancel();
  await handle.result().then(tell, tell);
}

async function collect(): Promise<Haystack> {
  const traces = await Promise.all(runs.map((workflowId) => tracesOf(place.client, workflowId)));
  return {
    histories: traces.map(({ everything }) => everything).join('\n'),
    shown: traces.map(({ shown }) => shown).join('\n'),
    failures: traces.map(({ failures }) => failures).join('\n'),
    inProgress: inProgress.join('\n'),
    received: received.join('\n'),
    log: worker.log(),
    ledger: await bytesOfDatabase(place.ledgerFile),
    metrics: (await scrape(metricsPort)).text,
    spans: collector.received(),
  };
}

it('is a search that finds what was planted, in every form and in every place', () => {
  for (const form of formsOf(PLANTED))
    expect(findAll({ text: `before${form}after` }, { PLANTED })).toEqual(['text: PLANTED']);
  const wrapped = [0, 1, 2].map((offset) => Buffer.from(`${'x'.repeat(offset)}${PLANTED}tail`).toString('base64'));
  for (const text of wrapped) expect(findAll({ text }, { PLANTED })).toEqual(['text: PLANTED']);
  expect(findAll(haystack, { PLANTED })).toEqual(
    ['histories', 'failures', 'received', 'log', 'ledger'].map((name) => `${name}: PLANTED`),
  );
  // Where nothing can be planted, what has to be there is.
  expect(findAll(haystack, { queue: place.taskQueue })).toEqual(
    expect.arrayContaining(['histories: queue', 'log: queue']),
  );
  expect(haystack.shown).toContain('Offboarding failed');
  expect(haystack.shown).toContain("plaid.items: List a user's Items");
  expect(haystack.inProgress).toContain('plaid.userItemsGet');
  expect(haystack.metrics).toContain('task="plaid.userItemsRemove"');
  expect(haystack.spans).toContain('http_tasks.provider_code');
  expect(findAll(haystack, { ID_MARK })).toEqual(expect.arrayContaining(['histories: ID_MARK', 'received: ID_MARK']));
});

it('searched what a provider and a server had really echoed', () => {
  const echoes = [
    ...place.simulators.plaid.faults.list().faults,
    ...place.simulators.batch.faults.list().faults,
  ].filter(({ rule }) => rule.kind === 'echoSecret');
  expect(echoes).toHaveLength(CALLS.length * 2 + 1);
  expect(echoes.filter(({ fired }) => fired === 0)).toEqual([]);
  expect(target.received.length).toBeGreaterThan(CALLS.length);
  const atTarget = (path: string) => target.received.filter((call) => call.path === path).length;
  expect({ login: atTarget('/login'), refused: atTarget('/refused') }).toEqual({ login: 1, refused: 1 });
  const calls = target.received.filter(({ path }) => path === '/ok' || path === '/error');
  expect(
    calls.every(
      ({ headers }) =>
        headers['x-key'] === SECRETS.namedSecret && headers.authorization === `Bearer ${SECRETS.accessToken}`,
    ),
  ).toBe(true);
  expect(haystack.received).toContain('the token endpoint rejected the client with 401 invalid_client');
  expect(haystack.histories).toContain('[secret]');
  expect(haystack.received).toContain('[secret]');
});

it('finds no secret anywhere, in any form', () => {
  expect(findAll(haystack, SECRETS)).toEqual([]);
});

it('finds no id of a user or an Item in the ledger, the log, metrics, spans, the Temporal UI or a failure', () => {
  const { ledger, log, shown, failures, metrics, spans } = haystack as Required<Haystack>;
  const bodies = textIn(target.received.map(({ path, body }) => ({ path, body })));
  expect(bodies).toContain('compensations');
  expect(
    findAll(
      { ledger: ledger!, log: log!, shown: shown!, failures: failures!, metrics: metrics!, spans: spans!, bodies },
      { ID_MARK },
    ),
  ).toEqual([]);
});
