import type { TaskSender } from '../../http/send-task';
import type { ChunkDependencies, ChunkEnd, ChunkInput, RefusedKey } from './chunk-types';
import type { FencedLedger } from './fenced-ledger';
import type { KeySlot } from './key-slot';
import type { ProcessLimits } from './process-limits';

/** Why nothing more is begun. */
interface StopReason {
  end: Exclude<ChunkEnd, 'rangeDone' | 'time'>;
  unauthorized?: RefusedKey;
}

/** What the users of one attempt at a chunk share: how to send, and whether they still may. */
export class ChunkRun {
  readonly sender: TaskSender;
  readonly limits: ProcessLimits;
  readonly known: Pick<ChunkDependencies, 'hasher' | 'services'>;
  /** The key gates that calls of this attempt have gone through. */
  readonly triedSlots = new Set<KeySlot>();
  readonly #stop: AbortController;
  #reason: StopReason | undefined;

  constructor(
    readonly input: ChunkInput,
    readonly ledger: FencedLedger,
    stop: AbortController,
    { sender, limits, hasher, services }: ChunkDependencies,
  ) {
    this.#stop = stop;
    this.sender = sender;
    this.limits = limits;
    this.known = { hasher, services };
  }

  /** Aborts when nothing more is to be begun. One signal for the chunk: one for each call would halve the throughput. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Why it was stopped; absent when it was not. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  stopCancelled(): void {
    this.#stopBecause({ end: 'cancelled' });
  }

  stopUnauthorized(key: RefusedKey): void {
    this.#stopBecause({ end: 'unauthorized', unauthorized: key });
  }

  stopFenced(): void {
    // Overrides what came before: nothing that is left can be written any more.
    this.#reason = { end: 'fenced' };
    this.#stop.abort();
  }

  #stopBecause(reason: StopReason): void {
    this.#reason ??= reason;
    this.#stop.abort();
  }
}
