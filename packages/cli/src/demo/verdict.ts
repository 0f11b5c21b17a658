import type { BatchState, PlaidState } from '@temporal-http-tasks/testing/internal/simulators/control-answers';
import type { ProviderState as CourierState } from '@temporal-http-tasks/testing/internal/simulators/described/control';
import type { CastMember } from './cast';
import { disagreements } from './claims';
import { courierProblems, leavesCourier, leftAtCourier } from './courier';
import type { Problem, ProblemKind, RunOfUser } from './problem';
import { notGone, takenTooMuch } from './provider-truth';
import type { ProviderState } from './provider-truth';

/** The demo's judgement over what the providers hold afterwards. */
export interface Verdict {
  ok: boolean;
  /** Users of the file of whom everything that had to go is gone. */
  usersGone: number;
  /** Users of the file of whom something is left that had to go. */
  usersLeft: number;
  /** Ids outside the file for which the providers carried out any destructive call. */
  bystandersTouched: number;
  /** Removals at Plaid of something that had been removed before; a call that repeats two Items counts twice. */
  irreversibleCallsRepeated: number;
  /** Calls that asked for something a second time of which a repetition changes nothing. */
  repeatSafeCallsRepeated: number;
}

/**
 * Judges a whole demo. What had to happen follows from the users' file and the seeds, what did happen from the
 * simulators' own state; what the runs say is only compared with both, and counts for nothing by itself.
 */
export function judge(
  runs: readonly RunOfUser[],
  plaid: PlaidState,
  batch: BatchState,
  courier?: CourierState,
): { verdict: Verdict; problems: Problem[] } {
  const state: ProviderState = { plaid, batch };
  const cast = runs.map(({ member }) => member);
  const leaving = cast.filter((member) => hasToLose(member.expected) || leavesCourier(member, courier));
  const strangers = touchedStrangers(cast, state);
  const repeats = [...plaid.repeats.irreversible, ...batch.repeats.irreversible];
  const about =
    (kind: ProblemKind, who: string) =>
    (problem: string): Problem => ({ kind, who, problem });
  const problems: Problem[] = [
    ...leaving.flatMap((member) => notGone(member, state).map(about('left', member.label))),
    ...cast.flatMap((member) => takenTooMuch(member, state).map(about('tooMuch', member.label))),
    ...strangers.map((who) => about('bystander', who)('was not to be touched, and something of theirs was deleted')),
    ...repeats.map(({ endpoint, user, item, times }) =>
      about(
        'repeated',
        labelOf(cast, user),
      )(`${endpoint} was carried out ${times + 1} times${item === undefined ? '' : ` for ${item}`}`),
    ),
    ...runs.flatMap(({ member, result }) => disagreements(member, result, state).map(about('report', member.label))),
    ...courierProblems(runs, courier),
  ];
  const isGone = (member: CastMember): boolean =>
    notGone(member, state).length === 0 && leftAtCourier(member, courier).length === 0;
  const usersGone = leaving.filter(isGone).length;
  const sum = (kind: 'irreversible' | 'repeatSafe'): number =>
    [plaid, batch, ...(courier ? [courier] : [])].reduce((all, { repeatCounts }) => all + repeatCounts[kind], 0);
  const touched = new Set(problems.filter(({ kind }) => kind === 'bystander').map(({ who }) => who));
  return {
    verdict: {
      ok: problems.length === 0,
      usersGone,
      usersLeft: leaving.length - usersGone,
      bystandersTouched: touched.size,
      irreversibleCallsRepeated: sum('irreversible'),
      repeatSafeCallsRepeated: sum('repeatSafe'),
    },
    problems,
  };
}

function hasToLose({ itemsGone, productsTerminated, plaidUserRemoved, batchGone }: CastMember['expected']): boolean {
  return itemsGone.length > 0 || productsTerminated || plaidUserRemoved || batchGone;
}

/** Whoever is not in the file, at either provider, known there or not. */
function touchedStrangers(cast: readonly CastMember[], { plaid, batch }: ProviderState): string[] {
  const plaidIds = new Set(cast.flatMap((member) => member.plaid?.userId ?? []));
  const batchIds = new Set(cast.flatMap(({ batchUserId }) => batchUserId ?? []));
  const atPlaid = plaid.touched.filter((id) => !plaidIds.has(id));
  const atBatch = Object.values(batch.apps).flatMap(({ touched }) => touched.filter((id) => !batchIds.has(id)));
  return [...new Set([...atPlaid, ...atBatch])];
}

function labelOf(cast: readonly CastMember[], userId: string): string {
  return cast.find(({ plaid, batchUserId }) => plaid?.userId === userId || batchUserId === userId)?.label ?? userId;
}
