import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { searchAttributePayloadConverter } from '@temporalio/common/lib/converter/payload-search-attributes';
import { ensureSearchAttributes } from 'temporal-http-tasks/internal/operator/search-attributes';
import { SEARCH_ATTRIBUTES } from 'temporal-http-tasks/internal/policy/search-attributes';
import { freshNamespace } from '../support/namespaces';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { offboard, REASON, seedUser, startOffboarding, until } from '../support/offboarding-runs';
import { temporalAddress } from '../support/temporal';
import type { offboardUser } from 'temporal-http-tasks/internal/workflows/offboard-user';

const KEYWORD = 2;
const INT = 3;

let connection: Connection;
let place: Place;

beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  place = await openPlace();
});

afterAll(async () => {
  await place.close();
  await connection.close();
});

/** The place as it is seen from a namespace of its own. */
async function placeIn(namespace: string, plugin?: { searchAttributes: boolean }): Promise<Place> {
  await place.startWorker({ worker: { namespace }, ...(plugin && { plugin }) });
  return { ...place, client: new Client({ connection, namespace }) };
}

/** What a run wrote, upsert by upsert, without the SDK's own attribute for its patches. */
async function upserts(handle: Awaited<ReturnType<typeof startOffboarding>>): Promise<Record<string, unknown>[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ upsertWorkflowSearchAttributesEventAttributes: event }) => {
    const fields = Object.entries(event?.searchAttributes?.indexedFields ?? {}).filter(
      ([name]) => name !== 'TemporalChangeVersion',
    );
    if (fields.length === 0) return [];
    return [
      Object.fromEntries(fields.map(([name, payload]) => [name, searchAttributePayloadConverter.fromPayload(payload)])),
    ];
  });
}

async function found({ client }: Place, query: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

it('creates what the namespace lacks, and runs are found by how they ended and by the keyed hash of their user', async () => {
  const namespace = await freshNamespace(place.client);
  const here = await placeIn(namespace);
  const { user, plaidUserId } = seedUser(here);
  const handle = await startOffboarding(here, { user });
  await handle.result();
  const subject = here.hasher.subject('plaid', 'sandbox', plaidUserId);
  expect(await upserts(handle)).toEqual([
    { OffboardingStatus: ['running'], OffboardingSubject: [subject] },
    { OffboardingStatus: ['completed'] },
  ]);
  const query = `OffboardingStatus = 'completed' AND OffboardingSubject = '${subject}'`;
  await until('the run is found', async () => (await found(here, query)).length > 0);
  expect(await found(here, query)).toEqual([handle.workflowId]);
});

it('takes the sweep from a run that was started like one of a sweep, and belongs to none', async () => {
  const namespace = await freshNamespace(place.client);
  const here = await placeIn(namespace);
  // Makes the attributes.
  await offboard(here, { user: seedUser(here).user });
  const handle = await here.client.workflow.start<typeof offboardUser>('offboardUser', {
    taskQueue: here.taskQueue,
    workflowId: freshId('copied'),
    args: [{ reason: REASON, user: seedUser(here).user }],
    typedSearchAttributes: [{ key: defineSearchAttributeKey('OffboardingSweep', 'KEYWORD'), value: 'a-sweep' }],
  });
  await handle.result();
  expect(
    (await handle.describe()).typedSearchAttributes.get(defineSearchAttributeKey('OffboardingSweep', 'KEYWORD')),
  ).toBeUndefined();
  await until(
    'the run is found',
    async () =>
      (await found(here, `WorkflowId = '${handle.workflowId}' AND OffboardingStatus = 'completed'`)).length > 0,
  );
  expect(await found(here, "OffboardingSweep = 'a-sweep'")).toEqual([]);
});

it('takes a due date from a run that was started like one with a request, and finds runs by theirs', async () => {
  const namespace = await freshNamespace(place.client);
  const here = await placeIn(namespace);
  const due = defineSearchAttributeKey('OffboardingDueBy', 'DATETIME');
  const claims = { receivedAt: '2015-01-31', law: 'gdpr' } as const;
  const asked = await startOffboarding(here, { user: seedUser(here).user, ...claims });
  await asked.result();
  expect((await asked.describe()).typedSearchAttributes.get(due)).toEqual(new Date('2015-03-02T23:59:59Z'));
  const copied = await here.client.workflow.start<typeof offboardUser>('offboardUser', {
    taskQueue: here.taskQueue,
    workflowId: freshId('copied'),
    args: [{ reason: REASON, user: seedUser(here).user }],
    typedSearchAttributes: [{ key: due, value: new Date('2015-03-02T23:59:59Z') }],
  });
  await copied.result();
  expect((await copied.describe()).typedSearchAttributes.get(due)).toBeUndefined();
});

it('writes nothing when it is switched off', async () => {
  const namespace = await freshNamespace(place.client);
  const here = await placeIn(namespace, { searchAttributes: false });
  const handle = await startOffboarding(here, { user: seedUser(here).user });
  await handle.result();
  expect(await upserts(handle)).toEqual([]);
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  expect(Object.keys(customAttributes ?? {})).not.toEqual(expect.arrayContaining([...SEARCH_ATTRIBUTES]));
});

it('finds one of another type, names both types, and starts runs without it', async () => {
  const namespace = await freshNamespace(place.client);
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { OffboardingStatus: INT } });
  const { usable, problems } = await ensureSearchAttributes(connection.operatorService, namespace);
  expect(usable).toEqual(['OffboardingSweep', 'OffboardingSubject', 'OffboardingDueBy']);
  expect(problems).toEqual([
    expect.stringContaining(
      `The search attribute OffboardingStatus has the type Int in the namespace ${namespace}, and has to be Keyword.`,
    ),
  ]);
  const here = await placeIn(namespace);
  const { status } = await offboard(here, { user: seedUser(here).user });
  expect(status).toBe('completed');
});

