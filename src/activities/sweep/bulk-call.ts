import { CancelledFailure } from '@temporalio/common';
import { keySlotOf } from '../../http/prepare-request';
import type { BulkUser, RecordBulk } from '../../ledger/sweeps/sweep-types';
import { callIdOf } from '../../policy/steps/step';
import { showsState } from '../../policy/providers/path';
import { UnwritableIdError } from '../../policy/providers/template';
import { idAt, idsOf } from '../../policy/user-ids';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import { delayIn, failureOf } from '../refusals';
import type { ChunkPlan, RefusedKey } from './contract';
import type { SweepDependencies } from './sweep-dependencies';
import { environmentOf, hashedIds } from './plan-user';
import type { BulkStep } from './sweep-steps';

/** The result of a bulk call. */
export type BulkResponse =
  | { kind: 'accepted'; status: number; token?: string; requestId?: string }
  /** The whole call was refused because of one of the IDs, or its size: nothing was deleted. */
  | { kind: 'malformed'; failure: TaskFailure }
  /** Refused for another reason. */
  | { kind: 'rejected'; failure: TaskFailure }
  /** Nothing is known of a single ID: the response reports a failure for at least one of them. */
  | { kind: 'partlyFailed'; failure: TaskFailure }
  /** There was a response that cannot be parsed. */
  | { kind: 'unclear'; failure: TaskFailure }
  /** It may be tried again, after `delayMs` if the provider gave it. */
  | { kind: 'later'; failure: TaskFailure; delayMs?: number }
  | { kind: 'keyRefused'; failure: TaskFailure }
  /** It was cancelled before anything was sent. */
  | { kind: 'stopped' };

type Dependencies = Pick<SweepDependencies, 'sender' | 'budgets' | 'services' | 'providers'>;

/** The body is too large for a server or proxy. */
const TOO_LARGE = 413;

/** The calls of one bulk step: what is sent for which users, and what a response means. */
export class BulkCall {
  readonly #dependencies: Dependencies;
  readonly #bulk: BulkStep;
  readonly #task: HttpTask;
  readonly #sweep: { sweepId: string; reason: ChunkPlan['reason'] };

  constructor(
    dependencies: Dependencies,
    bulk: BulkStep,
    task: HttpTask,
    sweep: { sweepId: string; reason: ChunkPlan['reason'] },
  ) {
    this.#dependencies = dependencies;
    this.#bulk = bulk;
    this.#task = task;
    this.#sweep = sweep;
  }

  get step(): string {
    return this.#bulk.plan.step;
  }

