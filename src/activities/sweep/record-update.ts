import type { OpenedLedger } from '../../ledger/open-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { refusal } from '../refusals';
import type { CompletedStep, RecordedUpdate, RecordUpdate } from './contract';
import { refuseUnknownKey } from './own-rates';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';

/** See `SweepActivities`. Where plain text is refused, it has been refused before this runs (codec/refuse-plaintext.ts). */
export async function recordUpdate(
  { ledger, services }: Pick<SweepDependencies, 'ledger' | 'services'>,
  sweep: SweepRow,
  { update, approval, rate, completed }: RecordUpdate,
): Promise<RecordedUpdate> {
  if (rate) refuseUnknownKey(services, rate);
  if (update === 'resume') await refuseWhenStopped(ledger);
  if (completed) return complete(ledger, sweep, completed);
  if (!approval || !sweep.claimedBy) return {};
  const { sweepId, claimedBy: by } = sweep;
  const row = await withSweep(() =>
    ledger.sweeps.approve({ sweepId, by, total: approval.total, approver: approval.by }),
  );
  if (row.approvedBy !== undefined) return { approvedBy: row.approvedBy };
  throw refusal(
    'total',
    `is ${approval.total}, and the ledger has ${row.total} users of this sweep; look at them again, then approve the number that you find`,
  );
}

/** Repeated, it finds no user who still waits, and changes nothing. */
async function complete(
  { sweeps }: OpenedLedger,
  { sweepId }: SweepRow,
  { step, outcome, evidence, seqs }: CompletedStep,
): Promise<RecordedUpdate> {
  const report = { outcome, ...(evidence !== undefined && { evidence }) };
  const { users } = await withSweep(() => sweeps.reportStep({ sweepId, step, report, ...(seqs && { seqs }) }));
  const waitingForPerson = await withSweep(() => sweeps.countWaiting(sweepId));
  return { completed: users, waitingForPerson };
}

/** A sweep that is resumed then would only pause again. */
async function refuseWhenStopped(ledger: OpenedLedger): Promise<void> {
  const inForce = (await withSweep(() => ledger.listStops())).find(({ liftedAt }) => liftedAt === undefined);
  if (inForce)
    throw refusal(
      'resume',
      'every call that changes something is stopped; run http-tasks start first, which also resumes the sweeps that it stopped',
    );
}