it('names the command to run when the server refuses to create them, and starts runs without them', async () => {
  const namespace = await freshNamespace(place.client);
  // A database of this server has room for ten attributes of a type.
  const others = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`Other${index}`, KEYWORD]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: others });
  const { usable, problems } = await ensureSearchAttributes(connection.operatorService, namespace);
  expect(usable).toEqual([]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(
    `temporal operator search-attribute create --namespace ${namespace} --name OffboardingStatus --type Keyword --name OffboardingSweep --type Keyword --name OffboardingSubject --type Keyword --name OffboardingDueBy --type Datetime and then restart this worker.`,
  );
  const here = await placeIn(namespace);
  const { status } = await offboard(here, { user: seedUser(here).user });
  expect(status).toBe('completed');
});

it('says what is missing without the due date alone', async () => {
  const namespace = await freshNamespace(place.client);
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { OffboardingDueBy: KEYWORD } });
  const { usable, problems } = await ensureSearchAttributes(connection.operatorService, namespace);
  expect(usable).toEqual(['OffboardingStatus', 'OffboardingSweep', 'OffboardingSubject']);
  expect(problems).toEqual([
    expect.stringContaining(
      'OffboardingDueBy has the type Keyword in the namespace ' + namespace + ', and has to be Datetime.',
    ),
  ]);
  const here = await placeIn(namespace);
  const { status } = await offboard(here, { user: seedUser(here).user, receivedAt: '2015-01-31', law: 'ccpa' });
  expect(status).toBe('completed');
});

it('is made by several workers concurrently without a message', async () => {
  const namespace = await freshNamespace(place.client);
  const made = await Promise.all(
    Array.from({ length: 4 }, () => ensureSearchAttributes(connection.operatorService, namespace)),
  );
  expect(made).toEqual(Array.from({ length: 4 }, () => ({ usable: [...SEARCH_ATTRIBUTES], problems: [] })));
});

it('reports that nothing could be looked up when the server does not respond for the namespace', async () => {
  const { usable, problems } = await ensureSearchAttributes(connection.operatorService, 'no-such-namespace');
  expect(usable).toEqual([]);
  expect(problems).toEqual([
    expect.stringMatching(
      /^The search attributes of the namespace no-such-namespace cannot be read \(.+\)\. Runs are started without them/,
    ),
  ]);
});
