import { BATCH, ITEMS, PRODUCTS, USER, callsOfStep } from './cell';
import type { Observed, Recorded, ReportedStep, Truth } from './observed';
import { hasEffect } from './expect';

/** The step under which a sweep records the final outcome of all remaining steps of a user. */
export const REST = 'offboarding';

/** Reasons of skips that were requested or left nothing to do, which need no line in the compensation log. */
const NEEDS_NO_LINE: readonly string[] = [
  'noItems',
  'noPlaidId',
  'noBatchId',
  'batchMode',
  'dryRun',
  'excluded',
  'needsUserId',
];

/** Irreversible calls, and the reads that show whether they took effect. */
const IRREVERSIBLE: readonly string[] = ['userItemsRemove', 'userRemove'];
const RECONCILING_READS: readonly string[] = ['userItemsGet'];

/** The findings about a user; each list must be empty. */
export interface Findings {
  /** A step has no reported outcome. */
  lost: string[];
  /** Something was deleted that must not have been. */
  wronglyDeleted: string[];
  /** A call was sent that is not in the ledger. */
  unrecorded: string[];
  /** The compensation log contradicts the run or the providers. */
  compensations: string[];
  /** A reported outcome is false. */
  untrue: string[];
}

/**
 * Checks what must hold for every user, whatever faults occurred: each step's outcome is reported and true, nothing was
 * done twice or to other users, and the ledger has an intent and an outcome for each call.
 */
export function findingsOf(observed: Observed, steps: readonly string[], apps: readonly string[]): Findings {
  const { report, truth, problem } = observed;
  const findings: Findings = {
    lost: [],
    wronglyDeleted: [],
    unrecorded: unrecorded(observed),
    compensations: [],
    untrue: [],
  };
  if (truth.irreversibleRepeats > 0)
    findings.wronglyDeleted.push(`${truth.irreversibleRepeats} irreversible effects executed twice`);
  for (const other of truth.othersTouched) findings.wronglyDeleted.push(`${other} was touched`);
  findings.wronglyDeleted.push(...blindRepetitions(truth.calls, IRREVERSIBLE, RECONCILING_READS));
  if (!report) {
    findings.lost.push(problem ?? 'there is no report');
    return findings;
  }
  for (const step of steps) {
    const reported = reportedOn(step, report.steps);
    if (reported.length === 0) findings.lost.push(`no outcome is reported for ${step}`);
    for (const one of reported) findings.untrue.push(...untruths(one, step, truth));
  }
  for (const { step } of report.steps) {
    const known =
      step === REST || step === 'batch' || steps.includes(step) || apps.some((app) => step === `${BATCH}${app}`);
    if (!known) findings.untrue.push(`${step} was not requested`);
  }
  if (report.compensations)
    findings.compensations.push(...compensationFaults(report.status, report.steps, report.compensations, truth));
  return findings;
}

/** Returns the reported outcomes of a step, or the final outcome of all remaining steps. */
export function reportedOn(step: string, reported: readonly ReportedStep[]): ReportedStep[] {
  const own = reported.filter((one) => one.step === step || (one.step === 'batch' && step.startsWith(BATCH)));
  return own.length > 0 ? own : reported.filter((one) => one.step === REST);
}

/** Returns whether a step is done at the provider. */
export function isDone(step: string, truth: Truth): boolean {
  switch (step) {
    case ITEMS:
      return truth.itemsLeft.length === 0 || truth.userRemoved;
    case PRODUCTS:
      return truth.productsTerminated || truth.userRemoved;
    case USER:
      return truth.userRemoved;
    default:
      return truth.batchGone[step.slice(BATCH.length)] ?? false;
  }
}

function untruths({ outcome, reason }: ReportedStep, step: string, truth: Truth): string[] {
  const claim = `${step} is reported as ${outcome}${reason === undefined ? '' : ` (${reason})`}`;
  const carriedOut = effectsOf(step, truth).filter(({ processed }) => processed).length;
  switch (outcome) {
    case 'removed':
    case 'accepted':
    case 'alreadyGone':
      return isDone(step, truth) || (step === ITEMS && truth.itemsRemoved.length > 0)
        ? []
        : [`${claim}, but it still exists`];
    case 'notFound':
      // Items that are not found say nothing about those that were, and Batch accepts requests about unknown users.
      return carriedOut > 0 && step !== ITEMS && !step.startsWith(BATCH)
        ? [`${claim}, but ${carriedOut} calls for it were executed`]
        : [];
    case 'failed':
    case 'skipped':
    case 'held':
      return carriedOut > 0 ? [`${claim}, but ${carriedOut} calls for it were executed`] : [];
    case 'unknown':
      return truth.refusals > 0 || truth.calls.some(({ fault, status }) => fault !== undefined || status === null)
        ? []
        : [`${claim}, but every call got a response`];
    default:
      return [`${claim}, which is not an outcome`];
  }
}

