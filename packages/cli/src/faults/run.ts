import { drawCombinations } from '@temporal-http-tasks/testing/internal/faults/combinations';
import { openWorld } from '@temporal-http-tasks/testing/internal/faults/places';
import { resultsOf } from '@temporal-http-tasks/testing/internal/faults/results';
import { isSound, runMatrix } from '@temporal-http-tasks/testing/internal/faults/run-matrix';
import type { Task } from '@temporal-http-tasks/testing/internal/faults/run-matrix';
import { isCell } from '@temporal-http-tasks/testing/internal/faults/scenes';
import { CALLS, FLOWS, POLICIES, WHENS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Call, Cell, Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { FAULTS } from '@temporal-http-tasks/testing/internal/oracle/fault-natures';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withInterruption } from '../terminal/interruption';
import { printJson, say } from '../terminal/output';
import { checkOutputFile, writeOutputFile } from '../terminal/output-file';
import type { OutputFile } from '../terminal/output-file';
import { matrixPage } from './matrix-page';
import { withOwnStage } from './own-server';
import { printMatrix, showProgress } from './print';

/** The part of the matrix to run; everything when empty. */
export interface Selection {
  only?: Flow;
  calls?: readonly string[];
  faults?: readonly string[];
}

/** The cells of a part of the matrix. @throws Refusal for an unknown call or fault. */
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
  throw new Refusal('Usage', `${option}: unknown "${unknown}"; allowed: ${known.join('; ')}.`, option.slice(2));
}

/** The options of the matrix. */
export interface FaultsOptions {
  /** The part of the matrix; none without. */
  selection?: Selection;
  combinations: number;
  seed: number;
  json: boolean;
  page?: OutputFile;
}

/** Runs the matrix, prints it, and returns 0 only if no cell is wrong. */
export async function runFaults(io: Io, options: FaultsOptions): Promise<ExitCode> {
  const { selection, combinations, seed, json, page } = options;
  if (page) await checkOutputFile(page);
  const tasks: Task[] = [
    ...(selection ? selectCells(selection) : []).map((cell) => ({ cell })),
    ...(combinations > 0 ? await drawCombinations(combinations, seed) : []).map((combination) => ({ combination })),
  ];
  const startedAt = performance.now();
  return withInterruption(async (interruption) => {
    const matrix = await withOwnStage(io, interruption, openWorld, async (world, signal) => {
      say(io, `${tasks.length} offboardings under faults; combinations are drawn from seed ${seed}`);
      let progress = showProgress(io, tasks.length, 'runs');
      const onEnd = (): void => progress.step();
      const onAgain = (runs: number): void => {
        progress.stop();
        say(io, `${runs} of them met none of their faults before their deadline, and are made again, one at a time`);
        progress = showProgress(io, runs, 'runs made again');
      };
      try {
        return await runMatrix(world, tasks, { onEnd, onAgain }, signal);
      } finally {
        progress.stop();
      }
    });
    const results = resultsOf(matrix, { seed, seconds: (performance.now() - startedAt) / 1_000 });
    if (page) await writeOutputFile(page, onlyChunk(matrixPage(results)), interruption.signal);
    if (json) printJson(io, results);
    else printMatrix(io, results);
    return isSound(matrix) ? 0 : 1;
  });
}

async function* onlyChunk(text: string): AsyncGenerator<string> {
  yield text;
}
