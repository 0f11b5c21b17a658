import { CALLS, FLOWS, POLICIES, WHENS } from '../oracle/cell';
import type { Call, Flow } from '../oracle/cell';
import { FAULTS, natureOf } from '../oracle/fault-natures';
import type { Nature } from '../oracle/fault-natures';
import { isCell } from './scenes';
import { isClosedConnection } from './trial';
import type { LaidFault, Trial } from './trial';

const MOST_FAULTS = 4;

/** Faults after which a user can still be offboarded, if they end. */
const PASSING: readonly Nature[] = [
  'good',
  'later',
  'lostDone',
  'lostUndone',
  'unreadableDone',
  'unreadableUndone',
  'stale',
];

/**
 * Draws offboardings that meet several faults at several calls; the same ones for the same seed. What must come of each
 * cannot be looked up, but what must always be true is true here too.
 */
export async function drawCombinations(count: number, seed: number): Promise<Trial[]> {
  const fc = await import('fast-check');
  const trials = FLOWS.map((flow) =>
    fc
      .record({
        policy: fc.constantFrom(...POLICIES),
        removeUser: fc.boolean(),
        gdpr: fc.boolean(),
        faults: fc.uniqueArray(
          fc.record({
            call: fc.constantFrom(...callsOf(flow)),
            fault: fc.constantFrom(...FAULTS),
            when: fc.constantFrom(...WHENS),
          }),
          {
            minLength: 2,
            maxLength: MOST_FAULTS,
            selector: ({ call, fault }) => `${call} ${fault}`,
          },
        ),
      })
      .map(({ policy, removeUser, gdpr, faults }) =>
        trialWith({
          flow,
          policy,
          removeUser,
          faults: faults.filter((fault) => fits(flow, fault, { removeUser, gdpr })),
        }),
      ),
  );
  return fc.sample(
    fc.oneof(...trials).filter(({ faults }) => faults.length > 1),
    { seed, numRuns: count },
  );
}

/** How a combination may end: well, and only well, if every fault passes. */
export function statusesOf({ flow, faults }: Trial): string[] {
  const passes = faults.every(({ fault, when }) => when !== 'always' && passesBy(flow, fault));
  return passes ? ['completed'] : ['completed', 'partial', 'failed', ...(flow === 'sweep' ? ['cancelled'] : [])];
}

function passesBy(flow: Flow, fault: string): boolean {
  const nature = natureOf(fault);
  return PASSING.includes(nature) || (nature === 'keysRefused' && flow === 'sweep');
}

function callsOf(flow: Flow): Call[] {
  return [...(CALLS[flow] as readonly Call[])];
}

function trialWith(trial: Omit<Trial, 'endsByDeadline'>): Trial {
  return { ...trial, endsByDeadline: statusesOf({ ...trial, endsByDeadline: false }).length > 1 };
}

/** A user is deleted at Batch in one way, and a door can be shut for one call only. */
function fits(
  flow: Flow,
  { call, fault, when }: LaidFault,
  { removeUser, gdpr }: { removeUser: boolean; gdpr: boolean },
): boolean {
  const nature = natureOf(fault);
  if (
    isClosedConnection(fault) ||
    nature === 'goneBefore' ||
    nature === 'foreign' ||
    !isCell({ flow, call, fault, when })
  )
    return false;
  if (call === 'userRemove') return removeUser;
  if (call.startsWith('gdpr')) return gdpr;
  return call !== 'customDataDelete' || !gdpr;
}
