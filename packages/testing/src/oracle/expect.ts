import { BATCH, ITEMS, PRODUCTS, READS, USER, callsOfStep, stepsOf } from './cell';
import type { Call, Cell, When } from './cell';
import { natureOf } from './fault-natures';
import type { Nature } from './fault-natures';

/** The expected end of a step. */
export interface ExpectedStep {
  step: string;
  /** Allowed outcomes. */
  outcomes: readonly string[];
  /** Whether the step is done at the provider. */
  done: boolean | 'either';
}

/** The expected result of a cell, according to the documented contract. */
export interface Expectation {
  steps: readonly ExpectedStep[];
  /** Allowed statuses of the run, or of the sweep of this one user. */
  statuses: readonly string[];
  /** Whether it can only end by its deadline. */
  endsByDeadline: boolean;
}

/** How the step with the fault ends, and how the run continues after it. */
interface End {
  outcomes: readonly string[];
  done: ExpectedStep['done'];
  /** `perhapsOver`: the run's deadline may pass during it. */
  then: 'on' | 'perhapsOver';
  /** Number of faulty calls that the step consumed. */
  faultyCalls: number;
}

const GOOD = ['removed', 'accepted'];
const NOT_DONE = ['failed'];
const FAULTY_CALLS: Record<When, number> = { once: 1, twice: 2, always: Number.POSITIVE_INFINITY };

/** Returns what must be true at the end of a cell. Uses only the contract and the fault, not the implementation. */
export function expectedOf(cell: Cell, apps: readonly string[]): Expectation {
  const nature = natureOf(cell.fault);
  if (nature === 'goneBefore') return whenGoneBefore(cell, apps);
  if (nature === 'foreign') return whenForeign(cell, apps);
  const steps: ExpectedStep[] = [];
  let faultyCalls = FAULTY_CALLS[cell.when];
  let before: 'good' | 'either' | 'stopped' | 'stoppedOrOver' = 'good';
  let endsByDeadline = false;
  for (const step of stepsOf(cell, apps)) {
    if (before === 'stoppedOrOver') steps.push({ step, outcomes: ['skipped', ...overOutcomes(cell)], done: false });
    else if (before === 'stopped') steps.push({ step, outcomes: ['skipped'], done: false });
    else if (before === 'either') steps.push(possiblyReached(cell, nature, step, faultyCalls));
    else if (faultyCalls === 0 || !callsOfStep(step).includes(cell.call))
      steps.push({ step, outcomes: GOOD, done: true });
    else {
      const end = endOf(cell, nature, faultyCalls);
      faultyCalls = Math.max(0, faultyCalls - end.faultyCalls);
      steps.push({ step, outcomes: end.outcomes, done: end.done });
      const bad = !end.outcomes.some((outcome) => GOOD.includes(outcome));
      endsByDeadline ||= end.then === 'perhapsOver';
      const stops = bad && cell.policy === 'stop' && !(cell.flow === 'sweep' && step.startsWith(BATCH));
      if (end.then === 'perhapsOver') before = stops ? 'stoppedOrOver' : 'either';
      else if (stops) before = 'stopped';
    }
  }
  return { steps: withoutOrphans(steps), statuses: statusesOf(cell, steps), endsByDeadline };
}

/**
 * Returns the expectation of a step that the deadline may precede, or that may have the same fault as the one before.
 */
function possiblyReached(cell: Cell, nature: Nature, step: string, faultyCalls: number): ExpectedStep {
  const meetsIt = !Number.isFinite(faultyCalls) && callsOfStep(step).includes(cell.call);
  const done = meetsIt && endOf(cell, nature, faultyCalls).done === false ? false : 'either';
  return { step, outcomes: [...(done === false ? [] : GOOD), 'failed', 'unknown', 'skipped'], done };
}

