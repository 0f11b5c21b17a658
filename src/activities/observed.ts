import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { TaskResponse } from '../http/read-response';
import type { TaskSender } from '../http/send-task';
import type { RateKey, RateLedger } from '../ledger/sweeps/rate-ledger';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { DeferredUser, SettledUser } from '../ledger/sweeps/sweep-types';
import type { Metrics } from '../observability/metrics';
import type { Caller } from '../policy/rate';
import type { HttpTask, TaskOutput } from '../tasks/define';
import type { TaskFailure } from '../tasks/failure';
import type { CallBudgets } from './budget/call-budgets';
import type { SweepActivities } from './sweep/contract';
import { worstOf } from './sweep/outcome-buffer';
import type { TaskActivity } from './task-activities';

type Tags = Readonly<Record<string, string>>;

/**
 * Wraps a sender to count, time and trace its calls. With metrics and tracing off, it only checks whether they are on.
 */
export function observeSender(sender: TaskSender, metrics: Metrics): TaskSender {
  const byTask = new TaskTags('outcome');
  const note = (task: HttpTask, { outcome, status }: CallEnding, beganAtMs: number): void => {
    metrics.add('http_tasks_calls', byTask.with(task, outcome));
    if (status !== undefined)
      metrics.record('http_tasks_call_latency_milliseconds', byTask.of(task), performance.now() - beganAtMs);
  };
  const watched = async <T extends HttpTask>(
    send: () => Promise<TaskResponse<TaskOutput<T>>>,
    task: T,
    span: Span | undefined,
  ): Promise<TaskResponse<TaskOutput<T>>> => {
    const beganAtMs = performance.now();
    const ended = (ending: CallEnding): void => {
      note(task, ending, beganAtMs);
      if (span) endCallSpan(span, ending);
    };
    try {
      const response = await send();
      ended({ outcome: 'ok', status: response.status });
      return response;
    } catch (error) {
      ended(endingOf(error));
      throw error;
    }
  };
  return {
    prepare: (task, input) => sender.prepare(task, input),
    // Not async: a sweep makes thousands of calls per second, and each would wait for one more promise.
    send: (task, input, options) => {
      const span = beginCallSpan(task, attemptNow);
      if (!span && !metrics.isOn) return sender.send(task, input, options);
      return watched(() => sender.send(task, input, options), task, span);
    },
    close: () => sender.close(),
  };
}

function endingOf(error: unknown): CallEnding {
  if (error instanceof CancelledFailure) return { outcome: 'cancelled' };
  if (!(error instanceof ApplicationFailure)) return { outcome: 'error' };
  const { status, code } = (error.details?.[0] ?? {}) as Partial<TaskFailure>;
  return {
    outcome: error.type ?? 'error',
    ...(status !== undefined && { status }),
    ...(code !== undefined && { code }),
  };
}

/** Returns the attempt number of the activity that makes the call. */
function attemptNow(): number | undefined {
  try {
    return Context.current().info.attempt;
  } catch {
    return undefined;
  }
}

/** Counts failed attempts that will be retried, by cause. */
export class RetryCounts {
  readonly #metrics: Metrics;
  readonly #byCause = new TaskTags('cause');

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Wraps task activities, which Temporal calls again after a retryable failure. */
  ofActivities(
    tasks: readonly HttpTask[],
    activities: Readonly<Record<string, TaskActivity>>,
  ): Record<string, TaskActivity> {
    const counted: Record<string, TaskActivity> = { ...activities };
    for (const task of tasks) {
      const activity = counted[task.name];
      if (activity) counted[task.name] = (...given) => this.#noting(task, () => activity(...given));
    }
    return counted;
  }

  /** Wraps the sender of sweeps, which retry such calls themselves. */
  ofSender(sender: TaskSender): TaskSender {
    return {
      prepare: (task, input) => sender.prepare(task, input),
      send: (task, input, options) =>
        this.#metrics.isOn
          ? this.#noting(task, () => sender.send(task, input, options))
          : sender.send(task, input, options),
      close: () => sender.close(),
    };
  }

