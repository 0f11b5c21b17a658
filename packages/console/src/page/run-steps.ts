import type { RunPage, WireFailure } from '../gateway/wire.js';
import { element, table } from './dom.js';
import { inWords } from './words.js';

/** Shows the steps of a run with their evidence, and its latest receipts. */
export function stepsView({ steps, note, receipts }: RunPage): HTMLElement {
  const code = (text: string): HTMLElement => element('code', { text });
  const rows = steps.map(({ step, outcome, requestId, token, message = '', items }) => [
    code(step),
    inWords(outcome),
    [inWords(message), items === undefined ? '' : `${items} ${items === 1 ? 'Item' : 'Items'}`]
      .filter(Boolean)
      .join(' · '),
    code(requestId ?? token ?? ''),
  ]);
  return element(
    'div',
    {},
    note !== undefined && element('p', { class: 'warning', text: note }),
    rows.length > 0 && table('Steps', ['Step', 'Outcome', 'Detail', 'Evidence'], rows),
    receiptsOf(receipts),
  );
}

/** Number of receipts that the gateway sends at most. */
const MOST_RECEIPTS = 100;

function receiptsOf(receipts: RunPage['receipts']): HTMLElement {
  if (!receipts)
    return element('p', {
      class: 'hint',
      text: "Receipts are in the worker's ledger, which this gateway cannot read: HTTP_TASKS_LEDGER_URL and HTTP_TASKS_SUBJECT_KEY are not set for it.",
    });
  if (receipts.length === 0) return element('p', { class: 'hint', text: 'No receipts yet.' });
  const rows = receipts.map(({ at, step, subject, outcome = '', requestId, token }) => [
    element('time', { text: when(at, 'medium'), attributes: { datetime: at } }),
    element('code', { text: step }),
    inWords(outcome),
    element('code', { text: requestId ?? token ?? '' }),
    element('code', { text: subject.slice(0, 12) }),
  ]);
  const shown = table(
    receipts.length < MOST_RECEIPTS ? 'Receipts' : `First ${MOST_RECEIPTS} receipts`,
    ['At', 'Step', 'Outcome', 'Evidence', 'User'],
    rows,
  );
  shown.classList.add('long');
  return shown;
}

/** Shows the steps of a sweep that need attention, each with its remedy. */
export function failedView({ failed = [], moreFailed = false, workflowId }: RunPage): HTMLElement | undefined {
  if (failed.length === 0) return undefined;
  const code = (text: string): HTMLElement => element('code', { text });
  const rows = failed.map(
    ({ user, reference = '', line, step, account, outcome, code: cause = '', requestId = '', whatToDo }) => [
      user.toLocaleString('en'),
      reference,
      line?.toLocaleString('en') ?? '',
      code(account === undefined ? step : `${step} (${account})`),
      inWords(outcome),
      code(cause),
      code(requestId),
      whatToDo,
    ],
  );
  const columns = ['User', 'Reference', 'Line', 'Step', 'Outcome', 'Code', 'Request ID', 'What to do'];
  // Not every source has references, and a query has no lines.
  const isUsed = (_: unknown, column: number): boolean => rows.some((row) => row[column] !== '');
  return element(
    'div',
    { class: 'attention' },
    table(
      moreFailed ? `Needs attention: first ${failed.length} steps` : 'Needs attention',
      columns.filter(isUsed),
      rows.map((row) => row.filter(isUsed)),
    ),
    moreFailed &&
      element(
        'p',
        { class: 'hint' },
        'All of them: ',
        code(`http-tasks sweep results ${workflowId} --failed --out failed.csv`),
      ),
  );
}

/** Shows why a run or call failed. */
export function failureView({ type, message, code }: WireFailure): HTMLElement {
  return element(
    'p',
    { class: 'warning' },
    element('b', { text: type }),
    code === undefined ? '' : ` ${code}`,
    `: ${message}`,
  );
}

/** Returns a moment in the browser's locale and time zone; to the second with `medium`. */
export function when(iso: string, timeStyle: 'short' | 'medium' = 'short'): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle });
}

/** Returns how long ago a moment was, in words. */
export function ago(iso: string): string {
  const seconds = (Date.parse(iso) - Date.now()) / 1_000;
  const [unit, size] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? ['second', 1];
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(seconds / size), unit);
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
