import type { MetricMeter } from '@temporalio/common';
import type { Settings } from '../config/settings';
import { createTaskSender } from '../http/send-task';
import { openLedger } from '../ledger/open-ledger';
import type { LedgerEvent, OpenedLedger } from '../ledger/open-ledger';
import type { RateLedger } from '../ledger/sweeps/rate-ledger';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { RecordedWorker } from '../ledger/worker-environments';
import { createSubjectHasher } from '../ledger/subject';
import { Metrics } from '../observability/metrics';
import type { SourceFactory } from '../sources/open-source';
import type { Catalogue } from '../tasks/catalogue';
import { createCallBudgets } from './budget/create-call-budgets';
import { documentedLimits } from './budget/documented-limit';
import { LedgerWatch } from './observed/ledger-watch';
import { observeBudgets } from './observed/observed-budgets';
import { RetryCounts } from './observed/observed-retries';
import { observeSender } from './observed/observed-sender';
import { observeSnapshots, observeSweeps } from './observed/observed-sweeps';
import { ServerCallers } from './callers';
import { createOffboardingActivities } from './offboarding-activities';
import { createSweepActivities } from './sweep/create-sweep-activities';
import { createTaskActivities } from './task-activities';
import { WorkerRecord } from './worker-record';

/** Activities with what they share: connections, and the ledger, which has to be open before the first one runs. */
export interface HttpTaskActivities {
  activities: Record<string, (...args: never[]) => Promise<unknown>>;
  /** Has runs that begin from now on write these search attributes. @default none */
  useSearchAttributes(names: readonly string[]): void;
  /** How long ago the ledger was last known to answer, in milliseconds; undefined while it is not open. */
  readonly ledgerLagMs: number | undefined;
  /** Records which environments this worker uses, once the ledger is open and until it is closed. Never rejects. */
  announce(worker: Pick<RecordedWorker, 'identity' | 'namespace' | 'taskQueue'>): Promise<void>;
  /** Returns how many holds cover an environment that the ledger does not know. It has to be open. */
  countUnknownHolds(): Promise<number>;
  /** @param meter Where metrics go. @default nowhere */
  open(meter?: MetricMeter): Promise<void>;
  close(): Promise<void>;
}

/** Makes the activities. Nothing is connected or opened before `open`. */
export function createHttpTaskActivities(given: {
  settings: Settings;
  catalogue: Catalogue;
  /** Sources of one's own, by name. @default none */
  sources?: Readonly<Record<string, SourceFactory>> | undefined;
  onLedgerEvent?: (event: LedgerEvent) => void;
}): HttpTaskActivities {
  const { settings, catalogue } = given;
  const { url, subjectKey, plaintextAllowed } = settings.ledger;
  const metrics = new Metrics();
  const retries = new RetryCounts(metrics);
  const ledger = new LateLedger(async () => {
    const opened = await openLedger({ url, subjectKey, plaintextAllowed, onEvent: given.onLedgerEvent });
    return { ...opened, sweeps: observeSweeps(opened.sweeps, metrics) };
  });
  const record = new WorkerRecord(() => ledger.view.workers, settings.sender.services);
  const watch = new LedgerWatch(ledger.rates, metrics);
  const moreSecrets = [settings.ledger, settings.sources, settings.encryption].flatMap((holder) => holder?.secretValues() ?? []);
  const sender = observeSender(createTaskSender(settings.sender, { moreSecrets }), metrics);
  const documentedLimit = documentedLimits(catalogue.tasks.map(({ service }) => service));
  const budgets = observeBudgets(createCallBudgets({ rates: ledger.rates, documentedLimit }), metrics);
  let searchAttributes: readonly string[] = [];
  const dependencies = {
    sender,
    budgets,
    callers: new ServerCallers(),
    ledger: ledger.view,
    hasher: createSubjectHasher(subjectKey),
    allowSensitive: settings.allowSensitive,
    catalogue,
    services: settings.sender.services,
    searchAttributes: () => searchAttributes,
  };
  const sweepActivities = createSweepActivities({
    ...dependencies,
    sender: retries.ofSender(sender),
    sourceSettings: settings.sources,
    customSources: given.sources,
  });
  const sweeps: Pick<SweepLedger, 'read' | 'readUser' | 'isOpen'> = {
    read: (sweepId) => ledger.view.sweeps.read(sweepId),
    readUser: (target) => ledger.view.sweeps.readUser(target),
    isOpen: (target) => ledger.view.sweeps.isOpen(target),
  };
  // A task whose service is not configured keeps its activity, which then says so instead of being retried for ever.
  const activities = {
    ...retries.ofActivities(catalogue.tasks, createTaskActivities(catalogue.tasks, { ...dependencies, sweeps })),
    ...createOffboardingActivities(dependencies),
    ...observeSnapshots(sweepActivities, metrics),
  };
  return {
    activities,
    useSearchAttributes: (names) => {
      searchAttributes = names;
    },
    get ledgerLagMs() {
      return watch.lagMs;
    },
    announce: (worker) => record.start(worker),
    countUnknownHolds: () => ledger.view.holds.countUnknown(),
    open: async (meter) => {
      await ledger.open();
      watch.start();
      if (meter) metrics.start(meter);
    },
    close: async () => {
      await sender.close();
      await budgets.close();
      await Promise.all([watch.stop(), record.end()]);
      metrics.stop();
      await ledger.close();
    },
  };
}

/** The ledger as activities see it, who are made before it is open. */
class LateLedger {
  readonly #connect: () => Promise<OpenedLedger>;
  #ledger: OpenedLedger | undefined;

  constructor(connect: () => Promise<OpenedLedger>) {
    this.#connect = connect;
  }

  async open(): Promise<void> {
    this.#ledger ??= await this.#connect();
  }

  async close(): Promise<void> {
    await this.#ledger?.close();
    this.#ledger = undefined;
  }

  /** For who keeps it from before the ledger is open. */
  get rates(): RateLedger {
    return {
      leaseTokens: async (asked) => this.#opened.rates.leaseTokens(asked),
      reportAnswers: async (report) => this.#opened.rates.reportAnswers(report),
      setRate: async (rate) => this.#opened.rates.setRate(rate),
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
      // Looked up at each use, so that they may be kept only as long as the ledger is open.
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
      recordIntent: async (intent) => opened().recordIntent(intent),
      recordOutcome: async (outcome) => opened().recordOutcome(outcome),
      recordEnd: async (end) => opened().recordEnd(end),
      readReceipts: async (filter) => opened().readReceipts(filter),
      readCompensations: async (filter) => opened().readCompensations(filter),
      readHistory: async (subjects) => opened().readHistory(subjects),
      addHold: async (hold) => opened().addHold(hold),
      isHeld: async (subjects) => opened().isHeld(subjects),
      listHolds: async () => opened().listHolds(),
      removeHolds: async (which) => opened().removeHolds(which),
      forbids: async (subjects) => opened().forbids(subjects),
      stop: async (given) => opened().stop(given),
      start: async (given) => opened().start(given),
      listStops: async () => opened().listStops(),
      close: () => this.close(),
    };
  }
}
