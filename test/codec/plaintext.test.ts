import { Client, WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { ActivityFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { EncryptionPlugin, PLAINTEXT_REFUSED } from 'temporal-http-tasks';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, failureOfRun, REASON, seedUser, until } from '../support/offboarding-runs';
import { encryptedWorkflowBundle } from '../support/workflow-bundle';
import { FORGETFUL, hostWorker, newKey } from './host';
import type { sayTwice } from './host-workflows';

// Workers with a key, and clients with and without one: the latter are like the Temporal UI without a codec server.

const KEY = newKey();
const REFUSE = { HTTP_TASKS_ENCRYPTION_PLAINTEXT: 'refuse' };

let accepting: Place;
let refusing: Place;

beforeAll(async () => {
  [accepting, refusing] = await Promise.all([
    openPlace({ env: { HTTP_TASKS_ENCRYPTION_KEY: KEY } }),
    openPlace({ env: { HTTP_TASKS_ENCRYPTION_KEY: KEY, ...REFUSE } }),
  ]);
  await Promise.all([accepting.startWorker(await hostWorker()), refusing.startWorker(await hostWorker())]);
});
afterAll(() => Promise.all([accepting.close(), refusing.close()]));

/** A client without a key, on the same connection. */
function keyless({ client }: Place): Client {
  return new Client({ connection: client.connection });
}

async function startWith(
  client: Client,
  { taskQueue }: Place,
  workflowType: string,
  input?: unknown,
): Promise<WorkflowHandle> {
  return client.workflow.start(workflowType, {
    taskQueue,
    workflowId: freshId(workflowType),
    args: input === undefined ? [] : [input],
  });
}

/** Runs an activity without a workflow; its outcome is read by a client with a key. */
async function activityAlone(place: Place, client: Client, name: string, ...args: unknown[]): Promise<unknown> {
  const id = freshId('alone');
  await client.activity.start(name, { id, taskQueue: place.taskQueue, startToCloseTimeout: '10 seconds', args });
  return place.client.activity.getHandle(id).result();
}

/** The encodings of a run's input and result, as they are stored. */
async function storedEncodings(handle: WorkflowHandle): Promise<{ input: string[]; result: string[] }> {
  const { events = [] } = await handle.fetchHistory();
  const encodings = (payloads: { metadata?: Record<string, Uint8Array> | null }[] | null | undefined): string[] =>
    (payloads ?? []).map(({ metadata }) => Buffer.from(metadata?.['encoding'] ?? []).toString());
  return {
    input: encodings(events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads),
    result: encodings(events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads),
  };
}

async function failedWorkflowTasks(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter(({ workflowTaskFailedEventAttributes: failed }) => failed).length;
}

describe('A worker that accepts plain text', () => {
  it('carries out a run that the UI started without a codec server; all but its input is encrypted', async () => {
    const { user } = seedUser(accepting);
    const handle = await startWith(keyless(accepting), accepting, 'offboardUser', { user, reason: REASON });
    const { status } = (await accepting.client.workflow.getHandle(handle.workflowId).result()) as { status: string };
    expect(status).toBe('completed');
    expect(await storedEncodings(handle)).toEqual({ input: ['json/plain'], result: ['binary/encrypted'] });
  });

  it('takes a token in an encrypted input, and refuses it in a plain one, wherever it is', async () => {
    const userToken = freshId('user-sandbox');
    accepting.simulators.plaid.seed({
      users: [{ userId: freshId('older'), userToken, tokenOnly: true, items: [freshId('item')] }],
    });
    const inputs: [workflowType: string, input: unknown, field: string][] = [
      ['offboardUser', { user: { plaidUserToken: userToken }, reason: REASON, dryRun: true }, 'user.plaidUserToken'],
      ['offboardUser', { user: { plaidUserId: userToken }, reason: REASON, dryRun: true }, 'user.plaidUserId'],
      [
        'offboardUsers',
        { source: { inline: [{ plaidUserToken: userToken }] }, reason: REASON, dryRun: true },
        'source.inline.0.plaidUserToken',
      ],
      ['runHttpTask', { task: 'plaid.userItemsGet', input: { user_token: userToken } }, 'user_token'],
    ];
    for (const [workflowType, input, field] of inputs) {
      const encrypted = await startWith(accepting.client, accepting, workflowType, input);
      expect(await encrypted.result()).toBeDefined();
      const plain = await startWith(keyless(accepting), accepting, workflowType, input);
      const failure = await failureOfRun(accepting.client.workflow.getHandle(plain.workflowId).result());
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false, detail: { field } });
      expect(failure.message).toContain('HTTP_TASKS_ENCRYPTION_KEY');
    }
  });

  it('judges an activity without a workflow in the same way', async () => {
    const userToken = freshId('user-sandbox');
    accepting.simulators.plaid.seed({ users: [{ userId: freshId('older'), userToken, tokenOnly: true, items: [] }] });
    const input = { user_token: userToken };
    expect(await activityAlone(accepting, accepting.client, 'plaid.userItemsGet', input)).toMatchObject({ items: [] });
    const plain = activityAlone(accepting, keyless(accepting), 'plaid.userItemsGet', input);
    await expect(plain).rejects.toMatchObject({ cause: { type: 'Task.InvalidInput' } });
  });

  it('refuses a token that a worker without a key put into its activity, although that run had no plain input', async () => {
    const scheduler = await openPlace();
    await scheduler.startWorker(await hostWorker());
    const workflowId = `${accepting.taskQueue}/${freshId('with token')}`;
    const handle = await scheduler.client.workflow.start('callWithToken', {
      taskQueue: scheduler.taskQueue,
      workflowId,
    });
    // Its own worker cannot read why its activity failed, so that the run itself does not end.
    const failureOfActivity = async (): Promise<string | null | undefined> => {
      const { events } = await handle.fetchHistory();
      const failures = events!.map(
        ({ activityTaskFailedEventAttributes: failed }) => failed?.failure?.applicationFailureInfo?.type,
      );
      return failures.find((type) => type !== undefined);
    };
    await until('its activity failed', async () => (await failureOfActivity()) === 'Task.InvalidInput');
    await scheduler.close();
  });
});

