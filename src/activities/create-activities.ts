import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { MetricMeter } from '@temporalio/common';
import { DEFAULT_REQUEST_SETTINGS } from '../config/request-settings';
import type { Settings } from '../config/settings';
import { createTaskSender } from '../http/send-task';
import type { TaskSender } from '../http/send-task';
import { LedgerUnavailableError } from '../ledger/ledger';
import { openLedger } from '../ledger/open-ledger';
import type { LedgerEvent, OpenedLedger } from '../ledger/open-ledger';
import { createSubjectHasher } from '../ledger/subject';
import type { RateLedger } from '../ledger/sweeps/rate-ledger';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { RecordedWorker } from '../ledger/worker-environments';
import { Metrics } from '../observability/metrics';
import type { OperatorPolicy } from '../operator-policy/read-policy';
import type { Catalogue } from '../providers/catalogue';
import { ProviderSet } from '../providers/provider-set';
import type { SourceFactory } from '../sources/open-source';
import { createCallBudgets, documentedLimits } from './budget/call-budgets';
import { ServerCallers, requireOwnSweep, requireRunOf } from './callers';
import { LogSealer } from './log-sealer';
import { LedgerWatch, observeBudgets, RetryCounts, observeSender, observeSnapshots, observeSweeps } from './observed';
import { createOffboardingActivities } from './offboarding-activities';
import { RequestWatch } from './request-watch';
import type { WaitingRun } from './request-watch';
import { runBulk } from './sweep/bulk-run';
import { openChildren, recordChildren } from './sweep/children';
import { closeTargets } from './sweep/close-targets';
import type { SweepActivities } from './sweep/contract';
import type { SweepDependencies } from './sweep/sweep-dependencies';
import { endSweep } from './sweep/end-sweep';
import { openSweep } from './sweep/open-sweep';
import { refuseUnknownKey, setOwnRate, recordUpdate } from './sweep/record-update';
import { planChunks } from './sweep/plan-chunks';
import { createChunkActivity } from './sweep/run-chunk';
import { withSweep } from './sweep/sweep-work';
import { takeSnapshot } from './sweep/take-snapshot';
import { createTaskActivities } from './task-activities';
import { WorkerRecord } from './worker-record';

/**
 * Activities and what they share: connections, and the ledger, which has to be open before the first activity runs.
 *
 * - closed: initially, and after the last worker called `close`. Activities fail.
 * - open: once `open` has resolved for the first time. Each worker that uses the activities calls `open` once and, if
 *   that resolved, `close` once; after the last `close` they can be opened again.
 */
export interface HttpTaskActivities {
  activities: Record<string, (...args: never[]) => Promise<unknown>>;
  /** Lets runs of this namespace that start from now on write these search attributes. @default none */
  useSearchAttributes(namespace: string, names: readonly string[]): void;
  /** Milliseconds since the ledger last responded; undefined while it is not open. */
  readonly ledgerLagMs: number | undefined;
  /** Records which environments a worker uses, until the record is ended. Requires the open ledger. Never rejects. */
  announce(worker: Pick<RecordedWorker, 'identity' | 'namespace' | 'taskQueue'>): Promise<Pick<WorkerRecord, 'end'>>;
  /** Has runs that wait for a person found in this way, for metrics and notices. @default none are found */
  watchRuns(findRuns: () => Promise<readonly WaitingRun[]>): void;
  /** Returns the number of holds whose environment is unknown. Requires the open ledger. */
  countUnknownHolds(): Promise<number>;
  /**
   * @param meter Where metrics are sent. @default nowhere
   * @throws whatever {@link openLedger} throws; the activities then stay closed.
   */
  open(meter?: MetricMeter): Promise<void>;
  close(): Promise<void>;
}

