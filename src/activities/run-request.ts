import type { HoldEnvironments } from '../ledger/ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import type { Identity } from '../ledger/user-subjects';
import { isRequest, requestFacts } from '../policy/legal-clock';
import type { DueCalendar } from '../policy/legal-clock';
import { requireOwnSweep, requireRunOf } from './callers';
import type { CallingRun, Callers } from './callers';
import type { PrepareOffboarding } from './contract';
import { retryable } from './refusals';

/** What the request of a run is recorded and read with. */
interface RequestDependencies extends DueCalendar {
  ledger: OpenedLedger;
  callers: Callers;
}

/**
 * Stores who asked for the run and why, and records the request in the register, unless the run only looks. A repeated
 * attempt changes nothing.
 *
 * @returns When the request is due, as the register has it.
 */
export async function recordRequest(
  { ledger: { requests }, ...calendar }: RequestDependencies,
  {
    run: { workflowId, runId, firstRunId },
    reason,
    dryRun = false,
    request: { reference, ...claims } = {},
    subjects,
    environments,
  }: Pick<PrepareOffboarding, 'reason' | 'dryRun' | 'request'> & {
    run: CallingRun;
    subjects: readonly string[];
    environments: HoldEnvironments;
  },
): Promise<string | undefined> {
  const facts = requestFacts(claims, calendar);
  const registered =
    dryRun || !isRequest(claims)
      ? undefined
      : await requests.record({ workflowId, firstRun: firstRunId, facts, subjects, environments, reference, reason });
  const dueAt = registered?.dueAt ?? facts.dueAt;
  if (reason !== undefined)
    await requests.recordRunAbout({
      workflowId,
      runId,
      about: JSON.stringify({ reason, ...facts, ...(dueAt !== undefined && { dueAt }) }),
    });
  return dueAt;
}

/** Returns the environments of these IDs by service. */
export function environmentsBy(
  identities: readonly Identity[],
  serviceOf: (provider: string) => string,
  environmentOf: (provider: string) => string,
): HoldEnvironments {
  return Object.fromEntries(identities.map(({ provider }) => [serviceOf(provider), [environmentOf(provider)]]));
}

/** See `OffboardingActivities`. */
export async function readDueDate(
  { ledger, callers }: RequestDependencies,
  { sweepId }: { sweepId?: string },
): Promise<{ dueAt?: string }> {
  if (sweepId !== undefined) {
    await requireOwnSweep(callers, (id) => ledger.sweeps.read(id), sweepId);
    const { dueAt } = await retryable(() => ledger.requests.ofSweep(sweepId));
    return dueAt === undefined ? {} : { dueAt };
  }
  const { workflowId, firstRunId: firstRun } = await requireRunOf(callers, 'offboardUser');
  const request = await retryable(() => ledger.requests.findOf({ workflowId, firstRun }));
  return request?.dueAt === undefined ? {} : { dueAt: request.dueAt };
}
