import type { OpenApiReport, OperationSummary } from '@temporal-http-tasks/openapi/internal/options';
import { bindingLine, keyBindings } from 'temporal-http-tasks/internal/config/service-settings';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { CommonOptions } from '../program/command';
import type { Io } from '../program/io';
import { print, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';

/** An operation in the list. */
export interface ListedOperation extends OperationSummary {
  name: string;
  description: string;
}

/** Prints operations as a table, or as JSON. */
export function printOperations(io: Io, found: readonly ListedOperation[], { json }: CommonOptions): void {
  const rows = found.map(({ name, operation, operationId, summary, method, path, tags }) => ({
    name,
    operation,
    ...(operationId !== undefined && { operationId }),
    summary,
    method,
    path,
    tags,
  }));
  if (json) printJson(io, rows);
  else if (rows.length === 0) say(io, 'No operation matches. Try fewer words, or leave --search out for all.');
  else
    printTable(
      io,
      ['Operation', 'What it does', 'Method', 'Path'],
      rows.map(({ operation, summary, method, path }) => [operation, summary, method, path]),
    );
}

/** Prints the results of the operations. Hundreds of open questions are grouped by what they are about. */
export function printReport(
  io: Io,
  { operations, imported, skipped, decide }: OpenApiReport,
  services: readonly ServiceDefinition[],
): void {
  print(io, `${imported} of ${operations} operations are tasks of ${services.map(({ name }) => name).join(', ')}.`);
  const bindings = keyBindings(io.env, services);
  if (bindings.length > 0)
    print(
      io,
      ['Keys, and the only origin that gets them:', ...bindings.map((binding) => `  ${bindingLine(binding)}`)].join(
        '\n',
      ),
    );
  if (skipped.length > 0)
    printTable(
      io,
      ['Skipped', 'Why'],
      skipped.map(({ operation, why }) => [operation, why]),
    );
  if (decide.length === 0) return;
  print(io, 'To decide, since the document does not say it (--json lists every one):');
  printTable(io, ['What', 'Operations', 'For example'], rowsOf(decide));
}

function rowsOf(decide: OpenApiReport['decide']): string[][] {
  const byKind = new Map<string, { operation: string; what: string }[]>();
  for (const one of decide) {
    const kind = one.what.split(':', 1)[0] ?? '';
    byKind.set(kind, [...(byKind.get(kind) ?? []), one]);
  }
  return [...byKind].map(([kind, all]) => {
    const [first] = all;
    const count = first?.operation === '*' ? 'all' : String(all.length);
    const example = first?.operation === '*' ? '' : `${first?.operation}: `;
    return [kind, count, `${example}${first?.what.slice(kind.length + 2) ?? ''}`];
  });
}
