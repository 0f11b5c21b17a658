import { SingleBar } from 'cli-progress';
import type { Io } from '../io';
import { say } from '../output';

const LINE_EVERY_MS = 10_000;

/** Shows how far a long command has come. */
export interface Progress {
  step(): void;
  stop(): void;
}

/** A bar where a person looks on, else a line now and then; both on stderr. */
export function showProgress(io: Io, total: number, unit: string): Progress {
  return io.stderr.isTTY ? bar(io, total, unit) : lines(io, total, unit);
}

function bar(io: Io, total: number, unit: string): Progress {
  const shown = new SingleBar({
    stream: io.stderr,
    format: `  {bar}  {value}/{total} ${unit} · {duration_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  });
  shown.start(total, 0);
  return { step: () => shown.increment(), stop: () => shown.stop() };
}

function lines(io: Io, total: number, unit: string): Progress {
  let done = 0;
  const timer = setInterval(() => say(io, `  ${done}/${total} ${unit}`), LINE_EVERY_MS);
  return {
    step: () => {
      done += 1;
    },
    stop: () => clearInterval(timer),
  };
}
