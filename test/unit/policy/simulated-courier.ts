import { responded, beginConverging, endEarly, next, reported } from 'temporal-http-tasks/internal/policy/converge';
import type { CallResponse, CallMove, ConvergePlan, ConvergeState } from 'temporal-http-tasks/internal/policy/converge';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { compilePlan } from 'temporal-http-tasks/internal/policy/providers/compiled-plan';
import { stepPlanOf } from 'temporal-http-tasks/internal/providers/plan';
import type { StepDefinition } from 'temporal-http-tasks';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { COURIER_TASKS, courierWith } from '../providers/courier';
import { MOST_MOVES, START_MS } from './drive';
import type { Fault, SeenCall } from './simulated-providers';

/** How the simulated courier behaves. */
export interface CourierScript {
  contact?: boolean;
  topics?: readonly number[];
  devices?: readonly string[];
  /** Topics on one page of the list. */
  pageSize?: number;
  /** The list of topics still shows one for so long after it was left. */
  lagMs?: number;
  /** Requests of this person that were filed before. */
  earlierRequests?: number;
  /** A request is done so long after it was filed, or confirmed. */
  requestMs?: number;
  needsConfirmation?: boolean;
  requestEnds?: 'done' | 'rejected' | 'notFound';
  faults?: readonly Fault[];
  /** Topics whose removal is refused. */
  refusedTopics?: readonly number[];
  /** Another removes the contact then. */
  contactGoneAtMs?: number;
  callMs?: number;
}

interface Erasure {
  id: string;
  person: unknown;
  filedAtMs: number;
  confirmedAtMs?: number;
}

/** A made-up mail service as state and a clock; see `test/unit/providers/courier.ts`. */
export class SimulatedCourier {
  readonly calls: SeenCall[] = [];
  readonly leftAtMs = new Map<number, number>();
  readonly forgotten = new Set<string>();
  readonly erasures: Erasure[] = [];
  readonly #script: CourierScript;
  #contactGoneAtMs: number;
  #held = false;

  constructor(script: CourierScript) {
    this.#script = script;
    this.#contactGoneAtMs = script.contact === false ? -Infinity : (script.contactGoneAtMs ?? Infinity);
    for (let index = 0; index < (script.earlierRequests ?? 0); index += 1)
      this.erasures.push({ id: `old_${index}`, person: 'p_1', filedAtMs: 0, confirmedAtMs: 0 });
  }

  get callMs(): number {
    return this.#script.callMs ?? 100;
  }

  hasContact(atMs: number): boolean {
    return this.#contactGoneAtMs > atMs;
  }

