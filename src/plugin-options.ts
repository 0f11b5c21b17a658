import type { Settings } from './config/settings';
import type { WorkLimits } from './config/process-settings';
import type { LedgerEvent } from './ledger/open-ledger';
import type { SourceFactory } from './sources/open-source';
import type { batch, plaid } from './providers/catalogue';
import type { HttpTask } from './tasks/define';
import type { Provider } from './providers/definition';

/** Options of the plugin; all are optional. */
export interface HttpTasksPluginOptions {
  /**
   * Where settings and secrets are read from.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** Settings that were already read; used instead of `env`. */
  settings?: Settings;
  /** Your own tasks, in addition to the catalogue's; their services need settings too. */
  tasks?: readonly HttpTask[];
  /**
   * Your own providers, in addition to Plaid and Batch: from `defineProvider`, or from a file by `readProvider`. A worker
   * that lacks a setting of one of them does not start. `plaid` and `batch` may be listed, too; they are always there.
   */
  providers?: readonly (Provider | typeof plaid | typeof batch)[];
  /**
   * Accounts of providers besides their default ones, each with settings of its own: `['courier/acme']` reads
   * `COURIER_TOKEN__ACME`. A user's `account` chooses one.
   * @default HTTP_TASKS_ACCOUNTS
   */
  accounts?: readonly string[];
  /**
   * Your own sources of users for sweeps, by the name in the input's `source.custom.name`:
   * `{ closedAccounts: (options) => new ClosedAccounts(options) }` for
   * `{"custom": {"name": "closedAccounts", "options": …}}`. Anyone who may start a workflow chooses the options, so
   * they must not be SQL, a path or a host.
   */
  sources?: Readonly<Record<string, SourceFactory>>;
  /**
   * Whether runs can be searched by `OffboardingStatus`, `OffboardingSweep`, `OffboardingSubject` and `OffboardingDueBy`;
   * the worker creates those that its namespace lacks.
   * @default HTTP_TASKS_SEARCH_ATTRIBUTES (`on` or `off`), else true
   */
  searchAttributes?: boolean;
  /**
   * Whether the worker, at startup, creates a run for each workflow whose example input the Temporal UI copies into its
   * Start Workflow page: two events each, no call. If HTTP_TASKS_TEMPORAL_UI is set, the links are logged.
   * @default false; the package's own worker creates them unless HTTP_TASKS_START_TEMPLATES is `off`
   */
  startTemplates?: boolean;
  /**
   * Whether the worker serves the Nexus service `offboarding` for callers in other namespaces.
   * @default HTTP_TASKS_NEXUS (`on` or `off`), else true
   */
  nexus?: boolean;
  /**
   * Whether the worker runs the package's workflows. With `true`, a workflows file that uses nothing of the package is
   * refused, because runs of `offboardUser` and `offboardUsers` on its task queue would wait forever. Use `false` for a
   * worker that only runs activities, and for `bundleWorkflowCode` of its bundle.
   * @default true
   */
  workflows?: boolean;
  /**
   * Concurrency limits of this process, instead of HTTP_TASKS_CALLS_PER_KEY, HTTP_TASKS_CONNECTIONS_PER_ORIGIN,
   * HTTP_TASKS_OPEN_USERS and HTTP_TASKS_CHUNK_SLOTS; docs/deployment.md describes the cost of each.
   */
  limits?: Partial<WorkLimits>;
  /** Called for ledger events that are worth logging. */
  onLedgerEvent?: (event: LedgerEvent) => void;
  /** Called once the ledger is open, right before the worker polls. */
  onReady?: () => void;
}
