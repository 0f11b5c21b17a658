import { z } from 'zod';
import { defineHttpTask, defineService } from 'temporal-http-tasks';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { failureOfRun } from '../support/offboarding-runs';
import type { RunFailure } from '../support/offboarding-runs';
import { startHttpTarget } from '../support/http-target';
import type { HttpTarget } from '../support/http-target';

let place: Place;
let target: HttpTarget;

/** A task of the worker's own. */
async function shopTask() {
  target = await startHttpTarget(({ path, body }) =>
    path === '/orders/7' ? { status: 200, body: { got: body } } : { status: 404, body: {} },
  );
  const shop = defineService({
    name: 'shop',
    title: 'The shop',
    docs: 'https://shop.invalid/docs',
    environments: { default: target.origin },
    defaultEnvironment: 'default',
    baseUrlSetting: 'SHOP_BASE_URL',
    credentials: [],
    errors: { fields: { code: 'code' }, rules: [] },
  });
  return defineHttpTask({
    service: shop,
    operation: 'orderUpdate',
    summary: 'Update an order',
    method: 'POST',
    path: '/orders/{order}',
    places: { order: 'path' },
    input: z.strictObject({ order: z.string().min(1), note: z.string().max(5) }),
    output: z.looseObject({ got: z.unknown() }),
    effect: 'repeatSafe',
    settle: { by: 'repeat', basis: 'assumed' },
    remedy: 'Update it back.',
  });
}

beforeAll(async () => {
  const orderUpdate = await shopTask();
  place = await openPlace();
  place.env.SHOP_BASE_URL = target.origin;
  await place.startWorker({ plugin: { tasks: [orderUpdate] } });
});

afterAll(async () => {
  expect(place.simulators.plaid.calls().total + place.simulators.batch.calls().total).toBe(0);
  await place.close();
  await target.close();
});

/** Starts a workflow with this input and returns how it was refused, and after how many workflow tasks. */
async function refused(workflowType: string, args: unknown[]): Promise<RunFailure & { workflowTasks: number }> {
  const handle = await place.client.workflow.start(workflowType, {
    taskQueue: place.taskQueue,
    workflowId: freshId('bad'),
    args,
  });
  const failure = await failureOfRun(handle.result());
  const { events } = await handle.fetchHistory();
  const workflowTasks = (events ?? []).filter(({ workflowTaskCompletedEventAttributes: done }) => done).length;
  expect((events ?? []).some(({ workflowTaskFailedEventAttributes: failed }) => failed)).toBe(false);
  return { ...failure, workflowTasks };
}

const REASON = { code: 'OTHER' };
const USER = { plaidUserId: 'usr_1' };

