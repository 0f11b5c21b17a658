import { isDeepStrictEqual } from 'node:util';
import type { WorkflowType } from '../policy/example-inputs';
import { offboardUserInput } from '../policy/offboard-input';
import { withDefaults } from '../policy/offboard-defaults';

/** Whether two inputs ask for one thing: as JSON, whatever the order of their fields, with defaults written out or not. */
export function sameInput(workflowType: WorkflowType, one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(comparable(workflowType, one), comparable(workflowType, other));
}

function comparable(workflowType: WorkflowType, input: unknown): unknown {
  const plain: unknown = JSON.parse(JSON.stringify(input ?? null));
  if (workflowType !== 'offboardUser') return plain;
  const { data } = offboardUserInput.safeParse(plain);
  // One that another version started may not fit the schema of this one: it is compared as it stands.
  return data ? JSON.parse(JSON.stringify(withDefaults(data))) : plain;
}
