import { randomBytes } from 'node:crypto';
import { Client } from '@temporalio/client';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { RunConflictError } from 'temporal-http-tasks/internal/starts/run-conflict';
import { sameInput } from 'temporal-http-tasks/internal/starts/same-input';
import { startOrJoin } from 'temporal-http-tasks/internal/starts/start-or-join';
import type { WantedRun } from 'temporal-http-tasks/internal/starts/start-or-join';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { userPlaces } from 'temporal-http-tasks/internal/config/user-places';
import { offboardWorkflowId, sweepWorkflowId } from 'temporal-http-tasks/internal/starts/workflow-ids';
import { freshId } from '../support/offboarding';
import { connectClient, freshTaskQueue } from '../support/temporal';

let plain: Client;
/** One whose payloads cannot be read without its key. */
let sealed: Client;

beforeAll(async () => {
  plain = await connectClient();
  const env = { HTTP_TASKS_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  sealed = new Client({ connection: plain.connection, plugins: [new EncryptionPlugin({ env })] });
});

afterAll(() => plain.connection.close());

const INPUT = { user: { plaidUserId: 'usr_secret' }, reason: { code: 'OTHER' } } as const;

/** No worker polls the queue, so that whatever is started stays in progress. */
const wanted = (input: object = INPUT): WantedRun => ({
  workflowType: 'offboardUser',
  workflowId: freshId('offboard'),
  taskQueue: freshTaskQueue(),
  input,
});

it('starts a run, and joins it under the same key although nothing of its input is readable', async () => {
  const run = wanted();
  const first = await startOrJoin(sealed, run);
  expect(first.joined).toBe(false);
  expect(await startOrJoin(sealed, run)).toEqual({ ...first, joined: true });
  await expect(startOrJoin(sealed, { ...run, input: { ...INPUT, onFailure: 'stop' } })).rejects.toThrow(
    RunConflictError,
  );
  const described = await plain.workflow.getHandle(run.workflowId).describe();
  expect(JSON.stringify(described.raw)).not.toContain('usr_secret');
});

it('refuses to join what it cannot read, and says so', async () => {
  const run = wanted();
  await startOrJoin(sealed, run);
  await expect(startOrJoin(plain, run)).rejects.toThrow(
    'is in progress, but its input cannot be decrypted with the keys configured here, so nothing was started.',
  );
});

it('lets one of many callers start and all others join', async () => {
  const run = wanted();
  const runs = await Promise.all(Array.from({ length: 8 }, () => startOrJoin(plain, run)));
  expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
  expect(runs.filter(({ joined }) => !joined)).toHaveLength(1);
});

it('refuses a run of another type under the same id', async () => {
  const run = wanted();
  await plain.workflow.start('somethingElse', { workflowId: run.workflowId, taskQueue: run.taskQueue });
  await expect(startOrJoin(plain, run)).rejects.toThrow(
    `${run.workflowId} is in progress as a run of somethingElse, so nothing was started.`,
  );
});

describe('inputs', () => {
  it.each([
    [
      'with defaults written out',
      { ...INPUT, dryRun: false, onFailure: 'continue', plaid: { removeUser: false }, batch: {}, deadline: '7 days' },
    ],
    [
      'with fields in another order and undefined ones',
      { reason: { code: 'OTHER', note: undefined }, user: { plaidUserId: 'usr_secret' } },
    ],
  ])('are the same %s', (_, other) => {
    expect(sameInput('offboardUser', INPUT, other)).toBe(true);
  });

  it.each([
    ['a dry run', { ...INPUT, dryRun: true }],
    ['another deadline', { ...INPUT, deadline: '6 days' }],
    ['another reason', { ...INPUT, reason: { code: 'USER_OFFBOARDING' } }],
    ['one that does not fit the schema', { ...INPUT, more: 1 }],
    ['nothing', undefined],
  ])('are not the same as %s', (_, other) => {
    expect(sameInput('offboardUser', INPUT, other)).toBe(false);
  });
});

it('names runs by keyed hashes, dry ones apart, and a sweep over a snapshot by the snapshot', () => {
  const hasher = createSubjectHasher('a subject key for tests only');
  const { user } = INPUT;
  const places = (environment: string) => userPlaces({ PLAID_ENV: environment }, new ProviderSet());
  const id = offboardWorkflowId({ user }, places('sandbox'), hasher);
  expect(id).toMatch(/^offboard-[\w-]{24}$/);
  expect(offboardWorkflowId({ user, dryRun: true }, places('sandbox'), hasher)).toBe(
    id.replace('offboard-', 'offboard-dry-'),
  );
  expect(offboardWorkflowId({ user }, places('production'), hasher)).not.toBe(id);
  expect(() => offboardWorkflowId({ user }, places('prod'), hasher)).toThrow(/PLAID_ENV/);
  const reason = { code: 'OTHER' } as const;
  const sweep = sweepWorkflowId({ source: { inline: [user] }, reason, dryRun: true }, hasher);
  expect(sweep).toMatch(/^sweep-dry-[\w-]{24}$/);
  expect(sweepWorkflowId({ dryRun: true, reason, source: { inline: [user] } }, hasher)).toBe(sweep);
  expect(sweepWorkflowId({ snapshot: 'sweep-1', reason }, hasher)).toBe('sweep-1');
});
