import { isDeepStrictEqual } from 'node:util';
import type { WorkflowType } from '../policy/example-inputs';
import { offboardUserInput } from '../policy/offboard-input';
import { withDefaults } from '../policy/offboard-defaults';

/** Whether two inputs request the same: compared as JSON, ignoring the order of fields, with defaults filled in. */
export function sameInput(workflowType: WorkflowType, one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(comparable(workflowType, one), comparable(workflowType, other));
}

function comparable(workflowType: WorkflowType, input: unknown): unknown {
  const plain: unknown = JSON.parse(JSON.stringify(input ?? null));
  if (workflowType !== 'offboardUser') return plain;
  const { data } = offboardUserInput.safeParse(plain);
  // A run started by another version may not match this version's schema; its input is compared as it is.
  return data ? JSON.parse(JSON.stringify(withDefaults(data))) : plain;
}
