import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { CompensationLine, OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { Outcome, RunStatus } from 'temporal-http-tasks/internal/policy/outcome';
import { inWords } from '../for-people';
import type { Io } from '../io';
import { paint, print, printable, printLines } from '../output';
import { printTable } from '../table';
import type { FaultSummary } from './provider-state';
import type { RunOfUser } from './problem';

const MAX_WIDTH = 100;
const FAULT_WIDTHS = [31, 10, 55];

/** Prints what became of every user at every step. */
export function printOutcomes(io: Io, runs: readonly RunOfUser[]): void {
  heading(io, 'Outcome of each user');
  const rows = runs.map(({ member, result }) => [
    member.label,
    statusText(io, result?.status),
    cell(io, result, (step) => step === 'plaid.items'),
    cell(io, result, (step) => step === 'plaid.products'),
    cell(io, result, (step) => step === 'plaid.user'),
    cell(io, result, (step) => step.startsWith('batch')),
    cell(io, result, (step) => step.startsWith('courier.')),
  ]);
  printTable(io, ['User', 'Status', 'Items', 'Products', 'Plaid user', 'Batch', 'Courier'], rows);
}

/** Prints, for every run that did not complete, what is done for good, what is not done, and what a person can do. */
export function printCompensations(io: Io, runs: readonly RunOfUser[]): void {
  const unfinished = runs.flatMap(({ member, result }) =>
    result && result.compensations.length > 0 ? [{ member, result }] : [],
  );
  if (unfinished.length === 0) return;
  heading(io, 'Compensation log of the runs that could not finish');
  for (const [index, { member, result }] of unfinished.entries()) {
    if (index > 0) print(io, '');
    print(io, `${printable(member.label)}: ${statusText(io, result.status)}`);
    for (const [first, ...others] of groups(result.compensations)) {
      if (!first) continue;
      const steps = [first, ...others].map(({ step }) => step).join(', ');
      const evidence = [first, ...others].map((line) => line.evidence).filter(Boolean);
      printLines(io, wrapped(`${steps}: ${inWords(first.outcome)}. ${first.remedy}`));
      for (const text of evidence) print(io, paint(io, 'dim', `    ${text}`));
    }
  }
}

/** Prints which faults happened to which calls. */
export function printFaults(io: Io, faults: readonly FaultSummary[]): void {
  heading(io, `Faults that the simulators made: ${sumOf(faults, 'fired')} of ${sumOf(faults, 'planned')}`);
  const endpoints = [...new Set(faults.map(({ endpoint }) => endpoint))];
  const rows = endpoints.map((endpoint) => {
    const own = faults.filter((fault) => fault.endpoint === endpoint);
    const kinds = own.map(({ kind, fired }) => (fired === 1 ? kind : `${kind} ×${fired}`)).join(', ');
    return [`${own[0]?.provider}.${endpoint}`, `${sumOf(own, 'fired')} of ${sumOf(own, 'planned')}`, kinds];
  });
  printTable(io, ['Call', 'Fired', 'Kinds'], rows, FAULT_WIDTHS);
}

function sumOf(faults: readonly FaultSummary[], figure: 'planned' | 'fired'): number {
  return faults.reduce((sum, fault) => sum + fault[figure], 0);
}

/** Prints a title below an empty line. */
export function heading(io: Io, title: string): void {
  printLines(io, `\n${paint(io, 'bold', title)}`);
}

function statusText(io: Io, status: RunStatus | undefined): string {
  if (status === undefined) return paint(io, 'red', 'no result');
  return paint(io, status === 'completed' ? 'green' : 'yellow', status);
}

/** All results of one step, or of one step for each app; equal ones are shown once. */
function cell(io: Io, result: OffboardResult | undefined, isStep: (name: string) => boolean): string {
  const texts = (result?.steps ?? []).filter(({ step }) => isStep(step)).map((step) => outcomeText(io, step));
  return [...new Set(texts)].join('\n');
}

function outcomeText(io: Io, { outcome, items, reason }: StepResult): string {
  if (outcome === 'skipped') return paint(io, 'dim', `– ${inWords(reason ?? outcome)}`);
  return paint(io, colourOf(outcome), items === undefined ? inWords(outcome) : `${inWords(outcome)} ×${items}`);
}

function colourOf(outcome: Outcome): 'green' | 'red' | 'yellow' {
  if (isGood(outcome)) return 'green';
  return outcome === 'failed' || outcome === 'unknown' ? 'red' : 'yellow';
}

/** Lines that say the same about several steps, together. */
function groups(lines: readonly CompensationLine[]): CompensationLine[][] {
  const byText = new Map<string, CompensationLine[]>();
  for (const line of lines) {
    const key = `${line.outcome} ${line.remedy}`;
    byText.set(key, [...(byText.get(key) ?? []), line]);
  }
  return [...byText.values()];
}

/** Broken at blanks and set in by two. */
function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= MAX_WIDTH - 4)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, index) => `${index === 0 ? '  ' : '    '}${line}`).join('\n');
}
