import { readSettings, CATALOGUE_SERVICES } from '../../../src/config/settings';
import { ProcessLimits } from '../../../src/activities/sweep/process-limits';
import type { CallBudgets } from '../../../src/activities/call-budget';
import type { ChunkDependencies } from '../../../src/activities/sweep/chunk-dependencies';
import type { ChunkInput } from '../../../src/activities/sweep/contract';
import { createTaskSender } from '../../../src/http/send-task';
import type { OpenedLedger } from '../../../src/ledger/open-ledger';
import { createSubjectHasher } from '../../../src/ledger/subject';
import { userSubjects } from '../../../src/ledger/user-subjects';
import type { TargetRow } from '../../../src/ledger/sweeps/sweep-types';
import type { Simulators } from '../../../src/testing';
import { environmentOf } from '../../support/offboarding';
import { SUBJECT_KEY, open } from '../../ledger/databases';

export const hasher = createSubjectHasher(SUBJECT_KEY);

/** A rate without any limit. */
export const UNLIMITED: CallBudgets = {
  tryAdmit: () => true,
  admit: () => Promise.resolve(true),
  answered: () => undefined,
  close: () => Promise.resolve(),
};

/** What a process has with which chunks run. */
export interface ChunkPlace extends ChunkDependencies {
  ledger: OpenedLedger;
  close(): Promise<void>;
}

/** One process's worth of dependencies: a ledger, connections and limits of its own. */
export async function openChunkPlace(simulators: Simulators, ledgerUrl: string, env: Record<string, string> = {}): Promise<ChunkPlace> {
  const settings = readSettings(
    { ...environmentOf(simulators, { taskQueue: 'none', ledgerUrl }), HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY, ...env },
    CATALOGUE_SERVICES,
  );
  const ledger = await open(ledgerUrl);
  const sender = createTaskSender(settings.sender);
  return { ledger, sender, hasher, services: settings.sender.services, limits: new ProcessLimits(), budgets: UNLIMITED, close: () => sender.close() };
}

/** Users of a sweep, as the simulators' `generate` names them; no other sweep has them. */
export function targets(sweepId: string, count: number): TargetRow[] {
  return Array.from({ length: count }, (_, index) => {
    const user = { plaidUserId: `${sweepId}-${index}`, batchUserId: `b-${sweepId}-${index}` };
    return { user, subjects: userSubjects(user, 'sandbox', hasher) };
  });
}

/** A chunk over all users of a sweep, as most tests want it. */
export function chunkOf(sweepId: string, count: number, changes: Partial<ChunkInput> = {}): ChunkInput {
  return {
    sweepId,
    fromSeq: 0,
    toSeq: count - 1,
    plan: {
      reason: { code: 'USER_OFFBOARDING' },
      removeUser: false,
      batchMode: 'customData',
      onFailure: 'continue',
      notFoundIsFine: false,
      dryRun: false,
    },
    beginForMs: 60_000,
    ...changes,
  };
}
