import { Client } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { EncryptionPlugin } from 'temporal-http-tasks';
import { freshId, openPlace } from '../support/offboarding';
import type { Place, RunningWorker } from '../support/offboarding';
import { until } from '../support/offboarding-runs';
import { FORGETFUL, hostWorker, newKey } from './host';
import type { sayTwice } from './host-workflows';

const [OLD, YOUNG] = [`old:${newKey()}`, `young:${newKey()}`];

let place: Place;

beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());

function clientWith(keys: string): Client {
  return new Client({
    connection: place.client.connection,
    plugins: [new EncryptionPlugin({ env: { HTTP_TASKS_ENCRYPTION_KEY: keys } })],
  });
}

async function workerWith(keys: string): Promise<RunningWorker> {
  place.env['HTTP_TASKS_ENCRYPTION_KEY'] = keys;
  return place.startWorker(await hostWorker(FORGETFUL));
}

/** Starts a run that waits for a signal, under the first of the keys. */
function start(keys: string): Promise<WorkflowHandle<typeof sayTwice>> {
  return clientWith(keys).workflow.start<typeof sayTwice>('sayTwice', {
    taskQueue: place.taskQueue,
    workflowId: freshId('keys'),
    args: ['ab'],
  });
}

function asSeenWith(keys: string, { workflowId }: WorkflowHandle): WorkflowHandle<typeof sayTwice> {
  return clientWith(keys).workflow.getHandle<typeof sayTwice>(workflowId);
}

/** The ids of the keys under which a history is encrypted, each where it first stands. */
async function keyIdsIn(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  const ids = JSON.stringify(events).matchAll(/"encryption-key-id":"([^"]+)"/g);
  return [...new Set([...ids].map(([, base64 = '']) => Buffer.from(base64, 'base64').toString()))];
}

it('lets a key be replaced while runs are in progress: the new one first, the old one behind it', async () => {
  const handle = await start(OLD);
  const before = await workerWith(OLD);
  await until('its first activity is done', async () =>
    (await handle.fetchHistory()).events!.some(({ activityTaskCompletedEventAttributes: done }) => done),
  );
  await before.stop();
  const both = `${YOUNG},${OLD}`;
  const after = await workerWith(both);
  await handle.signal('tell', '');
  expect(await asSeenWith(both, handle).result()).toBe('ab,ab');
  expect(await keyIdsIn(handle)).toEqual(['old', 'young']);
  await expect(asSeenWith(OLD, handle).result()).rejects.toThrow(
    'needs the encryption key "young", which this process does not have; it has "old"',
  );
  await after.stop();
});

it('waits, and says for which key, when a worker lacks one, and continues when the worker has it', async () => {
  const handle = await start(OLD);
  const without = await workerWith(YOUNG);
  const failureMessages = async (): Promise<string[]> => {
    const { events } = await handle.fetchHistory();
    const failures = events!.flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
      failed?.failure ? [failed.failure] : [],
    );
    const { failureConverter, payloadConverter, payloadCodecs } = clientWith(YOUNG).options.loadedDataConverter;
    return Promise.all(
      failures.map(async (failure) => {
        const [encodedAttributes] = await payloadCodecs[0]!.decode([failure.encodedAttributes!]);
        return failureConverter.failureToError({ ...failure, encodedAttributes }, payloadConverter).message;
      }),
    );
  };
  await until('its workflow task failed', async () => (await failureMessages()).length > 0);
  expect((await failureMessages())[0]).toContain(
    'needs the encryption key "old", which this process does not have; it has "young"',
  );
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await without.stop();
  const withBoth = await workerWith(`${YOUNG},${OLD}`);
  await handle.signal('tell', '');
  expect(await asSeenWith(`${YOUNG},${OLD}`, handle).result()).toBe('ab,ab');
  await withBoth.stop();
});