/** Creates the activities. Nothing is connected or opened before `open`. */
export function createHttpTaskActivities(given: {
  settings: Settings;
  catalogue: Catalogue;
  /** The providers of the worker. @default those that come with the package */
  providers?: ProviderSet | undefined;
  /** Custom sources by name. @default none */
  sources?: Readonly<Record<string, SourceFactory>> | undefined;
  /** What the operator allows. @default everything */
  policy?: OperatorPolicy | undefined;
  onLedgerEvent?: (event: LedgerEvent) => void;
}): HttpTaskActivities {
  const { settings, catalogue, providers = new ProviderSet() } = given;
  const { url, subjectKey, plaintextAllowed, sealKey, sealExport, receiptsDays } = settings.ledger;
  const requestSettings = settings.requests ?? DEFAULT_REQUEST_SETTINGS;
  const metrics = new Metrics();
  const retries = new RetryCounts(metrics);
  const ledger = new LazyLedger(async () => {
    const opened = await openLedger({ url, subjectKey, plaintextAllowed, sealKey, onEvent: given.onLedgerEvent });
    return { ...opened, sweeps: observeSweeps(opened.sweeps, metrics) };
  });
  const watch = new LedgerWatch(ledger.rates, metrics);
  const sealer = new LogSealer(
    () => ledger.view,
    { target: sealExport, receiptsDays },
    (problem) => given.onLedgerEvent?.(problem),
  );
  const { notify } = requestSettings;
  const notifySecrets = notify ? [notify.url, ...(notify.secret === undefined ? [] : [notify.secret])] : [];
  const moreSecrets = [
    ...notifySecrets,
    ...[settings.ledger, settings.sources, settings.encryption].flatMap((holder) => holder?.secretValues() ?? []),
  ];
  const connections = new RenewedSender(() =>
    createTaskSender(settings.sender, { moreSecrets, connectionsPerOrigin: settings.limits.connectionsPerOrigin }),
  );
  const sender = observeSender(connections, metrics);
  const mainServices = [...new Set(catalogue.tasks.map(({ service }) => service))];
  const documentedLimit = documentedLimits([...mainServices, ...providers.accounts.servicesAt(mainServices)]);
  const requestWatch = new RequestWatch({
    requests: () => ledger.view.requests,
    notices: () => ledger.view.notices,
    sender: connections,
    metrics,
    settings: requestSettings,
    onFailure: (message) => given.onLedgerEvent?.({ kind: 'notNotified', message }),
  });
  const budgets = observeBudgets(createCallBudgets({ rates: ledger.rates, documentedLimit }), metrics);
  const searchAttributes = new Map<string, readonly string[]>();
  const dependencies = {
    sender,
    budgets,
    callers: new ServerCallers(),
    ledger: ledger.view,
    hasher: createSubjectHasher(subjectKey),
    allowSensitive: settings.allowSensitive,
    catalogue,
    providers,
    services: settings.sender.services,
    policy: given.policy,
    holidays: requestSettings.holidays,
    timeZone: requestSettings.timeZone,
    searchAttributes: () => searchAttributes.get(Context.current().info.namespace) ?? [],
  };
  const sweepActivities = createSweepActivities({
    ...dependencies,
    sender: retries.ofSender(sender),
    workLimits: settings.limits,
    sourceSettings: settings.sources,
    customSources: given.sources,
  });
  const sweeps: Pick<SweepLedger, 'read' | 'readUser' | 'isOpen'> = {
    read: (sweepId) => ledger.view.sweeps.read(sweepId),
    readUser: (target) => ledger.view.sweeps.readUser(target),
    isOpen: (target) => ledger.view.sweeps.isOpen(target),
  };
  // A task whose service is not configured keeps its activity, which reports that instead of being retried forever.
  const activities = {
    ...retries.ofActivities(
      catalogue.tasks,
      createTaskActivities(catalogue.tasks, { ...dependencies, sweeps, accounts: providers.accounts }),
    ),
    ...createOffboardingActivities(dependencies),
    ...observeSnapshots(sweepActivities, metrics),
  };
  const turns = new Turns();
  let workers = 0;
  return {
    activities,
    useSearchAttributes: (namespace, names) => {
      searchAttributes.set(namespace, names);
    },
    get ledgerLagMs() {
      return watch.lagMs;
    },
    announce: async (worker) => {
      const record = new WorkerRecord(() => ledger.view.workers, settings.sender.services, settings.sources.queryNames);
      await record.start(worker);
      await recordPolicyOf(ledger.view, given.policy, worker);
      return record;
    },
    watchRuns: (findRuns) => {
      requestWatch.findRuns = findRuns;
    },
    countUnknownHolds: () => ledger.view.holds.countUnknown(),
    open: (meter) =>
      turns.take(async () => {
        if (workers === 0) {
          await ledger.open();
          connections.renew();
          watch.start();
          sealer.start();
          requestWatch.start();
        }
        workers += 1;
        if (meter) metrics.start(meter);
      }),
    close: () =>
      turns.take(async () => {
        workers -= 1;
        if (workers > 0) return;
        let failed: { error: unknown } | undefined;
        // A failed close does not prevent the next ones. Budgets receive refusals until the last call has ended.
        for (const end of [
          () => requestWatch.stop(),
          () => connections.close(),
          () => budgets.close(),
          () => watch.stop(),
          () => sealer.stop(),
          () => ledger.close(),
        ]) {
          await end().catch((error: unknown) => (failed ??= { error }));
        }
        metrics.stop();
        if (failed) throw failed.error;
      }),
  };
}

/** Runs work one at a time, in the order of the requests. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** A sender that can be reused after it was closed; it sends nothing until it is renewed. */
class RenewedSender implements TaskSender {
  readonly #make: () => TaskSender;
  #sender: TaskSender;
  #closed = false;