  async #noting<T>(task: HttpTask, attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof ApplicationFailure && !error.nonRetryable && error.type) {
        this.#metrics.add('http_tasks_retries', this.#byCause.with(task, error.type));
      }
      throw error;
    }
  }
}

/** Wraps budgets to count calls and to measure how long they wait. */
export function observeBudgets(budgets: CallBudgets, metrics: Metrics): CallBudgets {
  const known: { key: RateKey; tags: Record<Caller, Tags> }[] = [];
  const tagsOf = ({ service, keySlot }: RateKey, caller: Caller): Tags => {
    for (const { key, tags } of known) if (key.service === service && key.keySlot === keySlot) return tags[caller];
    const tags = { service, key_slot: keySlot };
    const added = { live: { ...tags, caller: 'live' }, sweep: { ...tags, caller: 'sweep' } };
    known.push({ key: { service, keySlot }, tags: added });
    return added[caller];
  };
  return {
    tryAdmit: (key, caller) => {
      const admitted = budgets.tryAdmit(key, caller);
      if (admitted && metrics.isOn) metrics.add('http_tasks_rate_admitted', tagsOf(key, caller));
      return admitted;
    },
    admit: async (key, caller, signal) => {
      const beganAtMs = performance.now();
      const admitted = await budgets.admit(key, caller, signal);
      if (admitted && metrics.isOn) {
        const tags = tagsOf(key, caller);
        metrics.add('http_tasks_rate_admitted', tags);
        metrics.record('http_tasks_rate_wait_milliseconds', tags, performance.now() - beganAtMs);
      }
      return admitted;
    },
    responded: (key, response) => budgets.responded(key, response),
    keepRatesOf: (sweepId) => budgets.keepRatesOf(sweepId),
    paceDryRun: (rate, signal) => budgets.paceDryRun(rate, signal),
    close: () => budgets.close(),
  };
}

/** Wraps the sweeps of a ledger to count users as soon as their outcomes are recorded. */
export function observeSweeps(sweeps: SweepLedger, metrics: Metrics): SweepLedger {
  const users = tagsBy('outcome', { phase: 'users' });
  const bulk = tagsBy('outcome', { phase: 'bulk' });
  const statuses = tagsBy('status', {});
  return {
    ...sweeps,
    flushWave: async (flush) => {
      await sweeps.flushWave(flush);
      if (metrics.isOn) for (const user of flush.users) metrics.add('http_tasks_sweep_users', users(endOf(user)));
    },
    recordBulk: async (record) => {
      await sweeps.recordBulk(record);
      metrics.add('http_tasks_sweep_users', bulk(record.outcome), record.users.length);
    },
    setStatus: async (change) => {
      await sweeps.setStatus(change);
      metrics.add('http_tasks_sweep_statuses', statuses(change.status));
    },
  };
}

/** Wraps the activities of sweeps to count the users of a source once all are known. */
export function observeSnapshots(activities: SweepActivities, metrics: Metrics): SweepActivities {
  const none = {};
  return {
    ...activities,
    'httpTasks.takeSnapshot': async (input) => {
      const snapshot = await activities['httpTasks.takeSnapshot'](input);
      metrics.add('http_tasks_sweep_users_found', none, snapshot.total);
      return snapshot;
    },
  };
}

function endOf(user: SettledUser | DeferredUser): string {
  if (user.kind === 'deferred') return 'deferred';
  if ((user.bulkApps ?? []).length > 0) return 'waitingForBulk';
  return worstOf(user) ?? 'skipped';
}

/** Returns tags with one variable value; the same object for the same value. */
function tagsBy(name: string, fixed: Tags): (value: string) => Tags {
  const known = new Map<string, Tags>();
  return (value) => {
    let tags = known.get(value);
    if (!tags) {
      tags = { ...fixed, [name]: value };
      known.set(value, tags);
    }
    return tags;
  };
}

/** Interval between probes of the ledger, in milliseconds. */
const PROBE_EVERY_MS = 5_000;
const NO_TAGS = {};

