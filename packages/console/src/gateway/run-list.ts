import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { templateId } from 'temporal-http-tasks/internal/operator/start-templates';
import { WORKFLOW_TYPES } from 'temporal-http-tasks/internal/policy/example-inputs';
import { GatewayRefusal } from './http-error';

/** Number of runs on a page; those in progress are queried. */
const PAGE = 50;
/** Maximum number of runs that paging reaches; filters and the search narrow them down. */
const MOST_OFFSET = 5_000;

/** The examples for the Temporal UI, which are not real runs. */
const EXAMPLES = WORKFLOW_TYPES.map((type) => `'${templateId(type)}'`).join(', ');
const TYPES: readonly string[] = ['offboardUser', 'offboardUsers', 'runHttpTask'];
const STATES = ['running', 'attention', 'ended'] as const;
/** Statuses that runs record when a person has to act or should look. */
const ATTENTION = ['partial', 'failed', 'held', 'paused', 'waitingForApproval', 'waitingForPerson'];
const UNSUCCESSFUL = "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled')";
/** gRPC status code INVALID_ARGUMENT, for a query about a search attribute that the namespace lacks. */
const INVALID_ARGUMENT = 3;

/** Which runs to list. */
export interface RunFilter {
  type?: string;
  state?: string;
  /** The start of a workflow ID. */
  search?: string;
  offset?: string;
}

const FILTERS: readonly string[] = ['type', 'state', 'search', 'offset'] satisfies (keyof RunFilter)[];

/** Returns one page of runs, newest first, without those that a sweep started for its users. */
export async function findRuns(
  client: Client,
  filter: RunFilter,
): Promise<{ runs: WorkflowExecutionInfo[]; next?: number }> {
  const unknown = Object.keys(filter).find((name) => !FILTERS.includes(name));
  if (unknown !== undefined)
    throw new GatewayRefusal(400, 'Query', `unknown parameter ${unknown}; allowed: ${FILTERS.join(', ')}.`);
  const offset = offsetOf(filter.offset);
  try {
    return await pageOf(client, queryFor(filter, true), offset);
  } catch (error) {
    if (filter.state !== 'attention' || !isInvalid(error)) throw error;
    return pageOf(client, queryFor(filter, false), offset);
  }
}

async function pageOf(
  client: Client,
  query: string,
  offset: number,
): Promise<{ runs: WorkflowExecutionInfo[]; next?: number }> {
  const runs: WorkflowExecutionInfo[] = [];
  let at = 0;
  for await (const run of client.workflow.list({ query, pageSize: Math.min(1_000, offset + PAGE + 1) })) {
    at += 1;
    if (at <= offset) continue;
    if (runs.length === PAGE) return { runs, next: offset + PAGE };
    runs.push(run);
  }
  return { runs };
}

function queryFor({ type, state, search = '' }: RunFilter, hasAttributes: boolean): string {
  if (type !== undefined && !TYPES.includes(type)) throw refused('type', TYPES);
  if (state !== undefined && !STATES.some((one) => one === state)) throw refused('state', STATES);
  const conditions = {
    running: "ExecutionStatus = 'Running'",
    ended: "ExecutionStatus != 'Running'",
    attention: hasAttributes
      ? `(${UNSUCCESSFUL} OR OffboardingStatus IN (${ATTENTION.map(quoted).join(', ')}))`
      : UNSUCCESSFUL,
  } as const;
  return [
    `WorkflowType IN (${(type === undefined ? TYPES : [type]).map(quoted).join(', ')})`,
    'ParentWorkflowId IS NULL',
    `WorkflowId NOT IN (${EXAMPLES})`,
    ...(state === undefined ? [] : [conditions[state as (typeof STATES)[number]]]),
    ...(search === '' ? [] : [`WorkflowId STARTS_WITH ${quoted(search.slice(0, 200))}`]),
  ].join(' AND ');
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}

function offsetOf(text = '0'): number {
  const offset = /^\d{1,6}$/.test(text) ? Number(text) : MOST_OFFSET + 1;
  if (offset <= MOST_OFFSET) return offset;
  throw new GatewayRefusal(400, 'Query', `offset must be a number from 0 to ${MOST_OFFSET}; narrow the list instead.`);
}

function refused(name: string, allowed: readonly string[]): GatewayRefusal {
  return new GatewayRefusal(400, 'Query', `${name} must be one of ${allowed.join(', ')}.`);
}

function isInvalid(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
}
