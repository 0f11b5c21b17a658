import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { Duration } from '@temporalio/common';
import type { HttpTask, TaskInput, TaskOutput } from '../tasks/define';
import { effectOf } from '../tasks/effect';
import { httpTask } from './http-task';
import type { HttpTaskOptions } from './http-task';
import { invalidInput } from './parse-workflow-input';

/** Until when, and how often, a task is called. */
export interface PollHttpTaskOptions<T extends HttpTask> {
  /** Whether this output ends the polling. It runs in the workflow, so it must be deterministic. */
  until: (output: TaskOutput<T>) => boolean;
  /** Time between two calls, kept by the Temporal server. */
  every: Duration;
  /** Maximum number of calls; each is in the run's history. */
  maxCalls: number;
  activity?: HttpTaskOptions;
}

const MOST_CALLS = 1_000;

/**
 * Calls a task that reads until its output satisfies `until`, with a durable timer between two calls.
 *
 * @throws ApplicationFailure `Task.InvalidInput` when the task does more than read; `HttpPoll.NotYet`, final, when the
 *   output of the last call does not satisfy `until` either.
 * @throws ActivityFailure whose cause has a `Task.*` type; see `taskFailureOf`.
 */
export async function pollHttpTask<T extends HttpTask>(
  task: T,
  input: TaskInput<T>,
  { until, every, maxCalls, activity }: PollHttpTaskOptions<T>,
): Promise<TaskOutput<T>> {
  if (effectOf(task, input) !== 'read')
    throw invalidInput(`${task.name} would be called repeatedly, so it must be a read.`, 'task');
  if (!(maxCalls >= 1 && maxCalls <= MOST_CALLS))
    throw invalidInput(`maxCalls must be from 1 to ${MOST_CALLS}.`, 'maxCalls');
  const ask = httpTask(task, activity);
  for (let call = 1; call <= maxCalls; call += 1) {
    if (call > 1) await sleep(every);
    const output = await ask(input);
    if (until(output)) return output;
  }
  throw ApplicationFailure.nonRetryable(
    `${task.name} was called ${maxCalls} times, and no output satisfied until.`,
    'HttpPoll.NotYet',
  );
}
