import type { TaskSender } from '../../http/send-task';
import type { Ledger } from '../../ledger/ledger';
import type { SubjectHasher } from '../../ledger/subject';
import type { ProviderSet } from '../../providers/provider-set';
import type { Catalogue } from '../../providers/catalogue';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { CallBudgets } from '../call-budget';
import type { Governing } from '../governed';
import type { ChunkProgress } from './contract';
import type { ProcessLimits } from './process-limits';

/** The dependencies of a chunk. */
export interface ChunkDependencies {
  ledger: Pick<Ledger, 'forbids'> & {
    readonly sweeps: Pick<
      SweepLedger,
      | 'read'
      | 'takeFence'
      | 'confirmFence'
      | 'openWave'
      | 'flushWave'
      | 'readHistories'
      | 'readRemovals'
      | 'saveProgress'
      | 'readProgress'
      | 'countFailed'
    >;
  };
  sender: Pick<TaskSender, 'send'>;
  hasher: SubjectHasher;
  /** The tasks of the worker. */
  catalogue: Pick<Catalogue, 'find'>;
  /** The providers of the worker. */
  providers: Pick<ProviderSet, 'find' | 'isThing' | 'accounts' | 'serviceNameAt'>;
  /** By name; a service that is not configured is absent. */
  services: ReadonlyMap<string, { readonly environment: string; readonly keySlots: readonly string[] }>;
  /** The rates that all processes share. */
  budgets: CallBudgets;
  /** The operator's policy. @default everything is allowed */
  policy?: Governing;
  /** Shared by all chunks of a process. */
  limits: ProcessLimits;
}

/** How a chunk is stopped and observed from outside. */
export interface ChunkControl {
  signal?: AbortSignal;
  /** Called every few seconds: two, or six where a rate is the bottleneck. */
  heartbeat?: (progress: ChunkProgress) => void;
}
