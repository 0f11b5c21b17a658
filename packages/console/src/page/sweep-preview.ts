import type { SweepPreview } from '../gateway/wire-operations.js';
import { element, table } from './dom.js';
import type { Child } from './dom.js';
import { facts } from './page-parts.js';

/** Shows what a sweep would read, and what it would delete where. */
export function previewView({
  source,
  file,
  environment,
  production,
  unknownBecause,
  removals,
  ...queue
}: SweepPreview): HTMLElement {
  const where = element('span', { class: `mark ${production ? 'production' : 'plain'}`, text: environment });
  return element(
    'div',
    {},
    element('h3', { text: 'What would be deleted where' }),
    facts([
      ['Environment', where],
      ['Not known', unknownBecause],
      ...removals.map(([provider, what]) => [provider, what] as const),
      ['Task queue', `${queue.taskQueue}, namespace ${queue.namespace}`],
    ]),
    ...(file
      ? fileView(file)
      : [element('p', { text: `The worker reads ${source}; the dry run shows how many users it has.` })]),
  );
}

function fileView({
  users,
  rejected,
  rejectedRows,
  columns,
  warnings,
  first,
  refused,
}: NonNullable<SweepPreview['file']>): Child[] {
  const code = (text: string): HTMLElement => element('code', { text });
  const ids = [...new Set(first.flatMap((row) => Object.keys(row.ids)))];
  const hasReferences = first.some(({ reference }) => reference !== undefined);
  const rows = first.map((row) => [
    String(row.line),
    ...(hasReferences ? [row.reference ?? ''] : []),
    ...(hasAccounts(first) ? [row.account ?? ''] : []),
    ...ids.map((id) => code(row.ids[id] ?? '')),
  ]);
  return [
    element('h3', { text: 'Users in the file' }),
    refused && element('p', { class: 'warning', text: refused.message, attributes: { role: 'alert' } }),
    facts([
      ['Rows', `${counted(users)}, ${rejected.toLocaleString('en')} rejected`],
      ['Columns used', columns && code(columns.used.join(', '))],
      ['Columns ignored', columns && (columns.ignored.length === 0 ? 'none' : code(columns.ignored.join(', ')))],
    ]),
    ...warnings.map((text) => element('p', { class: 'warning', text })),
    rejectedRows.length > 0 &&
      table(
        rejected > rejectedRows.length ? `First ${rejectedRows.length} rejected rows` : 'Rejected rows',
        ['Line', 'Problem'],
        rejectedRows.map(({ line, problem }) => [String(line), problem]),
      ),
    rows.length > 0 &&
      table(
        rows.length < users ? `First ${rows.length} rows` : 'Rows',
        ['Line', ...(hasReferences ? ['Reference'] : []), ...(hasAccounts(first) ? ['Account'] : []), ...ids],
        rows,
      ),
  ];
}

function hasAccounts(rows: NonNullable<SweepPreview['file']>['first']): boolean {
  return rows.some(({ account }) => account !== undefined);
}

/** A number of users, in words. */
export function counted(users: number): string {
  return `${users.toLocaleString('en')} ${users === 1 ? 'user' : 'users'}`;
}
