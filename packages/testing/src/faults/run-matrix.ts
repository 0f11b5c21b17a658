import { FLOWS, stepsOf } from '../oracle/cell';
import { natureOf } from '../oracle/fault-natures';
import type { Cell, Flow } from '../oracle/cell';
import { judgeAlways, judgeCell } from '../oracle/judge';
import type { Judgement } from '../oracle/judge';
import { seedBystanders } from './scenes';
import { ProvidersSeen } from './observe';
import type { Place, World } from './places';
import { runAlone, runTrial, withRecords } from './run-trial';
import type { EndedRun, RecordedRun } from './run-trial';
import { inLanes } from './lanes';
import { placeOf, trialOf } from './trial';
import type { PlaceKind, Trial } from './trial';
import { statusesOf } from './combinations';

/** Where a trial runs: the kind of place, with single runs and sweeps apart. */
type Lane = `${PlaceKind} ${Flow}`;

/**
 * How many places each kind of trial has, and how many runs each place takes at a time. More would still be waiting when
 * their deadlines end: a worker makes two chunks at a time, and a sweep that was asked to slow down slows the others of its
 * place. Trials of kind `own` open a place each.
 */
const AT_ONCE: Readonly<Record<Lane, { places: number; runs: number }>> = {
  'common offboardUser': { places: 1, runs: 40 },
  'common sweep': { places: 8, runs: 2 },
  'slow offboardUser': { places: 1, runs: 20 },
  'slow sweep': { places: 6, runs: 1 },
  'own offboardUser': { places: 0, runs: 8 },
  'own sweep': { places: 0, runs: 12 },
};

/** How often a trial is made whose faults were not met: it shows nothing about them. */
const MOST_TRIES = 3;

const WITHOUT_FAULTS: Omit<Trial, 'flow'> = { policy: 'continue', removeUser: true, endsByDeadline: false, faults: [] };

/** What is tried: a cell of the matrix, or a random combination of faults. */
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
  /** Runs that had come to their deadline before any of their faults was met, and were therefore made again by themselves. */
  triedAgain: number;
}

/** The whole matrix, judged. */
export interface JudgedMatrix {
  judged: readonly JudgedTask[];
  numbers: MatrixNumbers;
}

/** Called while a matrix is being run. */
export interface MatrixEvents {
  /** A run has ended. */
  onEnd: () => void;
  /** These runs met none of their faults before their deadline, and will be made again; with their number. */
  onAgain: (runs: number) => void;
}

/**
 * Runs everything, much at a time, and then judges it all by one look at the providers: what was done late, after a run
 * had ended, is seen too.
 */
export async function runMatrix(
  world: World,
  tasks: readonly Task[],
  { onEnd, onAgain }: MatrixEvents,
  signal: AbortSignal,
): Promise<JudgedMatrix> {
  seedBystanders(world.simulators);
  const ended: Ended[] = [];
  const trials = tasks.map((task): Planned => {
    const trial = 'cell' in task ? trialOf(task.cell, world.apps) : task.combination;
    return { task, trial, lane: `${placeOf(trial)} ${trial.flow}` };
  });
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const opened: Place[] = [];
  const runAll = async (lane: Lane, { places: count, runs }: (typeof AT_ONCE)[Lane]): Promise<void> => {
    const waiting = trials.filter((trial) => trial.lane === lane);
    const queue = waiting.values();
    const runHere = (place?: Place): Promise<void> =>
      inLanes(
        queue,
        runs,
        async (planned) => {
          ended.push(
            place
              ? { ...planned, place, run: await runTrial(world, place, planned.trial) }
              : { ...planned, run: await runAlone(world, planned.trial) },
          );
          onEnd();
        },
        stop,
      );
    if (count === 0) return runHere();
    const places = Array.from({ length: Math.min(count, waiting.length) }, async () => {
      const place = await world.openPlace();
      opened.push(place);
      // Code that runs for the first time may take longer than a call is given: each flow is tried once before.
      await Promise.all(FLOWS.map((flow) => runTrial(world, place, { flow, ...WITHOUT_FAULTS })));
      await runHere(place);
    });
    await Promise.all(places);
  };
  const lanes = Object.entries(AT_ONCE) as [Lane, (typeof AT_ONCE)[Lane]][];
  // All of them end before the servers they use do, also when one fails.
  await Promise.all(lanes.map(([lane, size]) => runAll(lane, size).catch((error: unknown) => failure.abort(error))));
  failure.signal.throwIfAborted();
  await Promise.all(opened.map((place) => place.stopWorker()));
  const triedAgain = await tryAgain(world, ended, { onEnd, onAgain }, stop);
  const recorded: Recorded[] = [];
  const order = new Map(tasks.map((task, index) => [task, index]));
  const placeInOrder = ({ task }: Ended): number => order.get(task) ?? 0;
  for (const one of ended.sort((one, other) => placeInOrder(one) - placeInOrder(other)))
    recorded.push({ ...one, run: 'place' in one ? await withRecords(one.place, one.run) : one.run });
  return judgeAll(world, recorded, triedAgain);
}

/**
 * Makes trials again, one at a time, that came to their deadline without meeting any of their faults, and puts the new
 * runs in place of the old ones. What met a fault is never made again, whatever came of it.
 *
 * @returns How many runs were made.
 */
async function tryAgain(
  world: World,
  ended: Ended[],
  { onEnd, onAgain }: MatrixEvents,
  stop: AbortSignal,
): Promise<number> {
  let runs = 0;
  for (let tries = 1; tries < MOST_TRIES; tries += 1) {
    const seen = new ProvidersSeen(world.simulators);
    const unmet = [...ended.entries()].filter(
      ([, { trial, run }]) => trial.endsByDeadline && isInjected(trial) && !metFault(seen, run),
    );
    if (unmet.length > 0) onAgain(unmet.length);
    for (const [index, { task, trial, lane }] of unmet) {
      stop.throwIfAborted();
      ended[index] = { task, trial, lane, run: await runAlone(world, trial) };
      runs += 1;
      onEnd();
    }
  }
  return runs;
}

/** Whether the simulators note at a call that it met this fault; the others are laid in the data beforehand. */
function isInjected({ faults }: Trial): boolean {
  return faults.every(({ fault }) => !['goneBefore', 'foreign'].includes(natureOf(fault)));
}

function metFault(seen: ProvidersSeen, { user, after, refusals }: EndedRun): boolean {
  return refusals > 0 || seen.truthOf(user, after).calls.some(({ fault }) => fault !== undefined);
}

interface Planned {
  task: Task;
  trial: Trial;
  lane: Lane;
}

/** What the ledger says of a run is read when no worker of its place has a call in progress any more. */
type Ended = Planned & ({ place: Place; run: EndedRun } | { run: RecordedRun });

interface Recorded extends Planned {
  run: RecordedRun;
}

function judgeAll({ simulators, apps }: World, ended: readonly Recorded[], triedAgain: number): JudgedMatrix {
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
      triedAgain,
    },
  };
}

/** Whether nothing at all is wrong. */
export function isSound({ judged, numbers }: JudgedMatrix): boolean {
  return numbers.bystandersTouched === 0 && judged.every(({ judgement }) => judgement.ok);
}
