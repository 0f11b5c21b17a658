import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';

/**
 * Returns the final outcome of each step according to the ledger.
 *
 * - Of a run that has ended: its settled receipts, which have an outcome of every step.
 * - Of another run, or a call outside a workflow: its outcomes, and the calls without one, whose result is unknown.
 * - Of a user of a sweep: of each step its settled receipts, else those of the last round that reached it.
 *
 * @param receipts Whole runs, and whole users of sweeps.
 */
export function lastWords(receipts: readonly Receipt[]): Receipt[] {
  const settled = new Set(receipts.filter(({ phase }) => phase === 'settled').map(whole));
  const answered = new Set(receipts.filter(({ phase }) => phase === 'outcome').map(callOf));
  const lastRounds = new Map<string, number>();
  for (const receipt of receipts)
    lastRounds.set(whole(receipt), Math.max(receipt.round, lastRounds.get(whole(receipt)) ?? 0));
  return receipts.flatMap((receipt) => {
    if (settled.has(whole(receipt))) return receipt.phase === 'settled' ? [receipt] : [];
    if (receipt.phase === 'outcome') return receipt.round === lastRounds.get(whole(receipt)) ? [receipt] : [];
    return answered.has(callOf(receipt)) ? [] : [{ ...receipt, outcome: 'unknown' as const }];
  });
}

/** Returns the key of receipts that are settled together: a run, or one step of a user of a sweep. */
function whole({ workflowId, runId, seq, step }: Receipt): string {
  return runId === '' ? JSON.stringify([workflowId, seq, step]) : runId;
}

/** Returns the key that an intent and its outcome have in common. */
function callOf({ runId, activityId, subject, task }: Receipt): string {
  return JSON.stringify([runId, activityId, subject, task]);
}
