import { CALLS, FLOWS, POLICIES, WHENS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Call, Cell, Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { FAULTS } from '@temporal-http-tasks/testing/internal/oracle/fault-natures';
import { Refusal } from '../errors';
import { isCell } from '@temporal-http-tasks/testing/internal/faults/scenes';

/** Which part of the matrix is run; everything where nothing is said. */
export interface Selection {
  only?: Flow;
  calls?: readonly string[];
  faults?: readonly string[];
}

/** The cells of a part of the matrix. @throws Refusal for a call or fault that there is not. */
export function selectCells({ only, calls, faults }: Selection = {}): Cell[] {
  const flows = only ? [only] : FLOWS;
  refuseUnknown('--calls', calls, [...new Set(flows.flatMap((flow): readonly Call[] => CALLS[flow]))]);
  refuseUnknown('--faults', faults, FAULTS);
  const cells: Cell[] = [];
  for (const flow of flows) {
    for (const call of CALLS[flow] as readonly Call[]) {
      if (calls && !calls.includes(call)) continue;
      for (const fault of FAULTS) {
        if (faults && !faults.includes(fault)) continue;
        for (const when of WHENS) {
          if (!isCell({ flow, call, fault, when })) continue;
          for (const policy of POLICIES) cells.push({ flow, call, fault, when, policy });
        }
      }
    }
  }
  return cells;
}

function refuseUnknown(option: string, given: readonly string[] = [], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new Refusal('Usage', `${option}: there is no "${unknown}"; there are: ${known.join('; ')}.`, option.slice(2));
}
