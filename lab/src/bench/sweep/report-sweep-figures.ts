import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { printJson } from '@temporal-http-tasks/cli/internal/terminal/output';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';
import { SweepStand } from './sweep-stand';

/** Options of the output. */
export interface SweepReport {
  size: object;
  /** Where the ledger is. @default an embedded one */
  ledgerUrl?: string | undefined;
  json: boolean;
  /** Descriptions of the figures, by name. */
  words: Readonly<Record<string, string>>;
}

/** Measures on a local stack of its own, prints the figures, and returns 0 only if all of them keep their limits. */
export async function reportSweepFigures(
  io: Io,
  { size, json, words, ledgerUrl }: SweepReport,
  measure: (stand: SweepStand) => Promise<Figures>,
): Promise<ExitCode> {
  return measureOnLocalStack(
    io,
    async (stack) => ({ figures: await measure(new SweepStand(stack)) }),
    ({ figures }) => {
      // The release of Node.js matters: see docs/benchmarks.md.
      if (json) printJson(io, { node: process.version, size, figures });
      else printFigureTable(io, figures, words);
    },
    { ledgerUrl },
  );
}
