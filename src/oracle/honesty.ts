import { BATCH, ITEMS, PRODUCTS, USER, callsOfStep } from './cell';
import type { Observed, Recorded, ReportedStep, Truth } from './observed';
import { hasEffect } from './expect';

/** The last word of a sweep on all that is left of a user. */
const REST = 'offboarding';

/** Skips that somebody chose or that leave nothing to do: they need no line in the compensation log. */
const NEEDS_NO_LINE: readonly string[] = [
  'noItems',
  'noPlaidId',
  'noBatchId',
  'batchMode',
  'dryRun',
  'excluded',
  'needsUserId',
];

/** Effects that cannot be had back, and the calls that show whether they came to pass. */
const IRREVERSIBLE: readonly string[] = ['userItemsRemove', 'userRemove'];
const LOOKS: readonly string[] = ['userItemsGet'];

/** What is wrong with a user, by the numbers that have to be zero. */
export interface Findings {
  /** Nobody says what became of the user. */
  lost: string[];
  /** Something was done that nobody may have done. */
  wronglyDeleted: string[];
  /** A call went out of which the ledger does not know. */
  unrecorded: string[];
  /** The compensation log says something else than the run or the providers. */
  compensations: string[];
  /** What is reported is not so. */
  untrue: string[];
}

/**
 * What must hold for every user, whatever happened on the way: it is reported what became of each step, the report is
 * true, nothing was done twice or to anybody else, and the ledger has an intent and an outcome for each call.
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
    findings.wronglyDeleted.push(`${truth.irreversibleRepeats} irreversible effects carried out twice`);
  for (const other of truth.othersTouched) findings.wronglyDeleted.push(`${other} was touched`);
  findings.wronglyDeleted.push(...blindRepetitions(truth.calls));
  if (!report) {
    findings.lost.push(problem ?? 'there is no report');
    return findings;
  }
  for (const step of steps) {
    const words = wordsOn(step, report.steps);
    if (words.length === 0) findings.lost.push(`nothing is said of ${step}`);
    for (const word of words) findings.untrue.push(...untruths(word, step, truth));
  }
  for (const { step } of report.steps) {
    const known =
      step === REST || step === 'batch' || steps.includes(step) || apps.some((app) => step === `${BATCH}${app}`);
    if (!known) findings.untrue.push(`${step} was not asked for`);
  }
  if (report.compensations)
    findings.compensations.push(...compensationFaults(report.status, report.steps, report.compensations, truth));
  return findings;
}

/** What is said of a step: its own words, or the last word on the rest. */
export function wordsOn(step: string, reported: readonly ReportedStep[]): ReportedStep[] {
  const own = reported.filter((one) => one.step === step || (one.step === 'batch' && step.startsWith(BATCH)));
  return own.length > 0 ? own : reported.filter((one) => one.step === REST);
}

/** Whether a step is done at the provider. */
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
  const said = `${step} is said to be ${outcome}${reason === undefined ? '' : ` (${reason})`}`;
  const carriedOut = effectsOf(step, truth).filter(({ processed }) => processed).length;
  switch (outcome) {
    case 'removed':
    case 'accepted':
    case 'alreadyGone':
      return isDone(step, truth) || (step === ITEMS && truth.itemsRemoved.length > 0)
        ? []
        : [`${said}, and it is still there`];
    case 'notFound':
      // Items that are not found say nothing of those that were; and Batch takes a request about somebody it does not know.
      return carriedOut > 0 && step !== ITEMS && !step.startsWith(BATCH)
        ? [`${said}, and ${carriedOut} calls for it were carried out`]
        : [];
    case 'failed':
    case 'skipped':
    case 'held':
      return carriedOut > 0 ? [`${said}, and ${carriedOut} calls for it were carried out`] : [];
    case 'unknown':
      return truth.refusals > 0 || truth.calls.some(({ fault, status }) => fault !== undefined || status === null)
        ? []
        : [`${said}, and every call was answered`];
    default:
      return [`${said}, which is no outcome`];
  }
}

/** The calls that may have changed something for a step. */
function effectsOf(step: string, truth: Truth): Truth['calls'] {
  const app = step.startsWith(BATCH) ? step.slice(BATCH.length) : undefined;
  return truth.calls.filter(
    (call) => callsOfStep(step).includes(call.endpoint) && hasEffect(call.endpoint) && call.app === app,
  );
}

/** What cannot be undone, sent again after an answer that nobody could understand, without a look in between. */
function blindRepetitions(calls: Truth['calls']): string[] {
  const open = new Set<string>();
  const blind: string[] = [];
  for (const { endpoint, status, fault } of calls) {
    if (LOOKS.includes(endpoint)) open.clear();
    if (!IRREVERSIBLE.includes(endpoint)) continue;
    if (open.has(endpoint)) blind.push(`${endpoint} was sent again without a look after a lost answer`);
    const saysNothingWasDone = status !== null && ((status >= 400 && status < 500) || fault === 'maintenance');
    if (saysNothingWasDone) open.delete(endpoint);
    else open.add(endpoint);
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
  const lies = log.flatMap((line) => untruths(line, line.step, truth));
  return [
    ...missing.map(({ step, outcome }) => `the compensation log has no line for ${step} ${outcome}`),
    ...(log.length === due.length ? [] : [`the compensation log has ${log.length} lines for ${due.length} steps`]),
    ...lies.map((lie) => `the compensation log: ${lie}`),
  ];
}

/** Every call that may have changed something has an intent and an outcome in the ledger. */
function unrecorded({ truth, receipts }: Observed): string[] {
  const findings = receipts
    .filter(isIntent)
    .filter((intent) => !receipts.some((receipt) => answers(receipt, intent)))
    .map(({ step, attempt }) => `attempt ${attempt} of ${step} has an intent and no outcome`);
  const effects = truth.calls.filter(({ endpoint }) => hasEffect(endpoint));
  for (const [key, sent] of Object.entries(groupBy(effects, ({ endpoint, app = '' }) => `${endpoint} ${app}`.trim()))) {
    const [endpoint = '', app] = key.split(' ');
    const own = receipts.filter(
      ({ task, keySlot }) => task.endsWith(`.${endpoint}`) && (app === undefined || keySlot === app),
    );
    const intents = own.filter(isIntent).length;
    // A sweep writes the intents of many users at once, beside the receipts; its receipt is the last word on the step.
    const ofSweep = receipts.every(({ activityId }) => activityId === '');
    if (ofSweep ? !isSpokenOf(endpoint, app, receipts) : intents < sent.length)
      findings.push(
        `${sent.length} calls of ${key} were sent, and the ledger has ${ofSweep ? 'no receipt' : `${intents} intents`}`,
      );
  }
  return findings;
}

function isSpokenOf(endpoint: string, app: string | undefined, receipts: readonly Recorded[]): boolean {
  return receipts.some(
    ({ step, phase }) =>
      phase === 'settled' &&
      (step === REST || (step.startsWith(BATCH) ? step === `${BATCH}${app}` : callsOfStep(step).includes(endpoint))),
  );
}

function isIntent({ phase }: Recorded): boolean {
  return phase === 'intent';
}

function answers(receipt: Recorded, intent: Recorded): boolean {
  return receipt.phase === 'outcome' && receipt.activityId === intent.activityId && receipt.attempt === intent.attempt;
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Record<string, T[]> {
  const groups: Record<string, T[]> = {};
  for (const value of values) (groups[keyOf(value)] ??= []).push(value);
  return groups;
}
