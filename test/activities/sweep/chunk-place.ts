import { setTimeout as delay } from 'node:timers/promises';
import type { CallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { ChunkDependencies } from 'temporal-http-tasks/internal/activities/sweep/sweep-dependencies';
import type { ChunkInput, ChunkPlan, ChunkResult } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { ProcessLimits } from 'temporal-http-tasks/internal/activities/sweep/process-limits';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import type { Simulators } from 'temporal-http-tasks/internal/testing';
import { SUBJECT_KEY, open } from '../../ledger/databases';
import { sweepOf } from '../../ledger/sweeps/users';
import { environmentOf } from '../../support/offboarding';

export const hasher = createSubjectHasher(SUBJECT_KEY);

/** Users whom the providers know besides those of a sweep, and who must not be touched. */
export const BYSTANDERS = 50;

/** A rate without any limit. */
export const UNLIMITED: CallBudgets = {
  tryAdmit: () => true,
  admit: () => Promise.resolve(true),
  responded: () => undefined,
  keepRatesOf: () => Promise.resolve(),
  paceDryRun: () => Promise.resolve(true),
  close: () => Promise.resolve(),
};

/** What a process has with which chunks run. */
export interface ChunkPlace extends ChunkDependencies {
  ledger: OpenedLedger;
  close(): Promise<void>;
}

/** The settings of a process that runs chunks here. No call takes that long, unless the machine is busy with something else. */
export function chunkEnvironment(simulators: Simulators, ledgerUrl: string): Record<string, string> {
  return {
    ...environmentOf(simulators, { taskQueue: 'none', ledgerUrl }),
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
    HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000',
  };
}

/** One process's worth of dependencies: a ledger, connections and limits of its own. */
export async function openChunkPlace(simulators: Simulators, ledgerUrl: string): Promise<ChunkPlace> {
  const settings = readSettings(chunkEnvironment(simulators, ledgerUrl), CATALOGUE_SERVICES);
  const ledger = await open(ledgerUrl);
  const sender = createTaskSender(settings.sender);
  return {
    ledger,
    sender,
    hasher,
    catalogue: new Catalogue(),
    providers: new ProviderSet(),
    services: settings.sender.services,
    limits: new ProcessLimits(),
    budgets: UNLIMITED,
    close: () => sender.close(),
  };
}

/** Users of a sweep, as the simulators' `generate` names them; no other sweep has them. */
export function targets(sweepId: string, count: number): TargetRow[] {
  return Array.from({ length: count }, (_, index) =>
    targetOf({ plaidUserId: `${sweepId}-${index}`, batchUserId: `b-${sweepId}-${index}` }),
  );
}

/** A row of a source. */
export function targetOf(user: TargetUser): TargetRow {
  return { user, subjects: userSubjects(user, { plaid: 'sandbox' }, hasher) };
}

/** Makes a sweep over this many users and lets the providers know them, and the bystanders. */
export async function seedSweep(
  simulators: Simulators,
  { ledger }: Pick<ChunkPlace, 'ledger'>,
  sweepId: string,
  count: number,
): Promise<void> {
  simulators.plaid.seed({ generate: { count: count + BYSTANDERS, prefix: `${sweepId}-`, itemsPerUser: 2 } });
  simulators.batch.seed({ generate: { count: count + BYSTANDERS, prefix: `b-${sweepId}-` } });
  await sweepOf(ledger.sweeps, sweepId, targets(sweepId, count));
}

/** All users of the sweep are offboarded, nothing irreversible was done twice, and no bystander was touched. */
export function expectAllGone({ plaid }: Simulators, count: number): void {
  const { repeats, counts, touched } = plaid.state();
  expect(repeats.irreversible).toEqual([]);
  expect(counts).toMatchObject({ gone: count, left: BYSTANDERS, touched: count });
  expect(touched.filter((id) => Number(id.slice(id.lastIndexOf('-') + 1)) >= count)).toEqual([]);
}

/** Chunk after chunk, as the rounds of a sweep, until no user is left to be tried. */
export async function converge(input: ChunkInput, at: ChunkPlace): Promise<ChunkResult[]> {
  const results: ChunkResult[] = [];
  for (;;) {
    results.push(await runChunk(input, at));
    const {
      ranges: [left],
    } = await at.ledger.sweeps.readUnfinished({ sweepId: input.sweepId, chunkSize: 100_000, limit: 1, fromSeq: 0 });
    if (left === undefined) return results;
    await delay(Math.max(0, Date.parse(left.notBefore ?? '') - Date.now() || 0));
  }
}

/** A plan with everything at its default. */
export function planOf(changes: Partial<ChunkPlan> = {}): ChunkPlan {
  return {
    reason: { code: 'USER_OFFBOARDING' },
    removeUser: false,
    batchMode: 'customData',
    onFailure: 'continue',
    notFoundIsFine: false,
    dryRun: false,
    ...changes,
  };
}

/** A chunk over all users of a sweep, as most tests want it. */
export function chunkOf(sweepId: string, count: number, changes: Partial<ChunkInput> = {}): ChunkInput {
  return { sweepId, fromSeq: 0, toSeq: count - 1, plan: planOf(), beginForMs: 60_000, ...changes };
}