/** How a run failed that must not have retried anything. */
async function refusalOf(handle: WorkflowHandle, place: Place): Promise<ApplicationFailure> {
  const error: unknown = await place.client.workflow
    .getHandle(handle.workflowId)
    .result()
    .catch((reason: unknown) => reason);
  if (!(error instanceof WorkflowFailedError)) throw new Error(`It did not fail: ${String(error)}`);
  expect(await failedWorkflowTasks(handle)).toBe(0);
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  return cause as ApplicationFailure;
}

describe('A worker that refuses plain text', () => {
  it("fails the package's own runs with one failure of their own that says what to do, and calls no provider", async () => {
    const { user, plaidUserId } = seedUser(refusing);
    const inputs: [workflowType: string, input: unknown][] = [
      ['offboardUser', { user, reason: REASON }],
      ['offboardUsers', { source: { inline: [user] }, reason: REASON }],
      ['runHttpTask', { task: 'plaid.userItemsGet', input: { user_id: plaidUserId } }],
    ];
    for (const [workflowType, input] of inputs) {
      const handle = await startWith(keyless(refusing), refusing, workflowType, input);
      const error: unknown = await refusing.client.workflow
        .getHandle(handle.workflowId)
        .result()
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ cause: { type: PLAINTEXT_REFUSED, nonRetryable: true } });
      expect(((error as WorkflowFailedError).cause as Error).message).toContain('codec server set in the Temporal UI');
      expect(await failedWorkflowTasks(handle)).toBe(0);
    }
    expect(callsFor(refusing, plaidUserId)).toEqual([]);
  });

  it("fails a host's run at its first activity, and an activity without a workflow", async () => {
    const handle = await startWith(keyless(refusing), refusing, 'sayTwice', 'x');
    expect((await refusalOf(handle, refusing)).type).toBe(PLAINTEXT_REFUSED);
    const alone = activityAlone(refusing, keyless(refusing), 'say', 'a', 'b');
    await expect(alone).rejects.toMatchObject({ cause: { type: PLAINTEXT_REFUSED } });
  });

  it('carries out what came encrypted, or without any input', async () => {
    const { user } = seedUser(refusing);
    const handle = await startWith(refusing.client, refusing, 'offboardUser', { user, reason: REASON });
    expect(await handle.result()).toMatchObject({ status: 'completed' });
    expect(await storedEncodings(handle)).toEqual({ input: ['binary/encrypted'], result: ['binary/encrypted'] });
    expect(await activityAlone(refusing, refusing.client, 'say', 'a', 'b')).toBe('b');
  });

  it('lets no update in plain text let a sweep do more; the sweep continues, and takes the same update encrypted', async () => {
    const { user, plaidUserId } = seedUser(refusing);
    const input = { source: { inline: [user] }, reason: REASON, approval: true };
    const sweep = await startWith(refusing.client, refusing, 'offboardUsers', input);
    await until(
      'it waits',
      async () => (await sweep.query<{ status: string }>('progress')).status === 'waitingForApproval',
    );
    const inPlainText = keyless(refusing).workflow.getHandle(sweep.workflowId);
    const updates: [name: string, args: [unknown]][] = [
      ['approve', [{ total: 1, by: 'Chief Compliance Officer' }]],
      ['setRate', [{ callsPerMinute: 1 }]],
    ];
    for (const [name, args] of updates) {
      // The client without a key cannot read the refusal either.
      await expect(inPlainText.executeUpdate(name, { args })).rejects.toThrow();
    }
    await sweep.executeUpdate('pause');
    await expect(inPlainText.executeUpdate('resume', { args: [{ by: 'eve' }] })).rejects.toThrow();
    await expect(sweep.executeUpdate('resume')).rejects.toMatchObject({
      cause: { type: PLAINTEXT_REFUSED, message: expect.stringContaining('{"by": "your name"}') },
    });
    expect(callsFor(refusing, plaidUserId)).toEqual([]);
    await sweep.executeUpdate('resume', { args: [{ by: 'ann' }] });
    await sweep.executeUpdate('approve', { args: [{ total: 1, by: 'ann' }] });
    expect(await sweep.result()).toMatchObject({ status: 'completed', approvedBy: 'ann' });
  });

  it('continues a run that was in progress before it refused', async () => {
    const place = await openPlace();
    const before = await place.startWorker(await hostWorker(FORGETFUL));
    const handle = await place.client.workflow.start<typeof sayTwice>('sayTwice', {
      taskQueue: place.taskQueue,
      workflowId: freshId('under way'),
      args: ['ab'],
    });
    await until('its first activity is done', async () =>
      (await handle.fetchHistory()).events!.some(({ activityTaskCompletedEventAttributes: done }) => done),
    );
    await before.stop();
    Object.assign(place.env, { HTTP_TASKS_ENCRYPTION_KEY: KEY, ...REFUSE });
    await place.startWorker(await hostWorker());
    await handle.signal('tell', '');
    const withKey = new Client({
      connection: place.client.connection,
      plugins: [new EncryptionPlugin({ env: { HTTP_TASKS_ENCRYPTION_KEY: KEY } })],
    });
    expect(await withKey.workflow.getHandle(handle.workflowId).result()).toBe('ab,ab');
    await place.close();
  });
});

it('replays an encrypted history, and one that was refused, under either setting and not without the key', async () => {
  const { user } = seedUser(refusing);
  const good = await startWith(refusing.client, refusing, 'offboardUser', { user, reason: REASON });
  await good.result();
  const refused = await startWith(keyless(refusing), refusing, 'offboardUser', { user, reason: REASON });
  await refusalOf(refused, refusing);
  const workflowBundle = await encryptedWorkflowBundle();
  for (const { workflowId } of [good, refused]) {
    const history = await refusing.client.workflow.getHandle(workflowId).fetchHistory();
    for (const policy of [{}, REFUSE]) {
      const plugins = [new EncryptionPlugin({ env: { HTTP_TASKS_ENCRYPTION_KEY: KEY, ...policy } })];
      await Worker.runReplayHistory({ workflowBundle, plugins }, history);
    }
    const otherKey = [new EncryptionPlugin({ env: { HTTP_TASKS_ENCRYPTION_KEY: newKey() } })];
    await expect(Worker.runReplayHistory({ workflowBundle, plugins: otherKey }, history)).rejects.toThrow();
  }
});
