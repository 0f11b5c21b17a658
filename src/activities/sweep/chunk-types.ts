import type { TaskSender } from '../../http/send-task';
import type { Ledger } from '../../ledger/ledger';
import type { SubjectHasher } from '../../ledger/subject';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { ConvergePlan } from '../../policy/converge';
import type { Outcome } from '../../policy/outcome';
import type { ProcessLimits } from './process-limits';

/** How every user of a sweep is off-boarded. GDPR requests take hours each, so that a chunk does not file any. */
export interface ChunkPlan extends Pick<ConvergePlan, 'reason' | 'removeUser' | 'dryRun' | 'onFailure' | 'notFoundIsFine'> {
  batchMode: 'customData' | 'skip';
}

/** One chunk: the users of a sweep from one seq to another, both included. */
export interface ChunkInput {
  sweepId: string;
  /** The same for each attempt at the same range; a newer attempt takes over from an older one of the same id. */
  chunkId: string;
  fromSeq: number;
  toSeq: number;
  plan: ChunkPlan;
  /**
   * No more users are begun after so long.
   * @default 60000
   */
  beginForMs?: number;
}

/** How far a chunk has come in this attempt. Numbers of users only, so that it may stand in heartbeats and histories. */
export interface ChunkProgress {
  /** Users whose intent this attempt recorded. */
  opened: number;
  /** Users who came to their end; those who wait for a bulk call are counted in `waitingForBulk` instead. */
  settled: number;
  waitingForBulk: number;
  /** Users who have to be tried again later, perhaps not before `ChunkResult.nextTryAt`. */
  deferred: number;
  /** The settled users under the worst outcome of their steps; outcomes that nobody has are absent. */
  outcomes: Partial<Record<Outcome, number>>;
}

/**
 * Why a chunk ended.
 *
 * - `rangeDone`: nobody else of the range could be opened; deferred users remain.
 * - `time`: its time was over, others of the range are left.
 * - `cancelled`: it was told to stop; what was under way was finished or deferred.
 * - `unauthorized`: a provider refused a key; users are deferred as they stood.
 * - `fenced`: another attempt has taken over the chunk, or the sweep is sealed; this one wrote and sent nothing more.
 */
export type ChunkEnd = 'rangeDone' | 'time' | 'cancelled' | 'unauthorized' | 'fenced';

/** A key that a provider refused; the slot is absent for a service with one key. */
export interface RefusedKey {
  service: string;
  slot?: string;
}

/** What a chunk answers. It holds no id of a user. */
export interface ChunkResult extends ChunkProgress {
  end: ChunkEnd;
  unauthorized?: RefusedKey;
  /** ISO 8601: when the first of the deferred users may be tried again. */
  nextTryAt?: string;
}

/** What a chunk works with. */
export interface ChunkDependencies {
  ledger: Pick<Ledger, 'isHeld'> & { readonly sweeps: SweepLedger };
  sender: TaskSender;
  hasher: SubjectHasher;
  /** By name; a service that is not configured is absent. */
  services: ReadonlyMap<string, { readonly environment: string; readonly keySlots: readonly string[] }>;
  /** Shared by all chunks of a process. */
  limits: ProcessLimits;
}

/** How a chunk is stopped and watched from outside. */
export interface ChunkControl {
  signal?: AbortSignal;
  /** Called every few seconds. */
  heartbeat?: (progress: ChunkProgress) => void;
}
