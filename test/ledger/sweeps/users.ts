import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type {
  ChunkFence,
  OpenUser,
  SettledUser,
  StepReceipt,
} from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { SUBJECT_KEY } from '../databases';

const hasher = createSubjectHasher(SUBJECT_KEY);

/** A good row of a source. */
export function rowOf(user: TargetUser): TargetRow {
  return { user, subjects: userSubjects(user, { plaid: 'sandbox' }, hasher) };
}

/** A user with an id at Plaid and one at Batch. */
export function userNumber(number: number): TargetUser {
  return { plaidUserId: `usr_plaid_${number}`, batchUserId: `customer-${number}@example.org` };
}

/** Rows of users from this number to that one, which is left out. */
export function rowsOf(from: number, to: number): TargetRow[] {
  return Array.from({ length: to - from }, (_, index) => rowOf(userNumber(from + index)));
}

/** Creates a sweep whose snapshot has these rows and is complete. */
export async function sweepOf(
  sweeps: SweepLedger,
  sweepId: string,
  rows: readonly TargetRow[],
  plaidEnvironment = 'sandbox',
): Promise<void> {
  await sweeps.create({ sweepId });
  const { version } = await sweeps.readSnapshot(sweepId);
  await sweeps.appendTargets({
    sweepId,
    version,
    rows,
    environments: { plaid: plaidEnvironment },
    position: 'end',
    complete: true,
  });
}

/** What a step of a user came to. */
export function receiptOf(user: OpenUser, changes: Partial<StepReceipt> = {}): StepReceipt {
  return {
    step: 'plaid.items',
    task: 'plaid.userItemsRemove',
    subject: user.subjects[0] ?? '',
    service: 'plaid',
    environment: 'sandbox',
    outcome: 'removed',
    requestId: `req-${user.seq}`,
    ...changes,
  };
}

/** A user who came to an end with one step. */
export function settled(user: OpenUser, outcome: Outcome = 'removed', changes: Partial<SettledUser> = {}): SettledUser {
  return { kind: 'settled', seq: user.seq, round: user.round, receipts: [receiptOf(user, { outcome })], ...changes };
}

/** A user with the three receipts of a usual end. */
export function settledFully(user: OpenUser): SettledUser {
  return {
    kind: 'settled',
    seq: user.seq,
    round: user.round,
    receipts: [
      receiptOf(user),
      receiptOf(user, { step: 'plaid.products', task: 'plaid.userProductsTerminate', requestId: `prod-${user.seq}` }),
      receiptOf(user, {
        step: 'batch.ios',
        task: 'batch.customDataDelete',
        service: 'batch',
        environment: 'default',
        keySlot: 'ios',
        subject: user.subjects[1] ?? '',
        outcome: 'accepted',
        token: `token-${user.seq}`,
      }),
    ],
  };
}

/** Chunks of the sweeps in a ledger that is opened later. */
export function chunksOf(sweeps: () => SweepLedger) {
  async function fenceOf(sweepId: string, chunkId = 'c'): Promise<ChunkFence> {
    return { sweepId, chunkId, fence: await sweeps().takeFence({ sweepId, chunkId }) };
  }

  /** A sweep of so many users and a fence for it. */
  async function begin(sweepId: string, users: number): Promise<ChunkFence> {
    await sweepOf(sweeps(), sweepId, rowsOf(0, users));
    return fenceOf(sweepId);
  }

  return { fenceOf, begin };
}
