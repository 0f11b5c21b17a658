import type { ServiceSettings } from '../../config/service-settings';
import type { SourceSettings } from '../../config/database-settings';
import type { WorkLimits } from '../../config/process-settings';
import type { TaskSender } from '../../http/send-task';
import type { OpenedLedger } from '../../ledger/open-ledger';
import type { SubjectHasher } from '../../ledger/subject';
import type { SourceFactory } from '../../sources/open-source';
import type { ProviderSet } from '../../providers/provider-set';
import type { Catalogue } from '../../providers/catalogue';
import type { CallBudgets } from '../call-budget';
import type { Callers } from '../callers';
import type { Governing } from '../governed';

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
  /** Public holidays, for due dates. @default none */
  holidays?: ReadonlySet<string>;
}
