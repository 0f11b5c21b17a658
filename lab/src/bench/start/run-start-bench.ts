import { randomBytes } from 'node:crypto';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { cpuMsOf } from '../cost/cpu-time';
import { figure, median } from '../figures';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';

const WORDS: Readonly<Record<string, string>> = {
  workerReady: 'from the start of http-tasks worker until it polls, median',
  workerReadyEncryptedTraced: 'the same with encryption and traces',
  workerCpu: 'its processor time until then, median',
  workerCpuEncryptedTraced: 'the same with encryption and traces',
};

interface Starts {
  seconds: number;
  cpuSeconds: number;
}

/** Measures how soon a worker polls, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runStartBench(io: Io, { starts, json }: { starts: number; json: boolean }): Promise<ExitCode> {
  const plain: Starts[] = [];
  const measured = (stack: LocalStack): Promise<Starts> => startsOn(io, stack, starts);
  const code = await measureOnLocalStack(
    io,
    async (stack) => {
      plain.push(await measured(stack));
      return { figures: {} };
    },
    () => undefined,
  );
  const [first] = plain;
  if (code !== 0 || !first) return code;
  return measureOnLocalStack(
    io,
    async (stack) => ({ figures: figuresOf(first, await measured(stack)) }),
    ({ figures }) => {
      if (json) printJson(io, { node: process.version, size: { starts }, figures });
      else printFigureTable(io, figures, WORDS);
    },
    {
      env: { HTTP_TASKS_ENCRYPTION_KEY: randomBytes(32).toString('base64') },
      // Nothing listens there; spans are dropped.
      workerEnv: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    },
  );
}

function figuresOf(plain: Starts, other: Starts): Figures {
  return {
    workerReady: figure(plain.seconds, 's', { atMost: 1.5 }),
    workerReadyEncryptedTraced: figure(other.seconds, 's', { atMost: 1.5 }),
    workerCpu: figure(plain.cpuSeconds, 's', { atMost: 2 }),
    workerCpuEncryptedTraced: figure(other.cpuSeconds, 's', { atMost: 2 }),
  };
}

/** The stack's own worker has started before, so that the operating system has read the files. */
async function startsOn(io: Io, stack: LocalStack, starts: number): Promise<Starts> {
  say(io, `Starting ${starts} workers, one after the other`);
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const added = await stack.addWorker();
    seconds.push(added.startMs / 1_000);
    cpuSeconds.push(cpuMsOf(added.pid) / 1_000);
    await added.end();
  }
  return { seconds: median(seconds), cpuSeconds: median(cpuSeconds) };
}