const BAD: [what: string, input: unknown, field: string, says: RegExp][] = [
  ['nothing at all', undefined, '', /expected object/],
  ['null', null, '', /expected object/],
  ['a string', 'usr_1', '', /expected object/],
  ['an array', [USER], '', /expected object/],
  ['no user', { reason: REASON }, 'user', /user: is required/],
  [
    'a user without any id',
    { user: {}, reason: REASON },
    'user',
    /at least one of plaidUserId, plaidUserToken, batchUserId and ids/,
  ],
  ['a user with only a reference', { user: { reference: 'case 7' }, reason: REASON }, 'user', /at least one of/],
  [
    'both ids of Plaid',
    { user: { ...USER, plaidUserToken: 'user-sandbox-1' }, reason: REASON },
    'user.plaidUserToken',
    /only one of/,
  ],
  ['an empty Plaid id', { user: { plaidUserId: '' }, reason: REASON }, 'user.plaidUserId', /must not be empty/],
  ['a number as id', { user: { plaidUserId: 7 }, reason: REASON }, 'user.plaidUserId', /expected string/],
  ['null as id', { user: { plaidUserId: null }, reason: REASON }, 'user.plaidUserId', /expected string/],
  ['an empty Batch id', { user: { batchUserId: '' }, reason: REASON }, 'user.batchUserId', /must not be empty/],
  [
    'a Batch id of 1,024 characters',
    { user: { batchUserId: 'x'.repeat(1_024) }, reason: REASON },
    'user.batchUserId',
    /at most 1023 characters/,
  ],
  [
    'an unknown field of the user',
    { user: { ...USER, plaidUserID: 'usr_1' }, reason: REASON },
    'user.plaidUserID',
    /unknown field/,
  ],
  ['an unknown field', { user: USER, reason: REASON, dryrun: true }, 'dryrun', /unknown field/],
  [
    'an unknown field of batch',
    { user: USER, reason: REASON, batch: { modus: 'gdpr' } },
    'batch.modus',
    /unknown field/,
  ],
  [
    'an unknown field of plaid',
    { user: USER, reason: REASON, plaid: { removeuser: true } },
    'plaid.removeuser',
    /unknown field/,
  ],
  ['no reason', { user: USER }, 'reason', /reason: is required/],
  [
    'a reason without a code',
    { user: USER, reason: {} },
    'reason.code',
    /is required; allowed: .*CONSUMER_ACCOUNT_CLOSED/,
  ],
  [
    'an invented reason',
    { user: USER, reason: { code: 'BECAUSE' } },
    'reason.code',
    /must be one of .*, USER_OFFBOARDING/,
  ],
  [
    'an e-mail address in the note',
    { user: USER, reason: { ...REASON, note: 'ask a@b.example' } },
    'reason.note',
    /must not contain an e-mail address/,
  ],
  [
    'a phone number in the note',
    { user: USER, reason: { ...REASON, note: 'ask +49 171 234 567 89' } },
    'reason.note',
    /must not contain a phone number/,
  ],
  ['a note of 513 characters', { user: USER, reason: { ...REASON, note: 'x'.repeat(513) } }, 'reason.note', /512/],
  [
    'an empty list of Items',
    { user: USER, reason: REASON, itemIds: [] },
    'itemIds',
    /leave it out to remove all Items/,
  ],
  ['an empty Item id', { user: USER, reason: REASON, itemIds: ['item', ''] }, 'itemIds.1', /must not be empty/],
  [
    'Items without a Plaid user',
    { user: { batchUserId: 'b' }, reason: REASON, itemIds: ['item'] },
    'itemIds',
    /needs user\.plaidUserId/,
  ],
  [
    'an unknown onFailure',
    { user: USER, reason: REASON, onFailure: 'retry' },
    'onFailure',
    /must be one of continue, stop\./,
  ],
  ['a deadline without a unit', { user: USER, reason: REASON, deadline: '90' }, 'deadline', /"90s" or "7 days"/],
  [
    'a moment without an offset',
    { user: USER, reason: REASON, deadline: '2030-01-31T12:00:00' },
    'deadline',
    /"2030-01-31T12:00:00Z"/,
  ],
  ['a text as dryRun', { user: USER, reason: REASON, dryRun: 'true' }, 'dryRun', /expected boolean/],
  [
    'an unknown mode',
    { user: USER, reason: REASON, batch: { mode: 'all' } },
    'batch.mode',
    /must be one of customData, gdpr, both, skip\./,
  ],
  [
    'a compensation without a task',
    { user: USER, reason: REASON, compensation: {} },
    'compensation.task',
    /is required/,
  ],
  [
    'a compensation task that the worker does not have',
    { user: USER, reason: REASON, compensation: { task: 'shop.ticketOpen' } },
    'compensation.task',
    /it has plaid\.userItemsGet, .*shop\.orderUpdate/,
  ],
  [
    'a compensation with a bad input',
    { user: USER, reason: REASON, compensation: { task: 'http.request', input: { uri: 'not a url' } } },
    'compensation.input.uri',
    /uri/,
  ],
];