  constructor(make: () => TaskSender) {
    this.#make = make;
    this.#sender = make();
  }

  renew(): void {
    if (!this.#closed) return;
    this.#sender = this.#make();
    this.#closed = false;
  }

  prepare: TaskSender['prepare'] = (task, input) => this.#sender.prepare(task, input);

  send: TaskSender['send'] = (task, input, options) => this.#sender.send(task, input, options);

  close(): Promise<void> {
    this.#closed = true;
    return this.#sender.close();
  }
}

/**
 * The ledger for activities, which are created before it is open. They keep `rates` and `view`, each use of which takes the
 * ledger that is open then.
 */
class LazyLedger {
  readonly #connect: () => Promise<OpenedLedger>;
  #ledger: OpenedLedger | undefined;

  constructor(connect: () => Promise<OpenedLedger>) {
    this.#connect = connect;
  }

  async open(): Promise<void> {
    this.#ledger ??= await this.#connect();
  }

  async close(): Promise<void> {
    const ledger = this.#ledger;
    this.#ledger = undefined;
    await ledger?.close();
  }

  get #opened(): OpenedLedger {
    if (!this.#ledger) throw new Error('The ledger is not open. Run the worker with the plugin, which opens it.');
    return this.#ledger;
  }

  get rates(): RateLedger {
    return new Proxy({} as RateLedger, { get: (_, name) => Reflect.get(this.#opened.rates, name) as unknown });
  }

  get view(): OpenedLedger {
    const close = (): Promise<void> => this.close();
    return new Proxy({} as OpenedLedger, {
      get: (_, name) => (name === 'close' ? close : (Reflect.get(this.#opened, name) as unknown)),
    });
  }
}

/** The worker obeys its policy also when that cannot be recorded now; the next one that starts records it. */
async function recordPolicyOf(
  ledger: Pick<OpenedLedger, 'recordPolicy'>,
  policy: OperatorPolicy | undefined,
  { namespace, taskQueue, identity: worker }: Pick<RecordedWorker, 'identity' | 'namespace' | 'taskQueue'>,
): Promise<void> {
  const read = policy && { digest: policy.digest, rules: JSON.stringify(policy.rules) };
  try {
    await ledger.recordPolicy({ namespace, taskQueue, worker, ...read });
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
  }
}

/** Creates the activities of `offboardUsers`, by their permanent names. Each first verifies the caller. */
export function createSweepActivities(dependencies: SweepDependencies): SweepActivities {
  const { ledger, callers } = dependencies;
  const own = (sweepId: string) => requireOwnSweep(callers, (id) => ledger.sweeps.read(id), sweepId);
  const runChunk = createChunkActivity(dependencies);
  return {
    'httpTasks.openSweep': async (input) =>
      openSweep(dependencies, input, await requireRunOf(callers, 'offboardUsers')),
    'httpTasks.takeSnapshot': async (input) => takeSnapshot(dependencies, input, await own(input.sweepId)),
    'httpTasks.planChunks': async (input) => planChunks(dependencies, input, await own(input.sweepId)),
    'httpTasks.runChunk': async (input) => runChunk(input, await own(input.sweepId)),
    'httpTasks.runBulk': async (input) => runBulk(dependencies, input, await own(input.sweepId)),
    'httpTasks.closeTargets': async (input) => closeTargets(dependencies, input, await own(input.sweepId)),
    'httpTasks.endSweep': async (input) => endSweep(dependencies, input, await own(input.sweepId)),
    'httpTasks.setSweepStatus': async (change) => {
      await own(change.sweepId);
      await withSweep(() => ledger.sweeps.setStatus(change));
    },
    'httpTasks.setRate': async (rate) => {
      const { firstRunId } = await requireRunOf(callers, 'offboardUsers');
      refuseUnknownKey(dependencies.services, rate);
      await withSweep(async () => {
        const sweep = await ledger.sweeps.readClaimedBy(firstRunId);
        if (!sweep) throw notOpened();
        await setOwnRate(ledger, sweep, rate);
      });
    },
    'httpTasks.recordUpdate': async (input) => recordUpdate(dependencies, await own(input.sweepId), input),
    'httpTasks.openChildren': async (input) => openChildren(dependencies, input, await own(input.sweepId)),
    'httpTasks.recordChildren': async (input) => (await own(input.sweepId), recordChildren(dependencies, input)),
  };
}

/**
 * A rate in the input is set concurrently with the activity that opens the sweep, and may arrive first; it is retried.
 */
function notOpened(): ApplicationFailure {
  const message = 'The sweep of this run is not open yet, so its rate cannot be set. It is retried.';
  return ApplicationFailure.create({
    type: 'Task.Unavailable',
    message,
    details: [{ type: 'Task.Unavailable', service: 'http-tasks', message }],
  });
}