function endOf(cell: Cell, nature: Nature, faultyCalls: number): End {
  const { call, flow } = cell;
  const passes = (used = faultyCalls): End => ({ outcomes: GOOD, done: true, then: 'on', faultyCalls: used });
  const endless = !Number.isFinite(faultyCalls);
  // A sweep starts again in each round, so it may continue until its deadline where a single run gives up.
  const afterGivingUp = flow === 'sweep' ? 'perhapsOver' : 'on';
  switch (nature) {
    case 'good':
      return passes();
    case 'later':
      return endless
        ? { outcomes: neverAccepted(call), done: call === 'gdprRequestGet', then: 'perhapsOver', faultyCalls }
        : passes();
    case 'muchLater':
      if (isSideBySide(cell) && !endless) return eitherOfTwo();
      // The delay exceeds the deadline, so the step fails immediately and calls with another key are still sent.
      return { outcomes: neverAccepted(call), done: call === 'gdprRequestGet', then: 'perhapsOver', faultyCalls: 1 };
    case 'stale':
      // A sweep whose deadline passes earlier knows only that Plaid reported success.
      return endless
        ? {
            outcomes: flow === 'sweep' ? ['unknown', ...GOOD] : ['unknown'],
            done: true,
            then: afterGivingUp,
            faultyCalls,
          }
        : passes();
    case 'refused':
      return refusedEnd(cell, faultyCalls);
    case 'keysRefused':
      if (flow === 'offboardUser') return refusedEnd(cell, faultyCalls);
      return endless
        ? { outcomes: ['skipped', 'failed', 'unknown'], done: false, then: 'perhapsOver', faultyCalls }
        : passes();
    case 'lostDone':
    case 'unreadableDone':
    case 'lostUndone':
    case 'unreadableUndone':
      return endless || call === 'gdprRequestGet' ? alwaysLost(cell, nature, faultyCalls, afterGivingUp) : passes();
    case 'goneBefore':
    case 'foreign':
      throw new RangeError(`${nature} is not a fault of a call.`);
  }
}

/**
 * Returns the allowed outcomes of a call that was never accepted. The deadline may pass during an attempt, which is
 * then in doubt; and a GDPR request that cannot be polled has still been created.
 */
function neverAccepted(call: Call): readonly string[] {
  if (call === 'gdprRequestGet') return ['accepted', 'unknown'];
  return call === 'userItemsGet' ? NOT_DONE : ['failed', 'unknown'];
}

function refusedEnd(cell: Cell, faultyCalls: number): End {
  const { call, flow } = cell;
  // Batch has accepted the request; only its result is unknown.
  if (call === 'gdprRequestGet') return { outcomes: ['unknown'], done: true, then: 'on', faultyCalls: 1 };
  const endless = !Number.isFinite(faultyCalls);
  if (isSideBySide(cell) && !endless) return eitherOfTwo();
  // Nothing was done, so the next round of a sweep may retry the removal.
  if (flow === 'sweep' && call === 'userItemsRemove' && !endless)
    return { outcomes: [...GOOD, 'failed'], done: 'either', then: 'perhapsOver', faultyCalls };
  return { outcomes: NOT_DONE, done: false, then: 'on', faultyCalls: 1 };
}

/** Returns whether the calls of several apps are sent concurrently, so that either may have the fault. */
function isSideBySide({ flow, call }: Cell): boolean {
  return flow === 'sweep' && call === 'customDataBulkDelete';
}

function eitherOfTwo(): End {
  return { outcomes: [...GOOD, 'failed'], done: 'either', then: 'perhapsOver', faultyCalls: 0 };
}

/**
 * Returns the end of a step whose every response is lost or unreadable. What can be read is reconciled; the rest is
 * unknown.
 */
function alwaysLost({ call }: Cell, nature: Nature, faultyCalls: number, afterGivingUp: End['then']): End {
  const done = nature === 'lostDone' || nature === 'unreadableDone';
  const lost = nature === 'lostDone' || nature === 'lostUndone';
  switch (call) {
    case 'userItemsGet':
      return { outcomes: NOT_DONE, done: false, then: lost ? 'perhapsOver' : afterGivingUp, faultyCalls };
    case 'gdprRequestGet':
      if (Number.isFinite(faultyCalls)) return { outcomes: GOOD, done: true, then: 'on', faultyCalls };
      return { outcomes: ['accepted', 'unknown'], done: true, then: 'perhapsOver', faultyCalls };
    case 'userItemsRemove':
      return done
        ? { outcomes: GOOD, done: true, then: 'on', faultyCalls }
        : { outcomes: ['unknown'], done: false, then: 'perhapsOver', faultyCalls };
    case 'userRemove':
      return done
        ? { outcomes: GOOD, done: true, then: 'on', faultyCalls }
        : { outcomes: ['unknown'], done: false, then: afterGivingUp, faultyCalls };
    case 'gdprRequestCreate':
      // A filing whose response cannot be read is found in the list of requests; a lost one is repeated until the deadline.
      if (nature === 'unreadableDone') return { outcomes: GOOD, done: true, then: 'on', faultyCalls };
      return { outcomes: ['unknown'], done, then: lost ? 'perhapsOver' : afterGivingUp, faultyCalls };
    case 'userProductsTerminate':
    case 'customDataDelete':
    case 'customDataBulkDelete':
      return { outcomes: ['unknown'], done, then: lost ? 'perhapsOver' : afterGivingUp, faultyCalls };
  }
}

