/**
 * All types of task failures. Each is the `type` of the Temporal failure, so it survives serialization. Branch on
 * types, never on messages.
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

/**
 * The `type` of an activity's failure when the input of its run is in plain text and the worker refuses plain text.
 * Nothing was done.
 */
export const PLAINTEXT_REFUSED = 'Encryption.PlaintextRefused';

/** One of {@link TASK_FAILURE_TYPES}. */
export type TaskFailureType = (typeof TASK_FAILURE_TYPES)[number];

/**
 * A failure as it is shown to users and stored in histories: enough to act on, without anything that identifies a user
 * or grants access. It never contains a URL, a header, a body or a cause.
 */
export interface TaskFailure {
  type: TaskFailureType;
  /** The service that was called, for example `plaid`. */
  service: string;
  /** The task, for example `plaid.userItemsRemove`. */
  task?: string;
  /** The HTTP status, when a response arrived. */
  status?: number;
  /** The provider's own code, for example `ITEM_NOT_FOUND` or `31`. */
  code?: string;
  /** The provider's ID of the request, to quote to its support. */
  requestId?: string;
  /** The request was sent and may have been carried out; repeating it is harmless. */
  perhapsDone?: true;
  /** The path of the first wrong field of the input, for `Task.InvalidInput`. */
  field?: string;
  /** The rule of the operator's policy that forbids it, for `Task.NotAllowed`. */
  rule?: string;
  /** What happened and what to do, in one or two sentences. */
  message: string;
}

/** Narrows a string, such as the `type` of a failure read from a history, to a {@link TaskFailureType}. */
export function isTaskFailureType(type: unknown): type is TaskFailureType {
  return (TASK_FAILURE_TYPES as readonly unknown[]).includes(type);
}
