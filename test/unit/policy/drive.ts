import { responded, beginConverging, endEarly, next } from 'temporal-http-tasks/internal/policy/converge';
import type { CallMove, ConvergeState } from 'temporal-http-tasks/internal/policy/converge';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { statusOf } from 'temporal-http-tasks/internal/policy/offboard-result';
import { builtInRun } from 'temporal-http-tasks/internal/providers/built-in';
import type { BuiltInRun } from 'temporal-http-tasks/internal/providers/built-in';
import type { RunStatus } from 'temporal-http-tasks/internal/policy/outcome';
import type { SimulatedProviders } from './simulated-providers';

/** No run that ends by itself needs more; one that does would continue forever. */
export const MOST_MOVES = 2_000;

/** When the simulated clock starts. */
export const START_MS = 1_000_000;

/** How a driven run came out. */
export interface DrivenRun {
  status: RunStatus;
  steps: StepResult[];
  endedAtMs: number;
  moves: number;
}

/** A plan with everything at its default for a user with both ids. */
export function planFor(changes: Partial<BuiltInRun> = {}): BuiltInRun {
  return {
    plaidUser: { user_id: 'usr_1' },
    batchUserId: 'alice',
    reason: { code: 'USER_OFFBOARDING' },
    removeUser: false,
    batchMode: 'customData',
    batchApps: ['ios'],
    dryRun: false,
    onFailure: 'continue',
    notFoundIsFine: false,
    known: { steps: [], hadItems: false, itemIds: [] },
    ...changes,
  };
}

/** Drives the machine with a simulated clock, as the workflow does with a durable one. */
export function drive(plan: BuiltInRun, providers: SimulatedProviders, deadlineMs = 7 * 86_400_000): DrivenRun {
  const end = (steps: StepResult[], endedAtMs: number, moves: number): DrivenRun => ({
    status: statusOf(steps, plan.notFoundIsFine),
    steps,
    endedAtMs,
    moves,
  });
  let state = beginConverging(builtInRun(plan));
  let nowMs = START_MS;
  for (let moves = 0; moves < MOST_MOVES; moves += 1) {
    const move = next(state, nowMs);
    if (move.kind === 'done') return end(move.steps, nowMs, moves);
    const leftMs = START_MS + deadlineMs - nowMs;
    if (leftMs <= 0) return end(endEarly(state, 'deadline'), nowMs, moves);
    if (move.kind === 'manual') throw new Error('No person is there.');
    if (move.kind === 'wait') nowMs += Math.min(move.delayMs, leftMs);
    else [state, nowMs] = call(state, move, providers, nowMs);
  }
  throw new Error(`The machine did not come to an end within ${MOST_MOVES} moves.`);
}

function call(
  state: ConvergeState,
  move: CallMove,
  providers: SimulatedProviders,
  nowMs: number,
): [ConvergeState, number] {
  const respondedAtMs = nowMs + providers.callMs;
  return [responded(state, move, providers.respond(move, nowMs), respondedAtMs), respondedAtMs];
}

/** Every state that a run goes through before each of its calls, and after the last. */
export function statesOf(plan: BuiltInRun, providers: SimulatedProviders): ConvergeState[] {
  const states = [beginConverging(builtInRun(plan))];
  let nowMs = START_MS;
  for (let moves = 0; moves < MOST_MOVES; moves += 1) {
    const state = states[states.length - 1]!;
    const move = next(state, nowMs);
    if (move.kind === 'done') return states;
    if (move.kind === 'manual') throw new Error('No person is there.');
    if (move.kind === 'wait') {
      nowMs += move.delayMs;
      continue;
    }
    const [after, atMs] = call(state, move, providers, nowMs);
    states.push(after);
    nowMs = atMs;
  }
  throw new Error(`The machine did not come to an end within ${MOST_MOVES} moves.`);
}

/** The results as `step outcome[/reason][ xN]`, for tables that people can read. */
export function shortly(steps: readonly StepResult[]): string[] {
  return steps.map(({ step, outcome, reason, items }) =>
    [`${step} ${outcome}`, reason === undefined ? '' : `/${reason}`, items === undefined ? '' : ` x${items}`].join(''),
  );
}