/** Returns the calls that may have changed something for a step. */
function effectsOf(step: string, truth: Truth): Truth['calls'] {
  const app = step.startsWith(BATCH) ? step.slice(BATCH.length) : undefined;
  return truth.calls.filter(
    (call) => callsOfStep(step).includes(call.endpoint) && hasEffect(call.endpoint) && call.app === app,
  );
}

/**
 * Returns irreversible calls that were sent again, without a read in between, after a call in doubt: calls to one
 * endpoint about one item, or about the user where they name none.
 *
 * @param reads The calls that show whether one took effect.
 */
export function blindRepetitions(
  calls: Truth['calls'],
  irreversible: readonly string[],
  reads: readonly string[],
): string[] {
  const open = new Set<string>();
  const blind: string[] = [];
  for (const { endpoint, items = [''], status, fault } of calls) {
    if (reads.includes(endpoint)) open.clear();
    if (!irreversible.includes(endpoint)) continue;
    const about = items.map((item) => `${endpoint} ${item}`);
    if (about.some((one) => open.has(one)))
      blind.push(`${endpoint} was sent again after a lost response without a read in between`);
    const saysNothingWasDone = status !== null && ((status >= 400 && status < 500) || fault === 'maintenance');
    for (const one of about) {
      if (saysNothingWasDone) open.delete(one);
      else open.add(one);
    }
  }
  return blind;
}

function compensationFaults(
  status: string,
  steps: readonly ReportedStep[],
  log: readonly { step: string; outcome: string }[],
  truth: Truth,
): string[] {
  if (status === 'completed')
    return log.length === 0 ? [] : [`a completed run has ${log.length} lines of compensation`];
  const due = steps.filter(({ outcome, reason }) => outcome !== 'skipped' || !NEEDS_NO_LINE.includes(reason ?? ''));
  const missing = due.filter(
    ({ step, outcome }) => !log.some((line) => line.step === step && line.outcome === outcome),
  );
  const falseClaims = log.flatMap((line) => untruths(line, line.step, truth));
  return [
    ...missing.map(({ step, outcome }) => `the compensation log has no line for ${step} ${outcome}`),
    ...(log.length === due.length ? [] : [`the compensation log has ${log.length} lines for ${due.length} steps`]),
    ...falseClaims.map((claim) => `the compensation log: ${claim}`),
  ];
}

/** Returns the calls that may have changed something and lack an intent or an outcome in the ledger. */
function unrecorded({ truth, receipts }: Observed): string[] {
  const effects = truth.calls.filter(({ endpoint }) => hasEffect(endpoint));
  return unrecordedCalls(effects, receipts, (step, endpoint, app) =>
    step.startsWith(BATCH) ? step === `${BATCH}${app}` : callsOfStep(step).includes(endpoint),
  );
}

/**
 * Returns what the ledger lacks: outcomes of intents, and intents of calls. A sweep records the intents of many users in
 * one statement, outside the receipts; its receipt is the step's final outcome.
 *
 * @param effects The calls that may have changed something.
 * @param isOf Whether a call belongs to a step.
 */
export function unrecordedCalls(
  effects: Truth['calls'],
  receipts: readonly Recorded[],
  isOf: (step: string, endpoint: string, app: string | undefined) => boolean,
): string[] {
  const findings = receipts
    .filter(isIntent)
    .filter((intent) => !receipts.some((receipt) => isOutcomeOf(receipt, intent)))
    .map(({ step, attempt }) => `attempt ${attempt} of ${step} has an intent and no outcome`);
  for (const [key, sent] of Object.entries(groupBy(effects, ({ endpoint, app = '' }) => `${endpoint} ${app}`.trim()))) {
    const [endpoint = '', app] = key.split(' ');
    const own = receipts.filter(
      ({ task, keySlot }) => task.endsWith(`.${endpoint}`) && (app === undefined || keySlot === app),
    );
    const intents = own.filter(isIntent).length;
    const ofSweep = receipts.every(({ activityId }) => activityId === '');
    const isSettled = receipts.some(
      ({ step, phase }) => phase === 'settled' && (step === REST || isOf(step, endpoint, app)),
    );
    if (ofSweep ? !isSettled : intents < sent.length)
      findings.push(
        `${sent.length} calls of ${key} were sent, and the ledger has ${ofSweep ? 'no receipt' : `${intents} intents`}`,
      );
  }
  return findings;
}

function isIntent({ phase }: Recorded): boolean {
  return phase === 'intent';
}

function isOutcomeOf(receipt: Recorded, intent: Recorded): boolean {
  return receipt.phase === 'outcome' && receipt.activityId === intent.activityId && receipt.attempt === intent.attempt;
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Record<string, T[]> {
  const groups: Record<string, T[]> = {};
  for (const value of values) (groups[keyOf(value)] ??= []).push(value);
  return groups;
}
