import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { Io } from './io';
import { printable, say } from './output';

const PAUSE_MS = 500;

/** Tells each step that ended, until the signal comes. A worker that is down for a while only delays it. */
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
