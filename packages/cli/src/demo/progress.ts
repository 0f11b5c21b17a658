import { SingleBar } from 'cli-progress';
import type { StateFigures } from '@temporal-http-tasks/testing/internal/simulators/control-answers';
import type { RunningSimulator } from '@temporal-http-tasks/testing/internal/simulators/simulator';
import type { Io } from '../io';
import { printable, say } from '../output';
import type { RunOfUser } from './problem';

const REFRESH_MS = 150;

/** A simulator that counts its calls. */
type CountingSimulator = Pick<RunningSimulator, 'faults'> & { figures(): Pick<StateFigures, 'calls'> };

/** Shows how far the demo has come. */
export interface DemoProgress {
  ended(run: RunOfUser): void;
  stop(): void;
}

/** A bar where a person looks on, else one line for each run that ended; both on stderr. */
export function showProgress(io: Io, total: number, simulators: readonly CountingSimulator[]): DemoProgress {
  return io.stderr.isTTY ? showBar(io, total, simulators) : sayEnds(io, total);
}

function sayEnds(io: Io, total: number): DemoProgress {
  let ended = 0;
  return {
    ended: ({ member, result }) => {
      ended += 1;
      say(
        io,
        `  ${String(ended).padStart(String(total).length)}/${total}  ${printable(member.label)}: ${result?.status ?? 'no result'}`,
      );
    },
    stop: () => undefined,
  };
}

function showBar(io: Io, total: number, simulators: readonly CountingSimulator[]): DemoProgress {
  const bar = new SingleBar({
    stream: io.stderr,
    format: '  {bar}  {value}/{total} users · {calls} calls · {faults} faults · {seconds} s',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  });
  const startedAt = Date.now();
  const figures = (): Record<string, number> => ({
    calls: simulators.reduce((sum, simulator) => sum + simulator.figures().calls.total, 0),
    faults: simulators.flatMap(({ faults }) => faults.list().faults).reduce((sum, { fired }) => sum + fired, 0),
    seconds: Math.round((Date.now() - startedAt) / 1_000),
  });
  let ended = 0;
  bar.start(total, 0, figures());
  const timer = setInterval(() => bar.update(ended, figures()), REFRESH_MS);
  return {
    ended: () => {
      ended += 1;
      bar.update(ended, figures());
    },
    stop: () => {
      clearInterval(timer);
      bar.stop();
    },
  };
}
