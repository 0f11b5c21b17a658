import { defaultPayloadConverter } from '@temporalio/common';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { seedUser, startOffboarding, until } from '../support/offboarding-runs';

let place: Place;

beforeAll(async () => {
  place = await openPlace();
  await place.startWorker();
});

afterAll(() => place.close());

interface WorkflowMetadata {
  definition: { queryDefinitions: { name: string; description: string }[] };
  currentDetails: string;
}

it('labels every activity in the Temporal UI with its step and what it does, and with no id of a user', async () => {
  const { user, items } = seedUser(place);
  const handle = await startOffboarding(place, { user });
  await handle.result();
  const { events } = await handle.fetchHistory();
  const scheduled = (events ?? []).filter(({ activityTaskScheduledEventAttributes: attributes }) => attributes);
  const labels = scheduled.map(({ userMetadata, activityTaskScheduledEventAttributes: event }) => {
    const summary = userMetadata?.summary ? defaultPayloadConverter.fromPayload<string>(userMetadata.summary) : '';
    return `${event?.activityId} ${event?.activityType?.name} | ${summary}`;
  });
  expect(labels).toEqual([
    "1-plaid.items plaid.userItemsGet | plaid.items: List a user's Items",
    '2-plaid.items plaid.userItemsRemove | plaid.items: Remove Items of a user',
    "3-plaid.items plaid.userItemsGet | plaid.items: List a user's Items",
    "4-plaid.products plaid.userProductsTerminate | plaid.products: Terminate a user's products",
    "5-batch.ios batch.customDataDelete | batch.ios: Delete one user's custom data",
    "6-batch.android batch.customDataDelete | batch.android: Delete one user's custom data",
  ]);
  // The preparation and the end are recorded within workflow tasks.
  const local = (events ?? []).filter(
    ({ markerRecordedEventAttributes: marker }) => marker?.markerName === 'core_local_activity',
  );
  expect(local.map(({ userMetadata }) => defaultPayloadConverter.fromPayload<string>(userMetadata!.summary!))).toEqual([
    'Look up holds, app keys and earlier receipts',
    'Record the end of the run',
  ]);
  for (const id of [user.plaidUserId, user.batchUserId, ...items]) expect(labels.join('\n')).not.toContain(id);
});

it('describes its queries and lists its steps as its details, without any id of a user', async () => {
  const { user, items, plaidUserId } = seedUser(place);
  place.simulators.plaid.faults.add({ endpoint: 'userProductsTerminate', kind: 'unknownErrorCode', user: plaidUserId });
  const handle = await startOffboarding(place, { user, itemIds: [...items, 'foreign-item'] });
  await handle.result();
  const { definition, currentDetails } = await handle.query<WorkflowMetadata>('__temporal_workflow_metadata');
  const described = definition.queryDefinitions.filter(({ name }) => !name.startsWith('__'));
  expect(described.map(({ name }) => name).sort()).toEqual(['compensations', 'progress', 'receipts']);
  for (const { description } of described) expect(description).toMatch(/^[A-Z].+\.$/);
  expect(currentDetails).toContain('### Offboarding partial');
  expect(currentDetails).toContain('- plaid.items: **removed** (');
  expect(currentDetails).toContain('- plaid.items: **notFound**');
  expect(currentDetails).toContain('#### Manual actions');
  for (const id of [user.plaidUserId, user.batchUserId, ...items, 'foreign-item'])
    expect(currentDetails).not.toContain(id);
});

it('labels the timer of a wait with what is waited for', async () => {
  const { user, plaidUserId } = seedUser(place);
  place.simulators.plaid.faults.add({ endpoint: 'userItemsRemove', kind: 'dropAfter', user: plaidUserId });
  const handle = await startOffboarding(place, { user });
  await handle.result();
  const { events } = await handle.fetchHistory();
  const timers = (events ?? []).filter(({ timerStartedEventAttributes: attributes }) => attributes);
  const labels = timers.map(({ userMetadata }) => defaultPayloadConverter.fromPayload<string>(userMetadata!.summary!));
  expect(labels).toHaveLength(1);
  expect(labels[0]).toBe('plaid.items: Wait before the next check or call');
});

it('shows in its details, while it runs, what it waits for and until when, what cannot be undone, and when it gives up', async () => {
  const { user, plaidUserId } = seedUser(place);
  place.simulators.plaid.faults.add({
    endpoint: 'userProductsTerminate',
    kind: 'maintenance',
    user: plaidUserId,
    retryAfter: { form: 'seconds', seconds: 3 },
    times: 1,
  });
  const handle = await startOffboarding(place, { user, deadline: '2 days' });
  const details = async (): Promise<string> =>
    (await handle.query<WorkflowMetadata>('__temporal_workflow_metadata')).currentDetails;
  await until('the products are being terminated', async () => (await details()).includes('plaid.products'));
  const whileRunning = await details();
  expect(whileRunning).toContain('### Offboarding running');
  expect(whileRunning).toContain("Calling plaid.products: Terminate a user's products");
  expect(whileRunning).toMatch(/- plaid\.items: \*\*removed\*\* \(.+\) \(irreversible\)/);
  const { startTime } = await handle.describe();
  expect(whileRunning).toContain(
    `Gives up at ${new Date(startTime.getTime() + 2 * 86_400_000).toISOString().slice(0, 16)}`,
  );
  await handle.result();
  expect(await details()).not.toContain('Gives up at');
});
