import { CommandFailure } from '../../errors';
import { withInterruption } from '../../interruption';
import type { ExitCode, Io } from '../../io';
import { withLocalStack } from '../../local-stack';
import { printJson, say } from '../../output';
import type { Figures } from '../figures';
import { printFigureTable } from '../print-figures';
import { SweepStand } from './sweep-stand';

/** How figures are shown, and what goes before them in a JSON document. */
export interface SweepReport {
  size: object;
  json: boolean;
  /** What each figure is, by its name. */
  words: Readonly<Record<string, string>>;
}

/** Brings a local stack up, measures on it, prints the figures, and answers 0 only if all of them keep their limits. */
export async function reportSweepFigures(io: Io, { size, json, words }: SweepReport, measure: (stand: SweepStand) => Promise<Figures>): Promise<ExitCode> {
  return withInterruption<ExitCode>(async ({ signal, wished }) =>
    withLocalStack<ExitCode>({ env: io.env, simulators: {}, withUi: false, report: (line) => say(io, line), signal }, async (stack) => {
      const figures = await Promise.race([measure(new SweepStand(stack)), wished]);
      if (figures === 'interrupted') throw new CommandFailure('Interrupted', 'Stopped before everything was measured. Worker, simulators and server are ended.');
      // The release of Node.js decides much: see docs/benchmarks.md.
      if (json) printJson(io, { node: process.version, size, figures });
      else printFigureTable(io, figures, words);
      return Object.values(figures).every(({ ok }) => ok) ? 0 : 1;
    }),
  );
}
