import type { ServiceSettings } from '../../config/service-settings';
import type { OpenedLedger } from '../../ledger/open-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { isSigned, signaturesNeeded, signersOf } from '../../operator-policy/approval';
import { refusal } from '../refusals';
import { isSamePerson } from '../../operator-policy/same-person';
import { approvedSweep, notAllowed } from '../governed';
import type { Governing } from '../governed';
import type { CompletedStep, RecordedUpdate, RecordUpdate, ChunkPlan, RateRequest } from './contract';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';

/** See `SweepActivities`. Plain text was refused before this runs, if it has to be (codec/refuse-plaintext.ts). */
export async function recordUpdate(
  { ledger, services, policy }: Pick<SweepDependencies, 'ledger' | 'services' | 'policy'>,
  sweep: SweepRow,
  { update, approval, rate, completed }: RecordUpdate,
): Promise<RecordedUpdate> {
  if (rate) refuseUnknownKey(services, rate);
  if (update === 'resume') await refuseWhenStopped(ledger);
  if (completed) return complete(ledger, sweep, completed);
  if (!approval || !sweep.claimedBy) return {};
  const { sweepId, claimedBy: by } = sweep;
  const signedBy = await signatures(ledger, policy, sweep, approval);
  if (policy && signedBy && signedBy.length < signaturesNeeded(policy.rules)) return { signedBy };
  const approver = signedBy ? signedBy.join(', ') : approval.by;
  const row = await withSweep(() => ledger.sweeps.approve({ sweepId, by, total: approval.total, approver }));
  if (row.approvedBy !== undefined) return { approvedBy: row.approvedBy, ...(signedBy && { signedBy }) };
  throw refusal(
    'total',
    `is ${approval.total}, and the ledger has ${row.total} users of this sweep; check the users again, then approve that number`,
  );
}

/**
 * Verifies and stores a signature if the policy requires one.
 *
 * @returns All who have signed; undefined if approvals are not verified.
 * @throws ApplicationFailure `Task.NotAllowed` for one that no approver of the policy made for this sweep.
 */
async function signatures(
  { sweeps }: OpenedLedger,
  policy: Governing,
  sweep: SweepRow,
  { total, by: approver, signature }: NonNullable<RecordUpdate['approval']>,
): Promise<string[] | undefined> {
  const { sweepId, snapshotDigest } = sweep;
  if (!policy?.rules.approval || snapshotDigest === undefined) return undefined;
  const requestedBy = sweep.about?.requestedBy;
  const signed = { ...approvedSweep(sweep), total, requestedBy };
  if (requestedBy !== undefined && isSamePerson(requestedBy, approver))
    throw notAllowed({
      rule: 'approval',
      message: `${requestedBy} asked for this sweep and cannot approve it; another approver of the policy has to`,
    });
  if (total === sweep.total) {
    if (signature === undefined || !isSigned(policy.rules, signed, { approver, signature }))
      throw notAllowed({
        rule: 'approval',
        message: [
          `the approval by ${approver} is not signed with the key that the policy names for ${approver}`,
          `sign it with http-tasks sweep approve ${sweepId} --total ${total} --by NAME --key FILE`,
        ].join('; '),
      });
    await withSweep(() => sweeps.addApproval({ sweepId, approver, signature, total }));
  }
  return signersOf(policy.rules, signed, await withSweep(() => sweeps.readApprovals(sweepId)));
}

/** Repeating it finds no user who still waits, and changes nothing. */
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

/** Refuses to resume a stopped sweep, which would only pause again. */
async function refuseWhenStopped(ledger: OpenedLedger): Promise<void> {
  const inForce = (await withSweep(() => ledger.listStops())).find(({ liftedAt }) => liftedAt === undefined);
  if (inForce)
    throw refusal(
      'resume',
      'every call that changes something is stopped; run http-tasks start first, which also resumes the sweeps that it stopped',
    );
}

/**
 * Stores or removes a sweep's own rate. The rate of a dry run is not stored, since it must change nothing for others:
 * each worker limits the dry run to the rate with which it was started.
 */
export async function setOwnRate(
  { rates }: Pick<OpenedLedger, 'rates'>,
  { sweepId, plan }: Pick<SweepRow, 'sweepId' | 'plan'>,
  rate: RateRequest,
): Promise<void> {
  if (plan !== undefined && (JSON.parse(plan) as ChunkPlan).dryRun) return;
  const { service, keySlot, callsPerMinute } = rate;
  await rates.setSweepRate({
    sweepId,
    service,
    keySlot,
    ...(callsPerMinute !== null && { limitPerMinute: callsPerMinute }),
  });
}

/** @throws ApplicationFailure `Task.InvalidInput`, field `service` or `keySlot`, for a key that no call of this worker uses. */
export function refuseUnknownKey(
  services: ReadonlyMap<string, Pick<ServiceSettings, 'keySlots'>>,
  { service, keySlot }: Pick<RateRequest, 'service' | 'keySlot'>,
): void {
  const keySlots = services.get(service)?.keySlots;
  if (keySlots === undefined)
    throw refusal('service', `is not a service of this worker; allowed: ${[...services.keys()].join(', ')}`);
  if (keySlots.length === 0 && keySlot !== '')
    throw refusal('keySlot', `must be left out: ${service} has only one key here`);
  if (keySlots.length > 0 && !keySlots.includes(keySlot))
    throw refusal('keySlot', `must name one of the keys of ${service}: ${keySlots.join(', ')}`);
}
