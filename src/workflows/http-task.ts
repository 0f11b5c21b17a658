import type { Duration } from '@temporalio/common';
import { proxyActivities, ApplicationFailure, sleep } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import { nextPage } from '../policy/next-page';
import type { Paging } from '../policy/next-page';
import type { HttpTask, TaskInput, TaskOutput } from '../tasks/define';
import { effectOf, effectOfHttpRequest } from '../tasks/effect';
import { httpRequest } from '../tasks/http-request';
import { callAndSettle, TASK_ACTIVITY_OPTIONS } from './call-activity';
import { parseWorkflowInput, invalidInput } from './parse-workflow-input';

/**
 * Options that a caller may set for a task's activity. Which failures are final is not among them: the activity decides
 * it.
 */
export type HttpTaskOptions = Pick<
  ActivityOptions,
  'taskQueue' | 'scheduleToCloseTimeout' | 'startToCloseTimeout' | 'summary' | 'activityId' | 'priority'
>;

/**
 * Returns a typed function that runs a task from a workflow: one activity, retried by Temporal until it has a response, a
 * final failure or no time left.
 *
 * The input is checked before anything is scheduled. A lost response of an irreversible call is settled by the read that
 * the task's `settle` names (`by: 'look'`): absent means that the call was carried out, and the function returns
 * `settle.output`; present means that it was not, and it is sent again, at most four times. Without such a read, or when
 * the read cannot be used, the call fails `Task.OutcomeUnknown`; it is never sent again blindly.
 *
 * @example
 * const { request_id } = await httpTask(plaid.userItemsRemove)({ user_id, item_ids });
 *
 * @throws ApplicationFailure `Task.InvalidInput` naming the field, before anything is scheduled.
 * @throws ActivityFailure whose cause has a `Task.*` type; see `taskFailureOf`.
 */
export function httpTask<T extends HttpTask>(
  task: T,
  options: HttpTaskOptions = {},
): (input: TaskInput<T>) => Promise<TaskOutput<T>> {
  return async (input) => {
    parseWorkflowInput(task.name, task.input, input);
    const ended = await callAndSettle<TaskOutput<T>>(
      task,
      input,
      { ...TASK_ACTIVITY_OPTIONS, summary: task.summary, ...options },
      {
        call: async (name, given, activityOptions) => {
          const activities =
            proxyActivities<Record<string, (value: unknown) => Promise<TaskOutput<T>>>>(TASK_ACTIVITY_OPTIONS);
          const activity = activities[name];
          if (!activity) throw new Error(`No proxy for ${name}.`);
          return activity.executeWithOptions(activityOptions, [given]);
        },
        read: (output) => output,
      },
    );
    return 'response' in ended ? ended.response : (ended.output as TaskOutput<T>);
  };
}

/** How many pages are read, and how. */
export interface HttpPagesOptions {
  paging: Paging;
  /** Maximum number of pages. Each is an activity and stays in the run's history with its response. */
  maxPages: number;
  /** Maximum size of all bodies together, as JSON, in UTF-16 units. @default 8,000,000 */
  maxSize?: number;
  activity?: HttpTaskOptions;
}

const MOST_PAGES = 1_000;
const DEFAULT_MAX_SIZE = 8_000_000;

/**
 * Reads an API page by page with `http.request`. Each page is durable: after a crash it continues at the page where it
 * was. Keep no more of the pages than you need: a replay has to read everything that a workflow keeps.
 *
 * @throws ApplicationFailure `Task.InvalidInput` when the request does more than read; `HttpPages.Stopped`, final, when
 *   there are more pages or bytes than allowed, or a response does not lead to the next page. The list never ends
 *   silently.
 * @throws ActivityFailure whose cause has a `Task.*` type; see `taskFailureOf`.
 */
export async function* httpPages(
  request: TaskInput<typeof httpRequest>,
  { paging, maxPages, maxSize = DEFAULT_MAX_SIZE, activity }: HttpPagesOptions,
): AsyncGenerator<TaskOutput<typeof httpRequest>['response'], void, undefined> {
  if (effectOfHttpRequest(request) !== 'read')
    throw invalidInput('httpPages sends the request repeatedly, so it must be a read.', 'method');
  if (!(maxPages >= 1 && maxPages <= MOST_PAGES))
    throw invalidInput(`maxPages must be from 1 to ${MOST_PAGES}.`, 'maxPages');
  const send = httpTask(httpRequest, activity);
  let size = 0;
  let next: TaskInput<typeof httpRequest> = request;
  for (let page = 1; ; page += 1) {
    const { response } = await send(next);
    size += JSON.stringify(response.body ?? null).length;
    if (size > maxSize) throw stopped(page, `all pages together are larger than ${maxSize}`);
    yield response;
    const following = nextPage(paging, next, response);
    if (following === undefined) return;
    if (typeof following === 'string') throw stopped(page, following);
    if (page >= maxPages) throw stopped(page, `there are more than ${maxPages} pages`);
    next = following;
  }
}

function stopped(page: number, why: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`The pages of http.request end at page ${page}: ${why}.`, 'HttpPages.Stopped');
}

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
  const send = httpTask(task, activity);
  for (let call = 1; call <= maxCalls; call += 1) {
    if (call > 1) await sleep(every);
    const output = await send(input);
    if (until(output)) return output;
  }
  throw ApplicationFailure.nonRetryable(
    `${task.name} was called ${maxCalls} times, and no output satisfied until.`,
    'HttpPoll.NotYet',
  );
}
