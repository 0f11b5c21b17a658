import type { RunPage } from '../gateway/wire.js';
import { element, table } from './dom.js';

/** The steps of a run with their evidence, and its first receipts. */
export function stepsView({ steps, note, receipts }: RunPage): HTMLElement {
  const code = (text: string): HTMLElement => element('code', { text });
  const rows = steps.map(({ step, outcome, requestId, token, message = '', items }) => [
    code(step),
    outcome,
    [message, items === undefined ? '' : `${items} ${items === 1 ? 'Item' : 'Items'}`].filter(Boolean).join(' · '),
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

function receiptsOf(receipts: RunPage['receipts']): HTMLElement {
  if (!receipts)
    return element('p', {
      class: 'hint',
      text: "Receipts stand in the worker's ledger, which this gateway does not have (HTTP_TASKS_LEDGER_URL, HTTP_TASKS_SUBJECT_KEY); see the command above.",
    });
  if (receipts.length === 0) return element('p', { class: 'hint', text: 'The ledger has no receipt of it yet.' });
  const rows = receipts.map(({ at, step, subject, outcome = '', requestId, token }) => [
    when(at),
    element('code', { text: step }),
    outcome,
    element('code', { text: requestId ?? token ?? '' }),
    element('code', { text: subject.slice(0, 12) }),
  ]);
  return table(`Receipts, the first ${receipts.length}`, ['At', 'Step', 'Outcome', 'Evidence', 'User'], rows);
}

/** A moment, as the person's own place writes it. */
export function when(iso: string): string {
  return new Date(iso).toLocaleString();
}
