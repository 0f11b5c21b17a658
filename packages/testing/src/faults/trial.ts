import type { Call, Cell, Flow, Policy, When } from '../oracle/cell';
import { expectedOf } from '../oracle/expect';
import { natureOf } from '../oracle/fault-natures';
import type { FaultName } from '../oracle/fault-natures';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { CALL_FAULTS } from './fault-rules';
import { FOREIGN_ITEM } from './scenes';
import type { MatrixUser } from './scenes';

/** One fault that meets one call. */
export type LaidFault = Pick<Cell, 'call' | 'fault' | 'when'>;

/** The offboarding of one user under faults: a cell of the matrix has one fault, a combination some. */
export interface Trial {
  flow: Flow;
  policy: Policy;
  removeUser: boolean;
  /** It can, or may, end only by its deadline. */
  endsByDeadline: boolean;
  faults: readonly LaidFault[];
}

/** Long enough to come to the call in question on a busy machine, and to see that it keeps failing. */
const DEADLINE: Record<Flow, string> = { offboardUser: '30s', sweep: '40s' };

const REASON = { code: 'USER_OFFBOARDING' } as const;

/** A cell as something to be run. */
export function trialOf(cell: Cell, apps: readonly string[]): Trial {
  const { flow, policy, call, fault, when } = cell;
  return {
    flow,
    policy,
    removeUser: call === 'userRemove',
    endsByDeadline: expectedOf(cell, apps).endsByDeadline,
    faults: [{ call, fault, when }],
  };
}

/** Where a trial is run: with all others, with those that slow each other down, or by itself. */
export type PlaceKind = 'common' | 'slow' | 'own';

/**
 * A rate limit slows down every trial with the same key, which recovers if it was once; a refused key stops every sweep of
 * the process.
 */
export function placeOf({ flow, faults }: Pick<Trial, 'flow' | 'faults'>): PlaceKind {
  const kinds = faults.map(({ fault, when }): PlaceKind => {
    const kind = CALL_FAULTS[fault as FaultName]?.kind;
    if (isClosedConnection(fault) || (kind === 'unauthorized' && flow === 'sweep')) return 'own';
    if (kind !== 'rateLimit') return 'common';
    return when === 'once' && natureOf(fault) === 'later' ? 'slow' : 'own';
  });
  return kinds.includes('own') ? 'own' : kinds.includes('slow') ? 'slow' : 'common';
}

/** The fault of a closed port. */
export function isClosedConnection(fault: string): boolean {
  return fault === 'connection refused';
}

/** What a single run is asked for. */
export function userInput(trial: Trial, user: MatrixUser): OffboardUserInput {
  const { plaidUserId, batchUserId } = user;
  return {
    user: { plaidUserId, batchUserId },
    reason: REASON,
    ...common(trial),
    ...itemIds(trial, user),
    batch: { mode: trial.faults.some(({ call }) => call.startsWith('gdpr')) ? 'gdpr' : 'customData' },
  };
}

/** What a sweep is asked for. The neighbour is known to Plaid only: a bulk call is about one user then, by name. */
export function sweepInput(trial: Trial, user: MatrixUser, neighbour: MatrixUser | undefined): OffboardUsersInput {
  const { plaidUserId, batchUserId } = user;
  const inline = [
    { plaidUserId, batchUserId, ...itemIds(trial, user) },
    ...(neighbour ? [{ plaidUserId: neighbour.plaidUserId }] : []),
  ];
  return { source: { inline }, reason: REASON, granularity: 'chunk', ...common(trial) };
}

/** The faults of one kind of call or other, in words for a table. */
export function wordsOf(trial: Trial): { call: string; fault: string; when: string } {
  const all = (wordOf: (fault: LaidFault) => string): string => trial.faults.map(wordOf).join(' + ');
  return {
    call: `${trial.flow}: ${all(({ call }) => call)}`,
    fault: all(({ fault }) => fault),
    when: all(({ when }) => when),
  };
}

function itemIds({ faults }: Trial, { items }: MatrixUser): { itemIds?: string[] } {
  return faults.some(({ fault }) => natureOf(fault) === 'foreign') ? { itemIds: [...items, FOREIGN_ITEM] } : {};
}

function common({
  flow,
  policy,
  removeUser,
  endsByDeadline,
}: Trial): Pick<OffboardUserInput, 'onFailure' | 'deadline' | 'plaid'> {
  return {
    onFailure: policy,
    ...(endsByDeadline && { deadline: DEADLINE[flow] }),
    ...(removeUser && { plaid: { removeUser: true } }),
  };
}

/** A shut door is met by the first call that comes to it, which must be the one that is meant. */
export function proxyOf({ call, when }: { call: Call; when: When }): { atCall: number; times: number } {
  return { atCall: PLACE_IN_FLOW[call], times: { once: 1, twice: 2, always: Number.POSITIVE_INFINITY }[when] };
}

/** The number of each call among those to its provider, from 1. */
const PLACE_IN_FLOW: Record<Call, number> = {
  userItemsGet: 1,
  userItemsRemove: 2,
  userProductsTerminate: 4,
  userRemove: 5,
  customDataDelete: 1,
  customDataBulkDelete: 1,
  gdprRequestCreate: 1,
  gdprRequestGet: 2,
};
