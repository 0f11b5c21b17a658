import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { inWords } from '../terminal/for-people';
import type { Io } from '../program/io';
import { paint, print, printable, printLines, say } from '../terminal/output';
import { printTable } from '../terminal/table';

const PAUSE_MS = 500;

/** Prints each step that ended, until the signal aborts. A worker that is down for a while only delays it. */
export async function followProgress(io: Io, handle: WorkflowHandle, ended: AbortSignal): Promise<void> {
  let told = 0;
  while (!ended.aborted) {
    try {
      const { steps } = await handle.query<Pick<OffboardResult, 'steps'>>('progress');
      // The end itself is printed as a table; a line that comes after it would only confuse.
      if (ended.aborted) return;
      for (const step of steps.slice(told)) say(io, `  ${printable(stepText(step))}`);
      told = Math.max(told, steps.length);
    } catch {
      // Not begun yet, or no worker at the moment: the run itself is what is waited for.
    }
    await delay(PAUSE_MS, undefined, { signal: ended }).catch(() => undefined);
  }
}

function stepText({ step, outcome, reason }: StepResult): string {
  return `${step}: ${outcome}${reason === undefined ? '' : ` (${reason})`}`;
}

/** Prints how an offboarding ended: a row for each step, then what needs attention. */
export function printOffboarding(io: Io, result: OffboardResult): void {
  printTable(
    io,
    ['Step', 'Outcome', 'Evidence'],
    result.steps.map((step) => [step.step, outcomeText(io, step), evidenceText(step)]),
  );
  print(io, `Status: ${paint(io, result.status === 'completed' ? 'green' : 'yellow', inWords(result.status))}`);
  if (result.compensations.length > 0) printLines(io, '\nCompensation log');
  for (const { step, outcome, remedy, evidence } of result.compensations) {
    print(io, printable(`  ${step}, ${inWords(outcome)}: ${remedy}${evidence === '' ? '' : ` [${evidence}]`}`));
  }
  const { compensationTask } = result;
  if (compensationTask)
    print(
      io,
      printable(
        `  ${compensationTask.task}: ${compensationTask.ok ? 'done' : `failed, ${compensationTask.failure?.message ?? ''}`}`,
      ),
    );
  say(io, `Receipts: http-tasks receipts ${result.workflowId}`);
}

function outcomeText(io: Io, { outcome, reason }: StepResult): string {
  return paint(io, colourOf(outcome), inWords(outcome)) + (reason === undefined ? '' : ` (${inWords(reason)})`);
}

function colourOf(outcome: Outcome): 'green' | 'red' | 'yellow' {
  if (isGood(outcome)) return 'green';
  return outcome === 'failed' || outcome === 'unknown' ? 'red' : 'yellow';
}

function evidenceText({ requestId, token, items, itemIds, failure }: StepResult): string {
  const lines = [
    requestId === undefined ? '' : `request_id=${requestId}`,
    token === undefined ? '' : `token=${token}`,
    items === undefined ? '' : `items=${items}`,
    itemIds === undefined ? '' : `not the user's: ${itemIds.join(', ')}`,
    failure === undefined ? '' : `${failure.type}${failure.code === undefined ? '' : ` ${failure.code}`}`,
  ];
  return lines.filter(Boolean).join('\n');
}
