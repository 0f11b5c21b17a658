import { FLOWS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { PROVIDER_FAULTS } from '@temporal-http-tasks/testing/internal/oracle/provider-cell';
import type { ProviderCell } from '@temporal-http-tasks/testing/internal/oracle/provider-cell';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import {
  cellsOf,
  openProviderStage,
  runProviderCells,
} from '@temporal-http-tasks/testing/internal/faults/check-provider';
import type { JudgedCell } from '@temporal-http-tasks/testing/internal/faults/check-provider';
import { withOwnStage } from '../faults/own-server';
import { showProgress } from '../faults/print';
import { withInterruption } from '../terminal/interruption';
import type { ExitCode, Io } from '../program/io';
import { paint, print, printJson, printable, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { describedApi } from './described-api';

/** The options of `http-tasks providers check --faults`. */
export interface CheckFaultsOptions {
  seed: number;
  json: boolean;
}

/** A wrong cell. */
export interface FailedProviderCell {
  step: string;
  call: string;
  fault: string;
  flow: Flow;
  why: string;
}

/** Tries a provider file under faults, with a server, a worker and a simulator of its own. Exits 1 when a cell fails. */
export async function checkFaults(io: Io, path: string, { seed, json }: CheckFaultsOptions): Promise<ExitCode> {
  const file = await readProviderFile(path);
  const cells = cellsOf(file);
  return withInterruption(async (interruption) => {
    const judged = await withOwnStage(
      io,
      interruption,
      (server) => openProviderStage(server, { provider: file.provider, api: describedApi(file), seed }),
      async (stage, signal) => {
        say(io, `${cells.length} offboardings at the simulator of ${file.provider.title}`);
        const progress = showProgress(io, cells.length, 'runs');
        try {
          return await runProviderCells(stage, cells, () => progress.step(), signal);
        } finally {
          progress.stop();
        }
      },
    );
    const failed = failedCells(judged);
    if (json) printJson(io, { seed, cells: cells.length, failed });
    else printCheck(io, judged, failed);
    return failed.length === 0 ? 0 : 1;
  });
}

/** Returns what is wrong, as `--json` prints it. */
export function failedCells(judged: readonly JudgedCell[]): FailedProviderCell[] {
  return judged
    .filter(({ problems }) => problems.length > 0)
    .map(({ cell: { step, call, fault, flow }, problems }) => ({ step, call, fault, flow, why: problems.join('; ') }));
}

function printCheck(io: Io, judged: readonly JudgedCell[], failed: readonly FailedProviderCell[]): void {
  for (const flow of FLOWS) {
    const own = judged.filter(({ cell }) => cell.flow === flow);
    const calls = [...new Set(own.map(({ cell }) => rowOf(cell)))];
    printTable(
      io,
      [flow === 'sweep' ? 'A sweep' : 'A single run', 'no fault', ...PROVIDER_FAULTS],
      calls.map((row) => [
        row,
        ...['none', ...PROVIDER_FAULTS].map((fault) =>
          markOf(
            io,
            own.find(({ cell }) => rowOf(cell) === row && cell.fault === fault),
          ),
        ),
      ]),
    );
  }
  print(io, '● done   ○ not done, and reported so   ✗ wrong');
  for (const { step, call, fault, flow, why } of failed) {
    const name = flow === 'sweep' ? 'sweep' : 'single run';
    print(io, paint(io, 'red', [name, step, call, fault === 'none' ? 'no fault' : fault].filter(Boolean).join(' · ')));
    print(io, `  ${printable(why)}`);
  }
  const all = `${judged.length} cells`;
  print(io, failed.length === 0 ? `${all}: all correct.` : `${all}: ${failed.length} wrong.`);
}

function rowOf({ step, role, call, afterLost }: ProviderCell): string {
  if (step === '') return 'every call';
  return `${step}: ${role} ${call}${afterLost === undefined ? '' : ` after a lost ${afterLost}`}`;
}

function markOf(io: Io, judged: JudgedCell | undefined): string {
  if (!judged) return '';
  if (judged.problems.length > 0) return paint(io, 'red', '✗');
  return paint(io, 'green', judged.completed ? '●' : '○');
}