it.each(['offboardUser', 'offboardUsers', 'runHttpTask'])(
  '%s refuses a second input, which would be ignored',
  async (workflowType) => {
    const first =
      workflowType === 'runHttpTask'
        ? { task: 'plaid.userItemsGet', input: { user_id: 'usr_1' } }
        : { user: USER, reason: REASON };
    const failure = await refused(workflowType, [first, { dryRun: true }]);
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false, workflowTasks: 1 });
    expect(failure.message).toContain('got 2 inputs instead of one object');
  },
);

it.each(BAD)(
  'offboardUser refuses %s within its first workflow task and names the field',
  async (_what, input, field, says) => {
    const failure = await refused('offboardUser', input === undefined ? [] : [input]);
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false, workflowTasks: 1 });
    expect(failure.detail.field).toBe(field);
    expect(failure.message).toMatch(says);
    if (field) expect(failure.message).toContain(field);
  },
);

it('names all wrong fields together and repeats no value', async () => {
  const failure = await refused('offboardUser', [
    { user: { plaidUserId: '', batchUserId: 'x'.repeat(2_000) }, reason: { code: 'secret-value' }, extra: 1 },
  ]);
  for (const field of ['user.plaidUserId', 'user.batchUserId', 'reason.code', 'extra'])
    expect(failure.message).toContain(field);
  expect(failure.message).not.toContain('secret-value');
  expect(failure.message).not.toContain('xxxx');
});

const BAD_TASKS: [what: string, input: unknown, field: string, says: RegExp][] = [
  ['nothing', undefined, '', /expected object/],
  ['no task', { input: {} }, 'task', /task: is required/],
  ['an unknown field', { task: 'plaid.userItemsGet', input: { user_id: 'u' }, retries: 3 }, 'retries', /unknown field/],
  [
    'a task that nobody has',
    { task: 'plaid.userItemsGone', input: {} },
    'task',
    /this worker has no task "plaid\.userItemsGone"; it has plaid\.userItemsGet,/,
  ],
  [
    'an input with a missing field',
    { task: 'plaid.userItemsRemove', input: { user_id: 'u' } },
    'input.item_ids',
    /item_ids: is required/,
  ],
  [
    'an input without a user',
    { task: 'plaid.userItemsGet', input: {} },
    'input.user_id',
    /exactly one of user_id and user_token/,
  ],
  [
    'an unknown field in the input',
    { task: 'batch.customDataDelete', input: { id: 'x', ids: ['y'] } },
    'input.ids',
    /unknown field/,
  ],
  [
    'an id that no URL can carry',
    { task: 'batch.customDataDelete', input: { id: '..' } },
    'input.id',
    /use batch\.customDataBulkDelete/,
  ],
  ['no input at all', { task: 'plaid.userItemsGet' }, 'input', /input: is required/],
  [
    "a bad input of the worker's own task",
    { task: 'shop.orderUpdate', input: { order: '7', note: 'too long' } },
    'input.note',
    /<=5/,
  ],
  [
    "an unknown field of the worker's own task",
    { task: 'shop.orderUpdate', input: { order: '7', note: 'x', colour: 1 } },
    'input.colour',
    /unknown field/,
  ],
];

it.each(BAD_TASKS)('runHttpTask refuses %s and names the field', async (_what, input, field, says) => {
  const failure = await refused('runHttpTask', input === undefined ? [] : [input]);
  expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false, workflowTasks: 1 });
  expect(failure.detail.field).toBe(field);
  expect(failure.message).toMatch(says);
});

it("runHttpTask runs a task of the worker's own and returns status, output and attempt", async () => {
  const response: unknown = await place.client.workflow.execute('runHttpTask', {
    taskQueue: place.taskQueue,
    workflowId: freshId('own'),
    args: [{ task: 'shop.orderUpdate', input: { order: '7', note: 'late' } }],
  });
  expect(response).toEqual({ status: 200, attempt: 1, output: { got: { note: 'late' } } });
});
