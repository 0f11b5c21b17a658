import { ApplicationFailure } from '@temporalio/workflow';
import { nextPage } from '../policy/next-page';
import type { Paging } from '../policy/next-page';
import type { TaskInput, TaskOutput } from '../tasks/define';
import { effectOfHttpRequest } from '../tasks/http/effect';
import { httpRequest } from '../tasks/http/tasks';
import { httpTask } from './http-task';
import type { HttpTaskOptions } from './http-task';
import { invalidInput } from './parse-workflow-input';

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
  const ask = httpTask(httpRequest, activity);
  let size = 0;
  let next: TaskInput<typeof httpRequest> = request;
  for (let page = 1; ; page += 1) {
    const { response } = await ask(next);
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