  /** Topics that the contact still has, whatever a list says. */
  topicsLeft(atMs: number): number[] {
    return (this.#script.topics ?? []).filter((topic) => (this.leftAtMs.get(topic) ?? Infinity) > atMs);
  }

  respond(call: CallMove, atMs: number): CallResponse {
    const response = this.#respond(call, atMs);
    this.calls.push({ atMs, task: call.task, input: call.input, response });
    return response;
  }

  #respond(call: CallMove, atMs: number): CallResponse {
    const fault = this.#script.faults?.[this.calls.length] ?? 'none';
    const { effect } = COURIER_TASKS.find(({ name }) => name === call.task)!;
    if (fault === 'held') this.#held = true;
    if (this.#held && effect !== 'read') return refusal(call, 'Task.Held');
    const lost = effect === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.UnexpectedResponse';
    switch (fault) {
      case 'none':
      case 'held':
        return this.#process(call, atMs);
      case 'lostAfterProcessing':
        this.#process(call, atMs);
        return refusal(call, lost);
      case 'lostBeforeProcessing':
        return refusal(call, lost);
      case 'unreadableAfterProcessing':
        this.#process(call, atMs);
        return refusal(call, 'Task.UnexpectedResponse');
      case 'unreadableBeforeProcessing':
        return refusal(call, 'Task.UnexpectedResponse');
      case 'refused':
        return refusal(call, 'Task.Rejected', { code: 'no', status: 422 });
      case 'unauthorized':
        return refusal(call, 'Task.Unauthorized', { status: 401 });
      case 'unavailable':
        return refusal(call, 'Task.Unavailable', { status: 503 });
    }
  }

  #process({ task, input, ...call }: CallMove, atMs: number): CallResponse {
    const move = { ...call, task, input };
    const absent = (): CallResponse => refusal(move, 'Task.Rejected', { code: 'contact_not_found', status: 404 });
    switch (task) {
      case 'courier.listTopics':
        return this.hasContact(atMs) ? this.#page(input, atMs) : absent();
      case 'courier.leaveTopic': {
        const topic = input.topic as number;
        if (this.#script.refusedTopics?.includes(topic) || !this.topicsLeft(atMs).includes(topic))
          return refusal(move, 'Task.Rejected', { code: 'no_such_topic', status: 422 });
        this.leftAtMs.set(topic, atMs);
        return good(null);
      }
      case 'courier.getContact':
        return this.hasContact(atMs) ? good({ user: { active: true } }) : absent();
      case 'courier.deleteContact':
        if (!this.hasContact(atMs)) return absent();
        this.#contactGoneAtMs = atMs;
        return good(null);
      case 'courier.forgetDevice': {
        const device = String(input.device);
        if (!this.#script.devices?.includes(device) || this.forgotten.has(device))
          return refusal(move, 'Task.Rejected', { code: 'gone', status: 404 });
        this.forgotten.add(device);
        return good(null);
      }
      case 'courier.createErasure': {
        const id = `er_${this.erasures.length}`;
        this.erasures.push({ id, person: input.person, filedAtMs: atMs });
        return good({ data: { id } });
      }
      case 'courier.listErasures':
        return good({ data: this.erasures.map(({ id, person }) => ({ id, person })) });
      case 'courier.confirmErasure':
        this.erasures.find(({ id }) => id === input.id)!.confirmedAtMs ??= atMs;
        return good(null);
      case 'courier.getErasure':
        return good(this.#stateOf(String(input.id), atMs));
      default:
        throw new Error(`The courier has no ${task}.`);
    }
  }

  #page({ after }: Record<string, unknown>, atMs: number): CallResponse {
    const { pageSize = 100, lagMs = 0, topics = [] } = this.#script;
    const listed = topics.filter((topic) => (this.leftAtMs.get(topic) ?? Infinity) + lagMs > atMs);
    const from = after === undefined ? 0 : Number(after);
    const more = from + pageSize < listed.length;
    return good({
      topics: listed.slice(from, from + pageSize).map((id) => ({ id })),
      paging: more ? { next: `https://courier.example/topics?after=${from + pageSize}` } : {},
    });
  }

  #stateOf(id: string, atMs: number): Record<string, unknown> {
    const { requestMs = 0, needsConfirmation = false, requestEnds = 'done' } = this.#script;
    const request = this.erasures.find((one) => one.id === id)!;
    if (needsConfirmation && request.confirmedAtMs === undefined) return { state: 'confirm' };
    if (atMs < (request.confirmedAtMs ?? request.filedAtMs) + requestMs) return { state: 'queued' };
    if (requestEnds === 'notFound') return { state: 'done', error: 'Person not found' };
    return { state: requestEnds };
  }
}

function good(output: unknown): CallResponse {
  return { ok: true, output, attempt: 1, requestId: 'good' };
}

function refusal(call: CallMove, type: TaskFailure['type'], detail: Partial<TaskFailure> = {}): CallResponse {
  return {
    ok: false,
    failure: { type, service: 'courier', task: call.task, requestId: 'refusal', message: 'It failed.', ...detail },
  };
}

/** What a user at the courier is offboarded with. */
export function courierRun(steps?: readonly StepDefinition[], changes: Partial<ConvergePlan> = {}): ConvergePlan {
  const providers = [{ provider: courierWith(steps), keys: ['default'] }];
  return {
    plan: compilePlan(stepPlanOf({ providers, options: {} })),
    ids: { courier: { contactId: 'c_1', personId: 'p_1', deviceIds: ['d_1', 'd_2'] } },
    reason: { code: 'USER_OFFBOARDING' },
    callSeed: 'run',
    dryRun: false,
    onFailure: 'continue',
    notFoundIsFine: false,
    known: { steps: [], ids: [], hadItems: [] },
    ...changes,
  };
}

/** Drives the machine with a simulated clock; a person reports `removed` an hour after a manual step began. */
export function driveCourier(
  plan: ConvergePlan,
  courier: SimulatedCourier,
  deadlineMs = 7 * 86_400_000,
  /** What becomes of the state between two moves. */
  between: (state: ConvergeState, moves: number) => ConvergeState = (state) => state,
): { steps: StepResult[]; endedAtMs: number; moves: number } {
  let state = beginConverging(plan);
  let nowMs = START_MS;
  for (let moves = 0; moves < MOST_MOVES; moves += 1) {
    state = between(state, moves);
    const move = next(state, nowMs);
    if (move.kind === 'done') return { steps: move.steps, endedAtMs: nowMs, moves };
    const leftMs = START_MS + deadlineMs - nowMs;
    if (leftMs <= 0) return { steps: endEarly(state, 'deadline'), endedAtMs: nowMs, moves };
    if (move.kind === 'wait') nowMs += Math.min(move.delayMs, leftMs);
    else if (move.kind === 'manual') {
      nowMs += 3_600_000;
      state = reported(state, move.step, { outcome: 'removed', evidence: 'TICKET-1' }, nowMs);
    } else {
      const response = courier.respond(move, nowMs);
      nowMs += courier.callMs;
      state = responded(state, move, response, nowMs);
    }
  }
  throw new Error(`The machine did not come to an end within ${MOST_MOVES} moves.`);
}
