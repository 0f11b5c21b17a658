import type { RunLine } from '../gateway/wire.js';
import { element } from './dom.js';
import type { Child } from './dom.js';
import { inWords } from './words.js';

const WAITING = 'waiting for bulk calls';
const PHASES: Readonly<Record<string, string>> = {
  reading: 'reading the source',
  users: 'offboarding users',
  bulk: 'making bulk calls',
  waiting: 'waiting to retry',
  closing: 'sealing the receipts',
};
const GOOD = new Set(['removed', 'alreadyGone', 'accepted', 'skipped', 'held']);

/** Outcomes that leave data of a user at a provider, or may. */
const BAD = ['failed', 'unknown', 'notFound'] as const;

/** Returns the progress of a run in a few words; empty if unknown. */
export function progressText({ progress }: RunLine): string {
  if (progress?.total === undefined) return '';
  const bad = BAD.reduce((sum, outcome) => sum + (progress.counts[outcome] ?? 0), 0);
  return [
    `${doneOf(progress).toLocaleString('en')} of ${progress.total.toLocaleString('en')} users`,
    ...(bad > 0 ? [`${bad.toLocaleString('en')} need${bad === 1 ? 's' : ''} attention`] : []),
    ...(progress.dryRun ? ['dry run'] : []),
  ].join(', ');
}

/** Shows the progress of a run: a bar, the phase, the outcomes, and who approved it. */
export function progressView({ progress }: RunLine): Child {
  if (!progress) return undefined;
  const { total, counts, phase, pausedBecause, approvedBy, waitingForBulk = 0 } = progress;
  const pending = Math.max(0, (counts['pending'] ?? 0) - waitingForBulk);
  const shown = Object.entries({ ...counts, pending, [WAITING]: waitingForBulk }).filter(([, number]) => number > 0);
  const words = shown.map(([name, number]) =>
    element('li', {
      class: name === 'pending' || name === WAITING || GOOD.has(name) ? '' : 'bad',
      text: `${number.toLocaleString('en')} ${inWords(name).toLowerCase()}`,
    }),
  );
  const done = doneOf(progress);
  return element(
    'div',
    {},
    total !== undefined &&
      element('progress', {
        attributes: { max: String(Math.max(total, 1)), value: String(done), 'aria-label': `${done} of ${total} users` },
      }),
    total !== undefined &&
      element('p', {
        class: 'hint',
        text: `${done.toLocaleString('en')} of ${total.toLocaleString('en')} users${phase === undefined ? '' : ` · ${PHASES[phase] ?? inWords(phase).toLowerCase()}`}${pausedBecause === undefined ? '' : ` · paused: ${inWords(pausedBecause).toLowerCase()}`}`,
      }),
    element('ul', { class: 'counts' }, ...words),
    // The approver's name can be any text.
    approvedBy !== undefined &&
      element('p', { class: 'hint' }, 'Approved by ', element('bdi', { text: approvedBy }), ' (not verified)'),
  );
}

function doneOf({ total = 0, counts }: NonNullable<RunLine['progress']>): number {
  return total - (counts['pending'] ?? 0);
}
