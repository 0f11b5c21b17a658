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

/** What the activities of sweeps work with. */
export interface SweepDependencies {
  ledger: OpenedLedger;
  /** Who calls. */
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
  /** Fields with a user's bearer token that may stand in a plain history. */
  allowSensitive: ReadonlySet<string>;
  /** What the operator allows. @default everything */
  policy?: Governing;
  /** How much is done at a time. @default see DEFAULT_WORK_LIMITS */
  workLimits?: WorkLimits;
  /** What sources may read. */
  sourceSettings: SourceSettings;
  /** Sources of the host's own, by name. @default none */
  customSources?: Readonly<Record<string, SourceFactory>> | undefined;
  /** The search attributes that runs may write in this worker's namespace. */
  searchAttributes: () => readonly string[];
}
