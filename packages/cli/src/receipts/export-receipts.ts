import { once } from 'node:events';
import { SingleBar } from 'cli-progress';
import { CommandFailure, reportOf } from '../program/errors';
import { withInterruption } from '../terminal/interruption';
import type { ExitCode, Io } from '../program/io';
import { printExactly, sayLines } from '../terminal/output';
import { writeOutputFile } from '../terminal/output-file';
import type { OutputFile } from '../terminal/output-file';
import type { MarkedPages } from './mark-receipts';
import type { TextChunks } from './receipt-formats';

/** A number that grows while a file is written. */
export interface GrowingNumber {
  readonly show: (number: number) => void;
  readonly stop: () => void;
}

/** Shows the number on stderr, in a terminal. */
export function growingNumber(io: Io, what: string): GrowingNumber {
  if (!io.stderr.isTTY) return { show: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    stream: io.stderr,
    format: `  {value} ${what}`,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(0, 0);
  return { show: (number) => bar.update(Math.round(number)), stop: () => bar.stop() };
}

/** Counts receipts as they pass. */
export async function* counting(pages: MarkedPages, onCount: (receipts: number) => void): MarkedPages {
  let receipts = 0;
  for await (const page of pages) {
    receipts += page.length;
    onCount(receipts);
    yield page;
  }
}

/** Writes a file; Ctrl-C removes what was written of it. */
export function writeChunksToFile(file: OutputFile, chunks: TextChunks): Promise<void> {
  return withInterruption(({ signal }) => writeOutputFile(file, chunks, signal));
}

/**
 * Writes to stdout as fast as it is read. Once something was written, an error can no longer be the one document of
 * `--json`: it is reported on stderr, and the text stays unfinished.
 */
export async function writeChunksToStdout(io: Io, chunks: TextChunks): Promise<ExitCode> {
  let begun = false;
  try {
    for await (const chunk of chunks) {
      if (chunk === '') continue;
      begun = true;
      if (printExactly(io, chunk)) continue;
      // A reader that went away closes the stream, which then never drains.
      if (io.stdout.destroyed) throw new CommandFailure('Interrupted', 'The output was closed before its end.');
      await once(io.stdout, 'drain');
    }
    return 0;
  } catch (error) {
    if (!begun) throw error;
    const { report, exitCode } = reportOf(error);
    sayLines(io, `${report.message} The output above is incomplete.`);
    return exitCode;
  }
}
