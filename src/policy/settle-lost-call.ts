import type { Effect } from '../tasks/define';
import type { TaskFailure } from '../tasks/failure';
import { LOOK_AFTER_MS } from '../tasks/settle';
import type { AbsentSign, SettleByLook } from '../tasks/settle';
import type { CompiledCall } from './providers/compiled-plan';
import { quantified, valueAt } from './providers/path';
import type { StatePattern } from './providers/path';
import { compileTemplate, placeholdersIn } from './providers/template';
import type { IdValue } from './providers/template';
import { OnceCallStep } from './steps/once';
import { maybeDone } from './steps/step';
import type { CallResponse, CallMove } from './steps/step';

/** A call whose response was lost. */
export interface LostCall {
  /** The task, with the codes and statuses of its own refusals that mean that there is nothing to do. */
  task: { name: string; absentCodes: readonly string[]; absentStatuses?: readonly number[] };
  input: unknown;
  settle: SettleByLook;
  /** The failure of the call. */
  failure: TaskFailure;
  /** Which entries of lists the states of the read are about; a run of an earlier version looks at the first. @default every */
  entries?: 'every' | 'first';
}

/** Makes the calls: as activities and timers of a workflow, or from this process. */
export interface CallMaker<Given extends CallResponse> {
  /**
   * @param number Number of the call after the lost one, from 1.
   * @returns The response, or a final failure. Throws if it was cancelled.
   */
  call(move: { task: string; input: unknown; isLook: boolean }, number: number): Promise<Given>;
  wait(delayMs: number): Promise<void>;
  nowMs(): number;
}

/**
 * How a lost call was resolved: a later call got a successful response, a read showed that the lost one was carried out, or
 * it stays unknown.
 */
export type Settlement<Given> =
  { kind: 'responded'; result: Extract<Given, { ok: true }> } | { kind: 'done'; shownBy: Given } | { kind: 'unknown' };

/** Returns whether a failed call may have been carried out and its task names a read that shows it. */
export function isSettledByLook<S extends { by: string }>(
  settle: S | undefined,
  failure: TaskFailure,
): settle is S & SettleByLook {
  return settle?.by === 'look' && maybeDone(failure);
}

/**
 * Resolves a lost call as a step of the kind `once` does: waits, reads, and sends the call again while the read shows that
 * it was not carried out, at most four times.
 */
export async function settleLostCall<Given extends CallResponse>(
  lost: LostCall,
  calls: CallMaker<Given>,
): Promise<Settlement<Given>> {
  const { settle, entries = 'every' } = lost;
  const signs = settle.absent.map((sign) =>
    entries === 'every' && typeof sign === 'object' ? (quantified(sign as StatePattern, '$every') as AbsentSign) : sign,
  );
  const act = { ...called(lost.task.name, 'irreversible', signsOf(lost.task)), input: lost.input as never };
  const look = { ...called(settle.with, 'read', signs), input: lookInput(settle, lost.input) };
  const first: CallMove = { kind: 'call', step: act.name, task: act.name, input: act.input };
  const begun = new OnceCallStep({ step: stepOf(act, look, settle), act, look, dryRun: false, knownBefore: false });
  let step = begun.responded(first, { ok: false, failure: lost.failure }, calls.nowMs());
  let last: { result: Given; isLook: boolean } | undefined;
  for (let number = 0; ;) {
    const move = step.next(calls.nowMs());
    if (move.kind === 'done') {
      const { outcome } = move.results[0] ?? {};
      if (!last || (outcome !== 'removed' && outcome !== 'accepted')) return { kind: 'unknown' };
      const { result, isLook } = last;
      return result.ok && !isLook
        ? { kind: 'responded', result: result as Extract<Given, { ok: true }> }
        : { kind: 'done', shownBy: result };
    }
    if (move.kind === 'wait') await calls.wait(Math.max(0, move.untilMs - calls.nowMs()));
    else if (move.kind === 'call') {
      number += 1;
      const isLook = move.task === look.name;
      last = { result: await calls.call({ task: move.task, input: move.input, isLook }, number), isLook };
      step = step.responded(move, last.result, calls.nowMs());
    } else throw new Error(`A call cannot be settled by a move of the kind ${move.kind}.`);
  }
}

/** Returns the input of the read that settles a call with this input. */
export function lookInput({ input: template }: Pick<SettleByLook, 'input'>, input: unknown): Record<string, unknown> {
  const values = Object.fromEntries([...placeholdersIn(template)].map((name) => [name, valueAt(input, name)]));
  const fields = values as Record<string, IdValue>;
  return compileTemplate(template)({ ids: fields, special: fields }) as Record<string, unknown>;
}

function signsOf({ absentCodes, absentStatuses = [] }: LostCall['task']): AbsentSign[] {
  return [...absentCodes, ...absentStatuses];
}

function called(name: string, effect: Effect, absent: readonly AbsentSign[]): CompiledCall {
  const isCode = (sign: AbsentSign): sign is string | number => typeof sign !== 'object';
  return {
    name,
    task: { effect, means: 'removed', absent: absent.filter(isCode), repeat: false, summary: '', remedy: '' },
    fill: () => undefined,
    usesCallId: false,
    absent: absent.filter((sign) => !isCode(sign)) as StatePattern[],
    failed: [],
  };
}

function stepOf(act: CompiledCall, look: CompiledCall, { lagMs = LOOK_AFTER_MS }: SettleByLook) {
  return {
    kind: 'once',
    plan: {
      kind: 'once',
      step: act.name,
      provider: '',
      task: act.name,
      ids: [],
      provesIds: false,
      when: {},
      skips: [],
      after: [],
      act: { task: act.name, input: {} },
      look: { task: look.name, input: {}, lagMs },
      lookFirst: false,
      absentAfterLost: 'removed',
    },
    sharesLook: false,
    repeatsLook: false,
    act,
    look,
  } as const;
}