  /** Number of users opened at a time: enough for several calls, unless one takes very many. */
  get usersPerCall(): number {
    return Math.max(this.#bulk.plan.bulk.most, LEAST_USERS_AT_ONCE);
  }

  /** What a successful response means for all users of the call. */
  get means(): 'removed' | 'accepted' {
    return this.#bulk.step.bulk.task.means;
  }

  /** The key that all calls use. */
  get key(): { service: string; keySlot: string } {
    const service = this.#task.service.name;
    const settings = this.#dependencies.services.get(service) ?? { keySlots: [] };
    return { service, keySlot: keySlotOf(this.#task, this.#inputFor([]), settings) ?? '' };
  }

  get refusedKey(): RefusedKey {
    const { service, keySlot } = this.key;
    return { service, ...(keySlot !== '' && { slot: keySlot }) };
  }

  /** The fields that all receipts of the step have in common. */
  get receipt(): Pick<RecordBulk, 'app' | 'step' | 'task' | 'service' | 'environment' | 'keySlot'> {
    const { service, keySlot } = this.key;
    return {
      app: this.#bulk.queue,
      step: this.step,
      task: this.#task.name,
      service,
      environment: environmentOf(this.#dependencies.services, service),
      ...(keySlot !== '' && { keySlot }),
    };
  }

  /** The users of a record, each with the keyed hash of the ID that the call listed. */
  recorded(users: readonly BulkUser[]): RecordBulk['users'] {
    const { provider, bulk } = this.#bulk.plan;
    return users.map((user) => {
      const own = hashedIds(user, this.#dependencies.providers).filter((one) => one.provider === provider);
      return { seq: user.seq, subject: (own.find(({ id }) => id === bulk.id) ?? own[0])?.subject ?? '' };
    });
  }

  /** Returns the users in their order, in as few calls as the step's limits allow. */
  partsOf(users: readonly BulkUser[]): BulkUser[][] {
    return bulkParts(users, (user) => this.#idOf(user), this.#limits);
  }

  /**
   * Returns why the IDs cannot be sent, without sending anything: the task's own schema refuses them, or the key is
   * missing.
   */
  check(users: readonly BulkUser[]): BulkResponse | undefined {
    try {
      this.#dependencies.sender.prepare(this.#task, this.#inputOf(users));
      return undefined;
    } catch (error) {
      return this.#responseOf(error, users);
    }
  }

  /**
   * Makes one call for these users; repeating it does no harm.
   *
   * @param send.notSentAfterMs A reading of `performance.now()` until which the ledger's last information is valid.
   */
  async send(users: readonly BulkUser[], send: { signal: AbortSignal; notSentAfterMs: number }): Promise<BulkResponse> {
    const { sender, budgets } = this.#dependencies;
    const { key } = this;
    try {
      const { output, status, token, requestId } = await sender.send(this.#task, this.#inputOf(users), send);
      budgets.responded(key, { refused: false });
      if (!showsState(output, this.#bulk.plan.bulk.failed ?? [])) return { kind: 'accepted', status, token, requestId };
      const { name, service } = this.#task;
      const message = `The response to ${name} reports a failure for one of its IDs.`;
      return {
        kind: 'partlyFailed',
        failure: { type: 'Task.Rejected', service: service.name, task: name, message, status, requestId },
      };
    } catch (error) {
      const response = this.#responseOf(error, users);
      if (response.kind === 'malformed' || response.kind === 'rejected') budgets.responded(key, { refused: false });
      if (response.kind === 'later' && response.failure.type === 'Task.RateLimited') {
        const { delayMs } = response;
        budgets.responded(key, {
          refused: true,
          caller: 'sweep',
          ...(delayMs !== undefined && { retryAfterMs: delayMs }),
        });
      }
      return response;
    }
  }

  #idOf(user: BulkUser): string {
    return bulkIdOf(this.#bulk.plan, user);
  }

  /** Two users may have the same ID, which need not be sent twice. */
  #inputOf(users: readonly BulkUser[]): Record<string, unknown> {
    return this.#inputFor([...new Set(users.map((user) => this.#idOf(user)))]);
  }

  #inputFor(ids: readonly string[]): Record<string, unknown> {
    const { fill, usesCallId } = this.#bulk.step.bulk;
    const { sweepId, reason } = this.#sweep;
    const special = {
      ids,
      'reason.code': reason.code,
      'reason.note': reason.note,
      ...(usesCallId && { callId: callIdOf(sweepId, this.step, ...ids) }),
    };
    return fill({ ids: {}, special }) as Record<string, unknown>;
  }

  /** The size of the call without IDs, measured with IDs that are valid in every position. */
  get #limits(): BulkLimits {
    const { most, mostBytes } = this.#bulk.plan.bulk;
    const bytesOf = (...ids: string[]): number => Buffer.byteLength(JSON.stringify(this.#inputFor(ids)));
    const [none, one, two] = [bytesOf(), bytesOf('1'), bytesOf('1', '1')];
    const id = JSON.stringify('1').length;
    return { most, mostBytes, frameBytes: Math.max(2, none), bytesPerId: Math.max(1, two - one - id) };
  }

  #responseOf(error: unknown, users: readonly BulkUser[]): BulkResponse {
    if (error instanceof CancelledFailure) return { kind: 'stopped' };
    const { name, service } = this.#task;
    if (error instanceof UnwritableIdError)
      return {
        kind: 'malformed',
        failure: { type: 'Task.InvalidInput', service: service.name, task: name, message: error.message },
      };
    const failure = failureOf(error, this.#task, this.#inputOf(users));
    switch (failure.type) {
      case 'Task.RateLimited':
      case 'Task.Unavailable': {
        const delayMs = delayIn(error);
        return { kind: 'later', failure, ...(delayMs !== undefined && { delayMs }) };
      }
      case 'Task.Unauthorized':
        return { kind: 'keyRefused', failure };
      case 'Task.InvalidInput':
        return { kind: 'malformed', failure };
      case 'Task.Rejected': {
        const { code = '', status } = failure;
        const { refusedFor } = this.#bulk.plan.bulk;
        const isForAnId = refusedFor.includes(code) || refusedFor.includes(String(status));
        return { kind: isForAnId || status === TOO_LARGE ? 'malformed' : 'rejected', failure };
      }
      case 'Task.UnexpectedResponse':
      case 'Task.OutcomeUnknown':
      case 'Task.LedgerUnavailable':
      case 'Task.Held':
      case 'Task.NotAllowed':
        return { kind: 'unclear', failure };
    }
  }
}

/** Minimum number of users opened for bulk calls at a time: each opening reads and decrypts them. */
const LEAST_USERS_AT_ONCE = 1_000;

/** Returns the ID of a user that the call of a bulk step lists; an empty one would be refused before it is sent. */
function bulkIdOf({ provider, bulk }: BulkStep['plan'], { user }: Pick<BulkUser, 'user'>): string {
  const id = idAt(idsOf(user), provider, bulk.id);
  return typeof id === 'string' ? id : '';
}

/** The limits of one bulk call. */
interface BulkLimits {
  /** Maximum number of IDs. */
  most: number;
  /** Maximum size of the body, in bytes. */
  mostBytes: number;
  /** Size of the body without any ID, and what each ID adds to its own, in bytes. */
  frameBytes: number;
  bytesPerId: number;
}

/** Returns the users in their order, in as few calls as the limits allow; each call has at least one. */
export function bulkParts(
  users: readonly BulkUser[],
  idOf: (user: BulkUser) => string,
  { most, mostBytes, frameBytes, bytesPerId }: BulkLimits,
): BulkUser[][] {
  const parts: BulkUser[][] = [];
  let part: BulkUser[] = [];
  let bytes = frameBytes;
  for (const user of users) {
    const more = Buffer.byteLength(JSON.stringify(idOf(user))) + bytesPerId;
    if (part.length > 0 && (part.length >= most || bytes + more > mostBytes)) {
      parts.push(part);
      part = [];
      bytes = frameBytes;
    }
    part.push(user);
    bytes += more;
  }
  return part.length > 0 ? [...parts, part] : parts;
}

/**
 * Returns both halves of a call that was refused for one of its IDs; the second may succeed although the first does
 * not.
 */
export function halvesOf(part: readonly BulkUser[]): BulkUser[][] {
  const middle = Math.ceil(part.length / 2);
  return [part.slice(0, middle), part.slice(middle)];
}
