import { responded, beginConverging, endEarly, next } from 'temporal-http-tasks/internal/policy/converge';
import type { CallResponse, ConvergePlan } from 'temporal-http-tasks/internal/policy/converge';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { compilePlan } from 'temporal-http-tasks/internal/policy/providers/compiled-plan';
import { stepPlanOf } from 'temporal-http-tasks/internal/providers/plan';
import type { Provider } from 'temporal-http-tasks';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';

/** What a scripted provider does to one call. */
export type Response = { output: unknown; token?: string } | Pick<TaskFailure, 'type' | 'code' | 'status'>;

/** A response that never came, of a call that may have been carried out. */
export const LOST: Response = { type: 'Task.OutcomeUnknown' };

/** One call of a scripted run. */
export interface ScriptedCall {
  task: string;
  input: Record<string, unknown>;
  atMs: number;
}

/** What a run is made with besides the user's IDs. */
export interface RunChanges extends Partial<ConvergePlan> {
  keys?: readonly string[];
  options?: unknown;
  /** Optional steps, by their full names. */
  include?: readonly string[];
}

const DEADLINE_MS = 7 * 86_400_000;

/** Interprets the plan of one provider for one user, with these responses in their order and a clock of its own. */
export function scriptedRun(
  provider: Provider,
  ids: Record<string, string | string[]>,
  responses: readonly Response[],
  { keys = ['default'], options = {}, include = [], ...changes }: RunChanges = {},
): { steps: StepResult[]; calls: ScriptedCall[] } {
  const plan = compilePlan(
    stepPlanOf({
      providers: [{ provider, keys, ids: Object.keys(ids) }],
      options: { [provider.name]: options },
      include,
    }),
  );
  let state = beginConverging({
    plan,
    ids: { [provider.name]: ids },
    reason: { code: 'USER_OFFBOARDING' },
    callSeed: 'run',
    dryRun: false,
    onFailure: 'continue',
    notFoundIsFine: false,
    known: { steps: [], ids: [], hadItems: [] },
    ...changes,
  });
  const calls: ScriptedCall[] = [];
  let nowMs = 0;
  for (;;) {
    const move = next(state, nowMs);
    if (move.kind === 'done') return { steps: move.steps, calls };
    if (nowMs >= DEADLINE_MS) return { steps: endEarly(state, 'deadline'), calls };
    if (move.kind === 'wait') {
      nowMs += Math.min(move.delayMs, DEADLINE_MS - nowMs);
      continue;
    }
    if (move.kind === 'manual') throw new Error('Nobody reports here.');
    const task = move.task.slice(provider.name.length + 1);
    const response = responses[Math.min(calls.length, responses.length - 1)];
    if (!response) throw new Error(`There is no response to ${task}.`);
    calls.push({ task, input: move.input, atMs: nowMs });
    state = responded(state, move, responseOf(response, move.task), nowMs);
  }
}

function responseOf(response: Response, task: string): CallResponse {
  if ('output' in response) return { ok: true, attempt: 1, ...response };
  return { ok: false, failure: { service: '', message: 'It failed.', ...response, task } };
}
