import { accountOf } from 'temporal-http-tasks/internal/tasks/accounts';
import type { MarkedReceipt } from './mark-receipts';

/** Every field of a receipt as it is exported: its name in JSON, and in CSV. */
export const RECEIPT_COLUMNS = [
  ['id', 'receipt'],
  ['workflowId', 'workflow_id'],
  ['runId', 'run_id'],
  ['activityId', 'activity_id'],
  ['seq', 'seq'],
  ['subject', 'subject'],
  ['step', 'step'],
  ['task', 'task'],
  ['service', 'service'],
  ['environment', 'environment'],
  ['keySlot', 'key_slot'],
  ['phase', 'phase'],
  ['round', 'round'],
  ['attempt', 'attempt'],
  ['outcome', 'outcome'],
  ['reason', 'reason'],
  ['failureType', 'failure_type'],
  ['status', 'status'],
  ['code', 'code'],
  ['requestId', 'request_id'],
  ['token', 'token'],
  ['items', 'items'],
  ['at', 'at'],
  ['sealed', 'sealed'],
  ['reference', 'reference'],
] as const satisfies readonly (readonly [keyof MarkedReceipt, string])[];

/** Returns a receipt with all fields that it has, in the order of the columns. */
export function wholeLine(receipt: MarkedReceipt): object {
  const { id, ...rest } = receipt;
  const fields = RECEIPT_COLUMNS.flatMap(([field]) =>
    field === 'id' || rest[field] === undefined ? [] : [[field, rest[field]] as const],
  );
  return { receipt: id, ...Object.fromEntries(fields) };
}

/** Returns what `--json` prints about the final outcome of a step. */
export function finalOutcomeLine({
  subject,
  step,
  task,
  service,
  environment,
  outcome,
  requestId,
  token,
  at,
  workflowId,
  sealed,
  reference,
}: MarkedReceipt): object {
  const account = accountOf(service);
  return {
    subject,
    step,
    task,
    ...(account !== undefined && { account }),
    environment,
    outcome,
    ...(requestId && { requestId }),
    ...(token && { token }),
    at,
    workflowId,
    sealed,
    ...(reference !== undefined && { reference }),
  };
}

/** Returns what `--json` prints about an attempt. */
export function attemptLine(receipt: MarkedReceipt): object {
  const { runId, phase, attempt, failureType, status, code, reason } = receipt;
  return { ...finalOutcomeLine(receipt), runId, phase, attempt, failureType, status, code, reason };
}