/** Regularly probes the ledger and reads the rates of all workers. */
export class LedgerWatch {
  readonly #rates: Pick<RateLedger, 'readRates'>;
  readonly #metrics: Metrics;
  #respondedAtMs: number | undefined;
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(rates: Pick<RateLedger, 'readRates'>, metrics: Metrics) {
    this.#rates = rates;
    this.#metrics = metrics;
    metrics.beforeFlush(() => {
      if (this.lagMs !== undefined) metrics.set('http_tasks_ledger_lag_milliseconds', NO_TAGS, this.lagMs);
    });
  }

  /** Milliseconds since the ledger last responded; undefined while it is not open. */
  get lagMs(): number | undefined {
    return this.#respondedAtMs === undefined ? undefined : performance.now() - this.#respondedAtMs;
  }

  /** Starts to probe; call it right after the ledger was opened. */
  start(): void {
    this.#respondedAtMs = performance.now();
    this.#timer = setInterval(() => this.#probe(), PROBE_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
    this.#respondedAtMs = undefined;
  }

  #probe(): void {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined;
    });
  }

  async #askOnce(): Promise<void> {
    const sentAtMs = performance.now();
    try {
      const rates = await this.#rates.readRates();
      this.#metrics.record('http_tasks_ledger_latency_milliseconds', NO_TAGS, performance.now() - sentAtMs);
      for (const { service, keySlot, callsPerSecond } of rates) {
        this.#metrics.set('http_tasks_rate_allowed', { service, key_slot: keySlot }, callsPerSecond);
      }
      // The response is as old as its request.
      this.#respondedAtMs = sentAtMs;
    } catch {
      // The ledger is unavailable, which the lag shows.
    }
  }
}

/** Caches the tags of tasks: one object per set of values, because metrics are looked up by object identity. */
class TaskTags {
  readonly #extra: string;
  readonly #plain = new Map<HttpTask, Tags>();
  readonly #extended = new Map<HttpTask, Map<string, Tags>>();

  /** @param extra Name of the tag that {@link with} adds. */
  constructor(extra: string) {
    this.#extra = extra;
  }

  of(task: HttpTask): Tags {
    let tags = this.#plain.get(task);
    if (!tags) {
      tags = { service: task.service.name, task: task.name };
      this.#plain.set(task, tags);
    }
    return tags;
  }

  with(task: HttpTask, value: string): Tags {
    let byValue = this.#extended.get(task);
    if (!byValue) {
      byValue = new Map();
      this.#extended.set(task, byValue);
    }
    let tags = byValue.get(value);
    if (!tags) {
      tags = { ...this.of(task), [this.#extra]: value };
      byValue.set(value, tags);
    }
    return tags;
  }
}

// Without a provider, which only a process that exports spans registers, its spans record nothing.
const tracer = trace.getTracer('temporal-http-tasks');

/**
 * Starts the span of one call, or returns undefined if it is not recorded. The span has the task's name and its method,
 * and never an address, ID, input or header.
 */
function beginCallSpan(task: HttpTask, attemptNow: () => number | undefined): Span | undefined {
  const span = tracer.startSpan(task.name, { kind: SpanKind.CLIENT });
  if (!span.isRecording()) return undefined;
  span.setAttributes({
    'http_tasks.task': task.name,
    'http_tasks.provider': task.service.name,
    // The method of a generic task comes from its input.
    ...(!task.generic && { 'http.request.method': task.method }),
  });
  const attempt = attemptNow();
  if (attempt !== undefined) span.setAttribute('http_tasks.attempt', attempt);
  return span;
}

/** The result of a call, for its span. */
interface CallEnding extends Pick<TaskFailure, 'status' | 'code'> {
  /** `ok`, `cancelled`, or the type of the failure. */
  outcome: string;
}

function endCallSpan(span: Span, { outcome, status, code }: CallEnding): void {
  span.setAttribute('http_tasks.outcome', outcome);
  if (status !== undefined) span.setAttribute('http.response.status_code', status);
  if (code !== undefined) span.setAttribute('http_tasks.provider_code', code);
  if (outcome !== 'ok' && outcome !== 'cancelled') span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
  span.end();
}
