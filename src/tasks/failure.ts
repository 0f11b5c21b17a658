/**
 * Every way a task can fail, as one closed union. The strings are the `type` of the Temporal failure, so they
 * survive serialization and may be branched on; messages may not.
 */
export const TASK_FAILURE_TYPES = [
  'Task.InvalidInput',
  'Task.Held',
  'Task.NotAllowed',
  'Task.Unauthorized',
  'Task.RateLimited',
  'Task.Unavailable',
  'Task.OutcomeUnknown',
  'Task.LedgerUnavailable',
  'Task.Rejected',
  'Task.UnexpectedResponse',
] as const;

/** The `type` of the failure of an activity whose run came in plain text to a worker that refuses it; nothing was done. */
export const PLAINTEXT_REFUSED = 'Encryption.PlaintextRefused';

/** One of {@link TASK_FAILURE_TYPES}. */
export type TaskFailureType = (typeof TASK_FAILURE_TYPES)[number];

/**
 * A failure as it is reported to people and kept in histories: enough to act on, and nothing that identifies a user
 * or opens a door. It never holds a URL, a header, a body or a cause.
 */
export interface TaskFailure {
  type: TaskFailureType;
  /** The service that was called, for example `plaid`. */
  service: string;
  /** The task, for example `plaid.userItemsRemove`. */
  task?: string;
  /** The HTTP status, when an answer arrived. */
  status?: number;
  /** The provider's own code, for example `ITEM_NOT_FOUND` or `31`. */
  code?: string;
  /** The provider's id of the request, to quote to its support. */
  requestId?: string;
  /** The request was sent and the provider may have carried it out, although repeating it does no harm. */
  perhapsDone?: true;
  /** The path of the first wrong field of the input, for `Task.InvalidInput`. */
  field?: string;
  /** The rule of the operator's policy that forbids it, for `Task.NotAllowed`. */
  rule?: string;
  /** One or two sentences for the person who must act. */
  message: string;
}

/** Narrows any string (say the `type` of a failure read from a history) to a {@link TaskFailureType}. */
export function isTaskFailureType(type: unknown): type is TaskFailureType {
  return (TASK_FAILURE_TYPES as readonly unknown[]).includes(type);
}
