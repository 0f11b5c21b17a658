import type { DueCalendar } from '../../policy/legal-clock';
import type { SourceSettings } from '../../config/database-settings';
import type { WorkLimits } from '../../config/process-settings';
import type { ServiceSettings } from '../../config/service-settings';
import type { TaskSender } from '../../http/send-task';
import type { Ledger } from '../../ledger/ledger';
import type { OpenedLedger } from '../../ledger/open-ledger';
import type { SubjectHasher } from '../../ledger/subject';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { Catalogue } from '../../providers/catalogue';
import type { ProviderSet } from '../../providers/provider-set';
import type { SourceFactory } from '../../sources/open-source';
import type { CallBudgets } from '../budget/call-budgets';
import type { Callers } from '../callers';
import type { Governing } from '../governed';
import type { ChunkProgress } from './contract';
import type { ProcessLimits } from './process-limits';

/** The dependencies of the activities of sweeps. */
export interface SweepDependencies {
  ledger: OpenedLedger;
  /** Verifies the caller. */
  callers: Callers;
  sender: TaskSender;
  /** The rates that all processes share. */
  budgets: CallBudgets;
  hasher: SubjectHasher;
  catalogue: Catalogue;
  /** The providers of the worker. */
  providers: ProviderSet;
  /** By name; a service that is not configured is absent. */
  services: ReadonlyMap<string, ServiceSettings>;
  /** Fields with a user's bearer token that may be in a plain history. */
  allowSensitive: ReadonlySet<string>;
  /** The operator's policy. @default everything is allowed */
  policy?: Governing;
  /** Limits on concurrent work. @default see DEFAULT_WORK_LIMITS */
  workLimits?: WorkLimits;
  /** What sources may read. */
  sourceSettings: SourceSettings;
  /** Sources of the host's own, by name. @default none */
  customSources?: Readonly<Record<string, SourceFactory>> | undefined;
  /** The search attributes that runs may write in this worker's namespace. */
  searchAttributes: () => readonly string[];
  /** For due dates. @default none */
  holidays?: DueCalendar['holidays'];
  timeZone?: DueCalendar['timeZone'];
}

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
