import type { BulkResult, RunBulk } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import type { FaultRuleInput, Simulators } from '@temporal-http-tasks/testing';
import { settled, sweepOf } from '../../ledger/sweeps/users';
import { canary, targetRow } from './activity-place';
import type { ActivityPlace, RunOptions } from './activity-place';

const BULK = 'customDataBulkDelete';

/** A fault of bulk calls: of each kind, what it takes besides the endpoint. */
export type Fault = FaultRuleInput extends infer Rule
  ? Rule extends { endpoint: unknown }
    ? Omit<Rule, 'endpoint'>
    : never
  : never;

/** What tests of bulk calls do at a place, with its simulators, that is opened later. */
export function bulkCallsAt(at: () => { place: ActivityPlace; simulators: Simulators }) {
  /** A sweep whose users are done but for Batch. */
  async function waiting(sweepId: string, users: readonly TargetUser[], bulkApps = ['ios']): Promise<void> {
    const { sweeps } = at().place.ledger;
    await sweepOf(
      sweeps,
      sweepId,
      users.map((user) => targetRow(user)),
    );
    const chunk = { sweepId, chunkId: 'c' };
    const fence = await sweeps.takeFence(chunk);
    for (let from = 0; from < users.length; from += 250) {
      const wave = await sweeps.openWave({
        ...chunk,
        fence,
        range: { from, to: from + 249 },
        wave: from + 1,
        limit: 250,
      });
      await sweeps.flushWave({ ...chunk, fence, users: wave.map((user) => settled(user, 'removed', { bulkApps })) });
    }
  }

  const some = (sweepId: string, count: number) =>
    Array.from({ length: count }, (_, index) => canary(`${sweepId}-${index}`));

  function runBulk(
    sweepId: string,
    changes: Partial<RunBulk> = {},
    options: RunOptions = {},
    here = at().place,
  ): Promise<BulkResult> {
    return here.run('httpTasks.runBulk', { sweepId, app: 'ios', beginForMs: 60_000, ...changes }, options);
  }

  function fault(rule: Fault): void {
    at().simulators.batch.faults.add({ endpoint: BULK, ...rule });
  }

  const calls = () =>
    at()
      .simulators.batch.calls()
      .calls.map(({ users, status }) => ({ users, status }));
  const touched = (app = 'ios') => at().simulators.batch.state().apps[app]?.touched ?? [];

  async function receipts(sweepId: string) {
    const all = await at().place.ledger.sweeps.readReceipts({ sweepId, afterSeq: -1, limit: 1_000_000 });
    return all.filter(({ step }) => step === 'batch.ios');
  }

  return { waiting, some, runBulk, fault, calls, touched, receipts };
}