/**
 * Returns the outcomes of steps after the deadline. A sweep records one final outcome for all remaining steps of a
 * user, and must not report as not done what may have been sent.
 */
function overOutcomes({ flow }: Cell): readonly string[] {
  return flow === 'sweep' ? ['failed', 'unknown'] : ['failed'];
}

/** A user whose products could not be terminated is not removed, because their billing could then never be ended. */
function withoutOrphans(steps: readonly ExpectedStep[]): ExpectedStep[] {
  const products = steps.find(({ step }) => step === PRODUCTS);
  const open = products?.outcomes.every((outcome) => outcome === 'failed' || outcome === 'unknown') ?? false;
  return steps.map((step) =>
    step.step === USER && open ? { ...step, outcomes: [...step.outcomes, 'skipped'], done: false } : step,
  );
}

function statusesOf({ flow }: Cell, steps: readonly ExpectedStep[]): string[] {
  const good = (outcome: string): boolean => GOOD.includes(outcome);
  const surelyGood = steps.every(({ outcomes }) => outcomes.every(good));
  if (surelyGood) return ['completed'];
  const possiblyGood = steps.every(({ outcomes }) => outcomes.some(good));
  return ['partial', 'failed', ...(flow === 'sweep' ? ['cancelled'] : []), ...(possiblyGood ? ['completed'] : [])];
}

/**
 * Returns the expectation when the data was deleted by others, without receipts in this ledger, and the provider
 * reports that nothing exists.
 */
function whenGoneBefore(cell: Cell, apps: readonly string[]): Expectation {
  const names = stepsOf(cell, apps);
  const absent = (step: string): ExpectedStep => ({ step, outcomes: ['notFound'], done: 'either' });
  const good = (step: string): ExpectedStep => ({ step, outcomes: [...GOOD, 'alreadyGone'], done: true });
  const steps = names.map((step): ExpectedStep => {
    switch (cell.call) {
      case 'userItemsGet':
      case 'userRemove':
        return step.startsWith(BATCH) ? good(step) : absent(step);
      case 'userItemsRemove':
        return step === ITEMS ? { step, outcomes: ['skipped'], done: 'either' } : good(step);
      case 'gdprRequestCreate':
      case 'gdprRequestGet':
        return step.startsWith(BATCH) ? absent(step) : good(step);
      case 'userProductsTerminate':
      case 'customDataDelete':
      case 'customDataBulkDelete':
        return good(step);
    }
  });
  return stoppedAfter(cell, steps);
}

function whenForeign(cell: Cell, apps: readonly string[]): Expectation {
  const steps = stepsOf(cell, apps).map((step): ExpectedStep => {
    // Two entries: the user's own Item is removed, the foreign one is not found.
    return step === ITEMS
      ? { step, outcomes: ['removed', 'notFound'], done: true }
      : { step, outcomes: GOOD, done: true };
  });
  return { ...stoppedAfter(cell, steps, ITEMS), statuses: ['partial'] };
}

/** Applies the policy `stop`: not found is not a success, so the run stops there. */
function stoppedAfter(cell: Cell, steps: readonly ExpectedStep[], at?: string): Expectation {
  const bad = (step: ExpectedStep): boolean =>
    step.step === at || step.outcomes.every((outcome) => outcome === 'notFound');
  const first = steps.findIndex(bad);
  const stops = cell.policy === 'stop' && first !== -1;
  const all = steps.map((step, index): ExpectedStep => (stops && index > first ? afterTheStop(step) : step));
  return { steps: all, statuses: first === -1 ? ['completed'] : ['partial', 'failed'], endsByDeadline: false };
}

/** Returns the expectation of a step that is not started. It may report not found if that is already known. */
function afterTheStop({ step, outcomes }: ExpectedStep): ExpectedStep {
  return { step, outcomes: ['skipped', ...outcomes.filter((outcome) => outcome === 'notFound')], done: 'either' };
}

/** Returns whether a call has an effect. */
export function hasEffect(call: string): boolean {
  return !READS.includes(call);
}
