import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowUpdateFailedError } from '@temporalio/client';
import { readHeadFacts } from '@temporal-http-tasks/evidence/internal/head-facts';
import { createApproverKey, signApproval } from 'temporal-http-tasks/internal/operator-policy/approval';
import { approveUpdate, sweepProgressQuery } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { goneAtPlaid, openSweepPlace, untilProgress } from '../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../support/sweep-runs';
import { runJson } from '../cli/run-cli';
import { temporalAddress } from '../support/temporal';

const folder = mkdtempSync(join(tmpdir(), 'approvals-'));
const [alice, bob] = [createApproverKey(), createApproverKey()];
let place: SweepPlace;

beforeAll(async () => {
  const file = join(folder, 'policy.yaml');
  const approvers = [
    { name: 'Alice', key: alice.key },
    { name: 'Bob', key: bob.key },
  ];
  writeFileSync(file, JSON.stringify({ version: 1, approval: { usersAbove: 1, signatures: 2, approvers } }));
  place = await openSweepPlace({ env: { HTTP_TASKS_POLICY: file } });
  await place.startWorker();
});

afterAll(() => place.close());

async function waiting(handle: SweepHandle) {
  const { toSign, counts } = await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
  return { sweepId: handle.workflowId, total: counts.total, ...toSign! };
}

const refused = (run: Promise<unknown>) =>
  expect(run.catch((error: unknown) => (error as WorkflowUpdateFailedError).cause?.message)).resolves.toMatch(
    /rule approval/,
  );

it('a sweep waits for two signed approvals although its input asks for none, and nothing else lets it begin', async () => {
  const handle = await place.start({
    source: { file: await place.users(3) },
    providers: ['plaid'],
    granularity: 'chunk',
  });
  const sweep = await waiting(handle);
  expect(sweep).toMatchObject({
    total: 3,
    signatures: 2,
    signedBy: [],
    environment: expect.stringContaining('plaid=sandbox'),
  });
  await refused(handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Alice' }] }));
  const signature = signApproval(sweep, alice.pem);
  await refused(handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Bob', signature }] }));
  const other = signApproval({ ...sweep, total: 4 }, alice.pem);
  await refused(handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Alice', signature: other }] }));
  await handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Alice', signature }] });
  await handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Alice', signature }] });
  expect(await handle.query(sweepProgressQuery)).toMatchObject({
    status: 'waitingForApproval',
    toSign: { signedBy: ['Alice'] },
  });
  // A process that can write the ledger can call the sweep approved, and the workers do not believe it.
  const { claimedBy = '' } = (await place.ledger.sweeps.read(handle.workflowId))!;
  await place.ledger.sweeps.approve({ sweepId: handle.workflowId, by: claimedBy, total: 3, approver: 'Mallory' });
  expect(goneAtPlaid(place).gone).toBe(0);
  const key = join(folder, 'bob.pem');
  writeFileSync(key, bob.pem);
  const command = ['sweep', 'approve', handle.workflowId, '--total', '3', '--by', 'Bob', '--key', key];
  const env = { TEMPORAL_ADDRESS: temporalAddress(), HTTP_TASKS_TASK_QUEUE: place.taskQueue };
  const printed = await runJson<{ signature: string }>([...command, '--print'], env);
  expect(printed).toMatchObject({
    code: 0,
    document: { total: 3, by: 'Bob', signature: signApproval(sweep, bob.pem) },
  });
  expect((await runJson(command, env)).code).toBe(0);
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed', approvalSigned: true });
  expect(goneAtPlaid(place).gone).toBe(3);
  const row = (await place.ledger.sweeps.read(handle.workflowId))!;
  expect(await readHeadFacts(place.ledger, row)).toMatchObject({
    root: row.merkleRoot,
    policy: row.policyDigest,
    approvedBy: [
      { name: 'Alice', verified: true },
      { name: 'Bob', verified: true },
      { name: 'Mallory', verified: false },
    ],
    source: {
      name: expect.stringMatching(/^file:[^/]+\.(csv|jsonl)$/),
      users: 3,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    checkpoint: { signed: false },
  });
});

it('who asked for a sweep cannot approve it, however the name is written and whatever was signed', async () => {
  const handle = await place.start({
    source: { file: await place.users(3) },
    providers: ['plaid'],
    granularity: 'chunk',
    requestedBy: 'ALICE ',
  });
  const sweep = await waiting(handle);
  const [byAlice, byBob] = [signApproval(sweep, alice.pem), signApproval(sweep, bob.pem)];
  await refused(handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Alice', signature: byAlice }] }));
  await handle.executeUpdate(approveUpdate, { args: [{ total: 3, by: 'Bob', signature: byBob }] });
  // A row in the ledger that no worker let in does not count either.
  const { claimedBy = '' } = (await place.ledger.sweeps.read(handle.workflowId))!;
  await place.ledger.sweeps.addApproval({ sweepId: sweep.sweepId, total: 3, approver: 'Alice', signature: byAlice });
  await place.ledger.sweeps.approve({ sweepId: sweep.sweepId, by: claimedBy, total: 3, approver: 'Alice, Bob' });
  expect(await handle.query(sweepProgressQuery)).toMatchObject({
    status: 'waitingForApproval',
    toSign: { signedBy: ['Bob'] },
  });
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect((await place.ledger.sweeps.read(sweep.sweepId))?.about).toEqual({ requestedBy: 'ALICE ' });
});

it('a sweep below the limit, and a dry run, begin without', async () => {
  const one = await place.start({ source: { file: await place.users(1) }, providers: ['plaid'] });
  await expect(one.result()).resolves.toMatchObject({ status: 'completed' });
  const dry = await place.start({ source: { file: await place.users(3) }, providers: ['plaid'], dryRun: true });
  await expect(dry.result()).resolves.toMatchObject({ status: 'completed' });
});
