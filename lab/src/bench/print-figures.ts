import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import { paint } from '@temporal-http-tasks/cli/internal/terminal/output';
import { printTable } from '@temporal-http-tasks/cli/internal/terminal/table';
import type { Figure, Figures } from './figures';

/** Prints figures with their limits and descriptions. */
export function printFigureTable(io: Io, figures: Figures, words: Readonly<Record<string, string>>): void {
  const rows = Object.entries(figures).map(([name, one]) => [
    name,
    words[name] ?? '',
    `${one.value} ${one.unit}`,
    limitText(one),
    verdictText(io, one),
  ]);
  printTable(io, ['Figure', 'What', 'Value', 'Limit', ''], rows);
}

function limitText(one: Figure): string {
  return 'atMost' in one ? `≤ ${one.atMost}` : `≥ ${one.atLeast}`;
}

function verdictText(io: Io, { ok }: Figure): string {
  return ok ? paint(io, 'green', 'ok') : paint(io, 'red', 'not ok');
}
