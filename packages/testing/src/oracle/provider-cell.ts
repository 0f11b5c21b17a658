import { FLOWS } from './cell';
import type { Flow } from './cell';

/** What a call of a step is for. */
export const ROLES = ['look', 'act', 'bulk', 'follow', 'proceed', 'find'] as const;
export type Role = (typeof ROLES)[number];

/** What a provider file says of a call. */
export interface CallFacts {
  /** The provider's operation. */
  operation: string;
  effect: 'read' | 'repeatSafe' | 'irreversible';
  /** A lost call may be sent again without a look: it is repeat-safe, or `settle: resend` says so. */
  resent: boolean;
  /** Error codes, and statuses, that say that what the call is about is not there. */
  absent: readonly (string | number)[];
  /** It names the user, an item or a request of the user. A list of all requests does not. */
  namesUser: boolean;
}

/** What a provider file says of a step. */
export interface StepFacts {
  step: string;
  kind: 'once' | 'list' | 'request';
  calls: Partial<Record<Role, CallFacts>>;
  /** The look is made before anything is sent. */
  looksFirst: boolean;
  /** Earlier steps that have to end well, with the outcomes that block. */
  after: readonly { step: string; unless: readonly string[] }[];
}

/** The faults of a check, by the words of its report. */
export const PROVIDER_FAULTS = [
  'lost before processing',
  'lost after processing',
  'processed, then 500',
  '503',
  '429',
  'truncated',
] as const;
export type ProviderFault = (typeof PROVIDER_FAULTS)[number];

/** One user who is offboarded while one call of one step meets one fault; without a fault, nothing happens to any call. */
export interface ProviderCell {
  flow: Flow;
  step: string;
  /** The operation; empty without a fault. */
  call: string;
  fault: ProviderFault | 'none';
  role?: Role;
  /** Which of the user's calls of the operation meets it, from 1. */
  nth: number;
  /** This operation's first response is lost, since the call is only made then. */
  afterLost?: string;
  /** The call names no user, so that the fault is only this user's when no other run makes the call. */
  alone: boolean;
}

/** Returns every cell of a provider: each flow without faults, then every fault at every call of every step. */
export function providerCells(steps: readonly StepFacts[]): ProviderCell[] {
  return FLOWS.flatMap((flow) => [
    { flow, step: '', call: '', fault: 'none' as const, nth: 0, alone: false },
    ...steps.flatMap((step) =>
      ROLES.flatMap((role) =>
        placesOf(step, role, flow).flatMap((place) =>
          PROVIDER_FAULTS.map((fault): ProviderCell => ({ flow, step: step.step, role, fault, ...place })),
        ),
      ),
    ),
  ]);
}

type Place = Pick<ProviderCell, 'call' | 'nth' | 'afterLost' | 'alone'>;

/** Returns when a call of a step is made. */
function placesOf({ kind, calls, looksFirst }: StepFacts, role: Role, flow: Flow): Place[] {
  const own = calls[role];
  const { act, bulk } = calls;
  const inBulk = flow === 'sweep' && bulk !== undefined;
  if (!own || !act) return [];
  const call = own.operation;
  const alone = !own.namesUser;
  const first = { call, nth: 1, alone };
  switch (role) {
    case 'bulk':
      return inBulk ? [first] : [];
    case 'act':
      return inBulk ? [] : [first];
    case 'look': {
      if (kind === 'list') return [first];
      // A call that may be repeated is repeated, and nothing is read first.
      const settling = inBulk || act.resent ? [] : [{ call, nth: looksFirst ? 2 : 1, afterLost: act.operation, alone }];
      return [...(looksFirst ? [first] : []), ...settling];
    }
    case 'find':
      // Before the first filing, what was filed earlier is looked up; again after a lost one. A harmless filing needs neither.
      return act.effect === 'irreversible' ? [first, { call, nth: 2, afterLost: act.operation, alone }] : [];
    default:
      return [first];
  }
}

/** Outcomes that say that a step was done. */
export const GOOD: readonly string[] = ['removed', 'accepted', 'alreadyGone'];

/**
 * Returns the outcomes that a step may have in a cell. A single fault that passes leaves every step done, except where the
 * provider file gives no way to learn whether a lost call was carried out: that one may be unknown.
 */
export function allowedOutcomes(
  step: StepFacts,
  cell: ProviderCell,
  outcomesOf: (step: string) => readonly string[],
): readonly string[] {
  const blocked = step.after.some(({ step: earlier, unless }) =>
    outcomesOf(earlier).some((outcome) => unless.includes(outcome) || outcome === 'skipped'),
  );
  if (blocked) return ['skipped'];
  const lostCalls = [cell.afterLost, cell.fault === '429' || cell.fault === 'none' ? undefined : cell.call];
  const unsettled = lostCalls.some((call) => call !== undefined && !isSettled(step, call));
  return unsettled ? [...GOOD, 'unknown'] : GOOD;
}

/** Whether it can be learned if a lost call was carried out. */
function isSettled({ kind, calls }: StepFacts, operation: string): boolean {
  const { act, look, find, proceed } = calls;
  if (proceed?.operation === operation && !proceed.resent) return false;
  if (act?.operation !== operation || act.resent || kind === 'list') return true;
  return kind === 'once' ? look !== undefined : find !== undefined;
}
