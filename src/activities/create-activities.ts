import { Context } from '@temporalio/activity';
import type { MetricMeter } from '@temporalio/common';
import { DEFAULT_REQUEST_SETTINGS } from '../config/request-settings';
import type { Settings } from '../config/settings';
import { createTaskSender } from '../http/send-task';
import type { TaskSender } from '../http/send-task';
import { LedgerUnavailableError } from '../ledger/ledger';
import { openLedger } from '../ledger/open-ledger';
import type { LedgerEvent, OpenedLedger } from '../ledger/open-ledger';
import type { RateLedger } from '../ledger/sweeps/rate-ledger';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { RecordedWorker } from '../ledger/worker-environments';
import { createSubjectHasher } from '../ledger/subject';
import { Metrics } from '../observability/metrics';
import type { OperatorPolicy } from '../operator-policy/read-policy';
import { ProviderSet } from '../providers/provider-set';
import type { SourceFactory } from '../sources/open-source';
import type { Catalogue } from '../providers/catalogue';
import { createCallBudgets } from './budget/create-call-budgets';
import { documentedLimits } from './budget/documented-limit';
import { LogSealer } from './log-sealer';
import { LedgerWatch } from './observed/ledger-watch';
import { observeBudgets } from './observed/observed-budgets';
import { RetryCounts } from './observed/observed-retries';
import { observeSender } from './observed/observed-sender';
import { observeSnapshots, observeSweeps } from './observed/observed-sweeps';
import { ServerCallers } from './callers';
import { createOffboardingActivities } from './offboarding-activities';
import { createSweepActivities } from './sweep/create-sweep-activities';
import { createTaskActivities } from './task-activities';
import { RequestWatch } from './request-watch';
import type { WaitingRun } from './request-watch';
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

/** The ledger for activities, which are created before it is open. */
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

  /** For users that keep a reference from before the ledger is open. */
  get rates(): RateLedger {
    return {
      leaseTokens: async (asked) => this.#opened.rates.leaseTokens(asked),
      reportAnswers: async (report) => this.#opened.rates.reportAnswers(report),
      setLimit: async (limit) => this.#opened.rates.setLimit(limit),
      setSweepRate: async (rate) => this.#opened.rates.setSweepRate(rate),
      keepSweepRates: async (sweepId) => this.#opened.rates.keepSweepRates(sweepId),
      readSweepRates: async (sweepId) => this.#opened.rates.readSweepRates(sweepId),
      readRates: async () => this.#opened.rates.readRates(),
    };
  }

  get #opened(): OpenedLedger {
    if (!this.#ledger) throw new Error('The ledger is not open. Run the worker with the plugin, which opens it.');
    return this.#ledger;
  }

  get view(): OpenedLedger {
    const opened = (): OpenedLedger => this.#opened;
    return {
      // Resolved on each use, so that a reference works only while the ledger is open.
      get holds() {
        return opened().holds;
      },
      get sweeps() {
        return opened().sweeps;
      },
      get rates() {
        return opened().rates;
      },
      get workers() {
        return opened().workers;
      },
      get log() {
        return opened().log;
      },
      get requests() {
        return opened().requests;
      },
      get notices() {
        return opened().notices;
      },
      recordIntent: async (intent) => opened().recordIntent(intent),
      recordOutcome: async (outcome) => opened().recordOutcome(outcome),
      recordEnd: async (end) => opened().recordEnd(end),
      readReceipts: async (filter) => opened().readReceipts(filter),
      readCompensations: async (filter) => opened().readCompensations(filter),
      readHistory: async (subjects) => opened().readHistory(subjects),
      addHold: async (hold) => opened().addHold(hold),
      isHeld: async (subjects) => opened().isHeld(subjects),
      listHolds: async () => opened().listHolds(),
      countUsersOfDay: async (day) => opened().countUsersOfDay(day),
      recordPolicy: async (policy) => opened().recordPolicy(policy),
      listPolicies: async (filter) => opened().listPolicies(filter),
      removeHolds: async (which) => opened().removeHolds(which),
      forbids: async (subjects) => opened().forbids(subjects),
      stop: async (given) => opened().stop(given),
      start: async (given) => opened().start(given),
      listStops: async () => opened().listStops(),
      close: () => this.close(),
    };
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
