import { FLOWS, stepsOf } from '../oracle/cell';
import type { Cell } from '../oracle/cell';
import { judgeAlways, judgeCell } from '../oracle/judge';
import type { Judgement } from '../oracle/judge';
import { seedBystanders } from './scenes';
import { ProvidersSeen } from './observe';
import type { World } from './places';
import { runTrial, withRecords } from './run-trial';
import type { EndedRun, RecordedRun } from './run-trial';
import { inLanes } from './lanes';
import { placeOf, trialOf } from './trial';
import type { PlaceKind, Trial } from './trial';
import { statusesOf } from './combinations';

/** So many runs are under way at once: more, and those behind would find their deadlines over before they begin. */
const AT_ONCE: Readonly<Record<PlaceKind, number>> = { common: 40, slow: 20, own: 8 };

const WITHOUT_FAULTS: Omit<Trial, 'flow'> = { policy: 'continue', removeUser: true, endsByDeadline: false, faults: [] };

/** What is tried: a cell of the matrix, or a combination of faults that nobody has thought of. */
export type Task = { cell: Cell } | { combination: Trial };

/** What was tried, and what the oracle says of it. */
export interface JudgedTask {
  task: Task;
  trial: Trial;
  judgement: Judgement;
}

/** What must be zero over all cells, and how much was tried. */
export interface MatrixNumbers {
  usersLost: number;
  wronglyDeleted: number;
  unrecordedCalls: number;
  wrongCompensations: number;
  bystandersTouched: number;
  /** Runs that did not complete: each has to have a true log. */
  runsNotCompleted: number;
  faultsMet: number;
  calls: number;
}

/** The whole matrix, judged. */
export interface JudgedMatrix {
  judged: readonly JudgedTask[];
  numbers: MatrixNumbers;
}

/**
 * Runs everything, much at a time, and then judges it all by one look at the providers: what was done late, after a run
 * had ended, is seen too.
 *
 * @param onEnd Told of each run that has ended.
 */
export async function runMatrix(
  world: World,
  tasks: readonly Task[],
  onEnd: () => void,
  signal: AbortSignal,
): Promise<JudgedMatrix> {
  seedBystanders(world.simulators);
  const [common, slow] = [await world.openPlace(), await world.openPlace()];
  const shared = { common, slow, own: common };
  const ended: Ended[] = [];
  const run = async ({ task, trial, kind }: Omit<Ended, 'run'>): Promise<void> => {
    ended.push({ task, trial, kind, run: await runTrial(world, shared[kind], trial) });
    onEnd();
  };
  const trials = tasks.map((task) => {
    const trial = 'cell' in task ? trialOf(task.cell, world.apps) : task.combination;
    return { task, trial, kind: placeOf(trial) };
  });
  // Code that runs for the first time may take longer than a call is given: each flow is gone through once before.
  await Promise.all(FLOWS.map((flow) => runTrial(world, common, { flow, ...WITHOUT_FAULTS })));
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const kinds = Object.entries(AT_ONCE) as [PlaceKind, number][];
  const lanes = kinds.map(([kind, count]) => {
    const own = trials.filter((trial) => trial.kind === kind);
    return inLanes(own, count, run, stop).catch((error: unknown) => failure.abort(error));
  });
  // All of them end before the servers they use do, also when one fails.
  await Promise.all(lanes);
  failure.signal.throwIfAborted();
  await Promise.all([common.stopWorker(), slow.stopWorker()]);
  const recorded: Recorded[] = [];
  const order = new Map(tasks.map((task, index) => [task, index]));
  const placeInOrder = ({ task }: Ended): number => order.get(task) ?? 0;
  for (const one of ended.sort((one, other) => placeInOrder(one) - placeInOrder(other)))
    recorded.push({ ...one, run: 'receipts' in one.run ? one.run : await withRecords(shared[one.kind], one.run) });
  return judgeAll(world, recorded);
}

interface Ended {
  task: Task;
  trial: Trial;
  kind: PlaceKind;
  run: EndedRun | RecordedRun;
}

interface Recorded extends Ended {
  run: RecordedRun;
}

function judgeAll({ simulators, apps }: World, ended: readonly Recorded[]): JudgedMatrix {
  const seen = new ProvidersSeen(simulators);
  const judged = ended.map(({ task, trial, run }): JudgedTask => {
    const observed = seen.observed(run);
    if ('cell' in task) return { task, trial, judgement: judgeCell(task.cell, observed, apps) };
    const steps = stepsOf({ call: trial.removeUser ? 'userRemove' : 'userItemsGet' }, apps);
    return { task, trial, judgement: judgeAlways(steps, observed, apps, statusesOf(trial)) };
  });
  const touched = seen.touchedBystanders;
  const sum = (count: (judgement: Judgement) => number): number =>
    judged.reduce((all, { judgement }) => all + count(judgement), 0);
  const calls = [simulators.plaid.calls().calls, simulators.batch.calls().calls].flat();
  return {
    judged,
    numbers: {
      usersLost: sum(({ findings }) => findings.lost.length),
      wronglyDeleted: sum(({ findings }) => findings.wronglyDeleted.length),
      unrecordedCalls: sum(({ findings }) => findings.unrecorded.length),
      wrongCompensations: sum(({ findings }) => findings.compensations.length),
      bystandersTouched: touched.length,
      runsNotCompleted: ended.filter(({ run }) => run.report?.status !== 'completed').length,
      faultsMet: calls.filter(({ fault }) => fault !== undefined).length,
      calls: calls.length,
    },
  };
}

/** Whether nothing at all is wrong. */
export function isSound({ judged, numbers }: JudgedMatrix): boolean {
  return numbers.bystandersTouched === 0 && judged.every(({ judgement }) => judgement.ok);
}
