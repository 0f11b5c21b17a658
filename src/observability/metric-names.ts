/**
 * All metrics of the package, by their permanent names. Names contain their unit but not the suffix of Prometheus
 * (`_total`), which exporters of Temporal's SDK add to all names if configured.
 */
export const METRICS = {
  http_tasks_calls: {
    kind: 'counter',
    tags: ['service', 'task', 'outcome'],
    help: 'Calls that ended, by outcome: ok, cancelled, or the type of the failure.',
  },
  http_tasks_call_latency_milliseconds: {
    kind: 'histogram',
    tags: ['service', 'task'],
    help: 'Time from sending a call until its response was read.',
  },
  http_tasks_retries: {
    kind: 'counter',
    tags: ['service', 'task', 'cause'],
    help: 'Failed attempts that are retried, by the type of the failure.',
  },
  http_tasks_rate_admitted: {
    kind: 'counter',
    tags: ['service', 'key_slot', 'caller'],
    help: 'Calls taken from the budget of their key.',
  },
  http_tasks_rate_allowed: {
    kind: 'gauge',
    tags: ['service', 'key_slot'],
    help: 'Calls per second that the budget of a key allows to all workers together.',
  },
  http_tasks_rate_wait_milliseconds: {
    kind: 'histogram',
    tags: ['service', 'key_slot', 'caller'],
    help: 'Time that calls waited for their budget; calls that did not wait are not counted.',
  },
  http_tasks_sweep_users_found: {
    kind: 'counter',
    tags: [],
    help: 'Users found by sweeps in their sources.',
  },
  http_tasks_sweep_users: {
    kind: 'counter',
    tags: ['phase', 'outcome'],
    help: 'Users of sweeps by recorded outcome: once in the phase users unless deferred, once for each app in the phase bulk.',
  },
  http_tasks_sweep_statuses: {
    kind: 'counter',
    tags: ['status'],
    help: 'Number of times a sweep entered a status.',
  },
  http_tasks_requests_open: {
    kind: 'gauge',
    tags: [],
    help: 'Requests of the register that are neither carried out nor refused.',
  },
  http_tasks_requests_overdue: {
    kind: 'gauge',
    tags: [],
    help: 'Open requests whose due date has passed.',
  },
  http_tasks_requests_due_soon: {
    kind: 'gauge',
    tags: [],
    help: 'Open requests that are due within seven days.',
  },
  http_tasks_requests_next_due_timestamp_seconds: {
    kind: 'gauge',
    tags: [],
    help: 'The next due date of an open request, in seconds since 1970; 0 when there is none.',
  },
  http_tasks_sweeps_waiting: {
    kind: 'gauge',
    tags: ['for'],
    help: 'Sweeps that wait for people: for their approval, or paused (resumption).',
  },
  http_tasks_users_waiting_for_person: {
    kind: 'gauge',
    tags: [],
    help: 'Users who wait for a manual step.',
  },
  http_tasks_stopped: {
    kind: 'gauge',
    tags: [],
    help: '1 while every call that changes something is stopped.',
  },
  http_tasks_ledger_lag_milliseconds: {
    kind: 'gauge',
    tags: [],
    help: 'Time since the ledger last responded; it is checked every five seconds.',
  },
  http_tasks_ledger_latency_milliseconds: {
    kind: 'histogram',
    tags: [],
    help: 'Response time of the ledger when it was checked.',
  },
} as const satisfies Record<string, { kind: 'counter' | 'gauge' | 'histogram'; tags: readonly string[]; help: string }>;

type Of<Kind> = {
  [Name in keyof typeof METRICS]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never;
}[keyof typeof METRICS];

export type CounterName = Of<'counter'>;
export type GaugeName = Of<'gauge'>;
export type HistogramName = Of<'histogram'>;

/** Histogram bucket bounds of the package's own worker, in milliseconds. */
export const LATENCY_BUCKETS_MS = [2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];
