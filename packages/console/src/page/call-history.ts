import { element, table } from './dom.js';
import type { Child } from './dom.js';

/** A call of this session. It has no input and no response: both may contain secrets and personal data. */
export interface PastCall {
  task: string;
  /** The call itself, or a workflow that makes it. */
  how: 'Test request' | 'Workflow';
  at: Date;
  ok: boolean;
  /** The status of the response, or why there is none. */
  result: string;
  environment?: string | undefined;
  timeMs?: number | undefined;
  requestId?: string | undefined;
  /** The run that made the call. */
  workflowId?: string | undefined;
}

const MOST_KEPT = 200;

/** In this page's memory only: gone when it is reloaded or closed. */
const calls: PastCall[] = [];

/** Records a call that ended. */
export function recordCall(call: PastCall): void {
  calls.unshift(call);
  calls.length = Math.min(calls.length, MOST_KEPT);
}

/** Shows the calls of this session, newest first; nothing if there are none. */
export function historyView(): Child {
  if (calls.length === 0) return undefined;
  const rows = calls.map(({ task, how, at, ok, result, environment = '', timeMs, requestId, workflowId }): Child[] => [
    element('time', { text: at.toLocaleTimeString(), attributes: { datetime: at.toISOString() } }),
    element('a', { attributes: { href: `#/tasks/${encodeURIComponent(task)}` } }, element('code', { text: task })),
    how,
    element('span', { class: `mark ${ok ? 'good' : 'bad'}`, text: result }),
    environment,
    timeMs === undefined ? '' : `${timeMs.toLocaleString('en')} ms`,
    element('code', { text: requestId ?? workflowId ?? '' }),
  ]);
  return element(
    'section',
    { class: 'history' },
    table(
      'Calls of this session, without inputs and responses',
      ['At', 'Task', 'How', 'Result', 'Environment', 'Time', 'Request ID or run'],
      rows,
    ),
  );
}
