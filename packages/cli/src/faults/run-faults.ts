import { checkOutputFile, writeOutputFile } from '../output-file';
import type { OutputFile } from '../output-file';
import { withInterruption } from '../interruption';
import type { ExitCode, Io } from '../io';
import { printJson, say } from '../output';
import { drawCombinations } from '@temporal-http-tasks/testing/internal/faults/combinations';
import { matrixPage } from './matrix-page';
import { withOwnStage } from './own-server';
import { openWorld } from '@temporal-http-tasks/testing/internal/faults/places';
import { printMatrix } from './print-matrix';
import { showProgress } from './progress';
import { resultsOf } from '@temporal-http-tasks/testing/internal/faults/results';
import { isSound, runMatrix } from '@temporal-http-tasks/testing/internal/faults/run-matrix';
import type { Task } from '@temporal-http-tasks/testing/internal/faults/run-matrix';
import { selectCells } from './select-cells';
import type { Selection } from './select-cells';

/** What the matrix was asked for. */
export interface FaultsOptions {
  /** The part of the matrix; none without. */
  selection?: Selection;
  combinations: number;
  seed: number;
  json: boolean;
  page?: OutputFile;
}

/** Runs the matrix, prints it, and answers 0 only if all of it is as it must be. */
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
      say(io, `${tasks.length} off-boardings under faults; combinations are drawn from seed ${seed}`);
      const progress = showProgress(io, tasks.length, 'runs');
      try {
        return await runMatrix(world, tasks, () => progress.step(), signal);
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
