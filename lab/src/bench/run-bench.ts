import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { print, printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { figure } from './figures';
import type { Figures } from './figures';
import { bundleSize, measure } from './measure';
import type { BenchSize, Measurements } from './measure';
import { measureOnLocalStack } from './on-local-stack';
import { printFigureTable } from './print-figures';

const MEGABYTE = 1_000_000;

/** Measures, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runBench(io: Io, { size, json }: { size: BenchSize; json: boolean }): Promise<ExitCode> {
  return measureOnLocalStack(
    io,
    (stack) => {
      say(
        io,
        `Measuring ${size.sequential} users one after the other, then ${size.concurrent}, ${size.concurrency} at a time`,
      );
      return measureAll(stack, size);
    },
    ({ measured, figures }) => {
      if (json) {
        printJson(io, { node: process.version, calls: measured.calls, size, figures });
        return;
      }
      printFigureTable(io, figures, WORDS);
      print(
        io,
        `${measured.calls} calls a user; ${size.concurrency} concurrent users where it says many. All on this machine, with simulators that respond immediately.`,
      );
    },
  );
}

async function measureAll(stack: LocalStack, size: BenchSize): Promise<{ measured: Measurements; figures: Figures }> {
  const measured = await measure(stack, size);
  return { measured, figures: figuresOf(measured, { ...(await bundleSize()), workerStartMs: stack.workerStartMs }) };
}

/**
 * The limits are wide: they catch a change that makes something several times worse, on any machine. The bare loop's
 * own figures have limits only to detect a machine on which nothing can be measured.
 */
function figuresOf(
  measured: Measurements,
  start: { bundleBytes: number; codeBytes: number; workerStartMs: number },
): Figures {
  const { offboardMs, plainMs, bareMs, offboardUsersPerSecond, bareUsersPerSecond, calls } = measured;
  return {
    offboardUserLatency: figure(offboardMs, 'ms', { atMost: 2_000 }),
    plainWorkflowLatency: figure(plainMs, 'ms', { atMost: 1_000 }),
    bareLoopLatency: figure(bareMs, 'ms', { atMost: 200 }),
    addedLatency: figure(offboardMs - bareMs, 'ms', { atMost: 60 }),
    addedToPlainWorkflow: figure(offboardMs - plainMs, 'ms', { atMost: 60 }),
    addedLatencyPerCall: figure((offboardMs - bareMs) / calls, 'ms', { atMost: 300 }),
    latencyOfBareLoop: figure(offboardMs / bareMs, '×', { atMost: 500 }),
    offboardUserThroughput: figure(offboardUsersPerSecond, 'users/s', { atLeast: 1 }),
    bareLoopThroughput: figure(bareUsersPerSecond, 'users/s', { atLeast: 50 }),
    throughputOfBareLoop: figure(offboardUsersPerSecond / bareUsersPerSecond, '×', { atLeast: 0.001 }),
    workflowBundle: figure(start.bundleBytes / MEGABYTE, 'MB', { atMost: 6 }),
    workflowCode: figure(start.codeBytes / MEGABYTE, 'MB', { atMost: 2.5 }),
    workerStart: figure(start.workerStartMs / 1_000, 's', { atMost: 60 }),
  };
}

const WORDS: Readonly<Record<string, string>> = {
  offboardUserLatency: 'offboardUser, one user, median',
  plainWorkflowLatency: 'a workflow with an activity for each call, which records nothing, median',
  bareLoopLatency: 'the same calls in a bare loop, median',
  addedLatency: 'added by durability, for a user',
  addedToPlainWorkflow: 'added to the workflow that records nothing, for a user',
  addedLatencyPerCall: 'added by durability, for each call',
  latencyOfBareLoop: 'latency against the bare loop',
  offboardUserThroughput: 'offboardUser, many users',
  bareLoopThroughput: 'a bare loop, many users',
  throughputOfBareLoop: 'throughput against the bare loop',
  workflowBundle: 'workflow bundle, with its source map',
  workflowCode: 'workflow bundle, code alone',
  workerStart: 'worker, from its start to polling',
};
