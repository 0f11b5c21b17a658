import { createHmac } from 'node:crypto';
import type { NotifySettings, RequestSettings } from '../config/request-settings';
import type { TaskSender } from '../http/send-task';
import type { Notice, NoticeLedger, WaitingWork } from '../ledger/requests/notices';
import type { RegisterState, RequestLedger } from '../ledger/requests/request-ledger';
import type { Metrics } from '../observability/metrics';
import { monthsBefore } from '../policy/legal-clock';
import { httpRequest } from '../tasks/http-request';

/** How often the register and what waits for people are read, in milliseconds. */
const LOOK_MS = 60_000;

/** How often requests whose time is over are deleted, in milliseconds. */
const PURGE_MS = 86_400_000;

/** A request is soon due when it is due within seven days. In milliseconds. */
const SOON_MS = 7 * 86_400_000;

/** Notices that are sent in one turn, and for how long one of them is a worker's own. */
const SENT_AT_ONCE = { limit: 20, forMs: 60_000 };

/** How long sent notices are remembered, in months, so that none is sent twice. */
const NOTICES_KEPT_MONTHS = 12;

const NO_TAGS = {};
const FOR_APPROVAL = { for: 'approval' };
const FOR_RESUMPTION = { for: 'resumption' };

/** A run of one user that waits for a person. */
export interface WaitingRun {
  workflowId: string;
  runId: string;
}

/** What {@link RequestWatch} works with. */
export interface WatchDependencies {
  requests: () => RequestLedger;
  notices: () => NoticeLedger;
  sender: Pick<TaskSender, 'send'>;
  metrics: Metrics;
  settings: RequestSettings;
  /** Called when notices cannot be sent, once until they can. The message contains neither address nor secret. */
  onFailure: (message: string) => void;
}

/** What was seen last. */
interface Seen {
  register: RegisterState;
  work: WaitingWork;
  runs: readonly WaitingRun[];
}

/**
 * While a worker runs, reads each minute which requests are due and what waits for people: for the metrics, and for the
 * notices that are sent to HTTP_TASKS_NOTIFY_URL. Once a day it deletes requests whose time in the register is over. If
 * the ledger is unavailable, the next turn tries again; no run waits for it.
 */
export class RequestWatch {
  readonly #given: WatchDependencies;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #seen: Seen | undefined;
  #purgedAtMs: number | undefined;
  #failing = false;
  /** Finds runs of single users that wait for a person; the ledger does not know them. */
  findRuns: () => Promise<readonly WaitingRun[]> = () => Promise.resolve([]);

  constructor(given: WatchDependencies) {
    this.#given = given;
    given.metrics.beforeFlush(() => this.#measure());
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_MS);
    this.#timer.unref();
    void this.look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#turn;
    this.#seen = undefined;
  }

  /** Takes one turn, or joins the one in progress. Never rejects. */
  look(): Promise<void> {
    this.#turn ??= this.#lookOnce()
      // The ledger is away, which its own metric shows.
      .catch(() => undefined)
      .finally(() => {
        this.#turn = undefined;
      });
    return this.#turn;
  }

  async #lookOnce(): Promise<void> {
    const { requests, notices, settings } = this.#given;
    const now = new Date();
    const [register, work] = [await requests().state({ now, soonMs: SOON_MS }), await notices().waiting()];
    const runs = await this.findRuns().catch(() => this.#seen?.runs ?? []);
    this.#seen = { register, work, runs };
    if (settings.notify) {
      for (const notice of noticesOf(this.#seen, now)) await notices().note(notice);
      await this.#send(settings.notify);
    }
    if (this.#purgedAtMs !== undefined && now.getTime() < this.#purgedAtMs + PURGE_MS) return;
    await requests().purge(monthsBefore(now, settings.keepMonths));
    await notices().purge(monthsBefore(now, NOTICES_KEPT_MONTHS));
    this.#purgedAtMs = now.getTime();
  }

  #measure(): void {
    if (!this.#seen) return;
    const { metrics } = this.#given;
    const { register, work, runs } = this.#seen;
    const nextDueMs = register.nextDueAt === undefined ? 0 : Date.parse(register.nextDueAt);
    metrics.set('http_tasks_requests_open', NO_TAGS, register.open);
    metrics.set('http_tasks_requests_overdue', NO_TAGS, register.overdue);
    metrics.set('http_tasks_requests_due_soon', NO_TAGS, register.dueSoon);
    metrics.set('http_tasks_requests_next_due_timestamp_seconds', NO_TAGS, nextDueMs / 1_000);
    metrics.set('http_tasks_sweeps_waiting', FOR_APPROVAL, work.approvals.length);
    metrics.set('http_tasks_sweeps_waiting', FOR_RESUMPTION, work.paused);
    const users = work.steps.reduce((sum, step) => sum + step.users, runs.length);
    metrics.set('http_tasks_users_waiting_for_person', NO_TAGS, users);
    metrics.set('http_tasks_stopped', NO_TAGS, work.stop === undefined ? 0 : 1);
  }

  async #send({ url, secret }: NotifySettings): Promise<void> {
    const notices = this.#given.notices();
    for (const notice of await notices.claim(SENT_AT_ONCE)) {
      try {
        await this.#given.sender.send(httpRequest, requestFor(notice, { url, secret }));
        await notices.sent(notice.id);
        this.#failing = false;
      } catch (error) {
        // The ledger has it as not sent, so that it is tried again.
        if (!this.#failing) this.#given.onFailure(`A notice could not be sent (${typeOf(error)}); it is tried again.`);
        this.#failing = true;
      }
    }
  }
}

/** Returns the notices about what waits. Due dates have one a day. */
function noticesOf({ register, work, runs }: Seen, now: Date): Notice[] {
  const at = now.toISOString();
  const today = at.slice(0, 10);
  return [
    ...work.approvals.map((sweepId): Notice => ({
      id: `approval:${sweepId}`,
      kind: 'approval',
      about: { sweepId },
      at,
    })),
    ...work.steps.map(({ sweepId, step, users }): Notice => {
      return { id: `person:${sweepId}:${step}`, kind: 'person', about: { sweepId, step, users }, at };
    }),
    ...runs.map(({ workflowId, runId }): Notice => {
      return { id: `person:${workflowId}:${runId}`, kind: 'person', about: { workflowId }, at };
    }),
    ...(work.stop === undefined ? [] : [{ id: `stop:${work.stop}`, kind: 'stop' as const, about: {}, at }]),
    ...(register.dueSoon === 0
      ? []
      : [{ id: `due-soon:${today}`, kind: 'dueSoon' as const, about: { requests: register.dueSoon }, at }]),
    ...(register.overdue === 0
      ? []
      : [{ id: `overdue:${today}`, kind: 'overdue' as const, about: { requests: register.overdue }, at }]),
  ];
}

/** Returns the call that sends a notice. Its body is signed as it is sent. */
function requestFor({ id, kind, about, at }: Notice, { url, secret }: NotifySettings) {
  const body = { version: 1, id, kind, at, ...about };
  const signature =
    secret === undefined ? undefined : createHmac('sha256', secret).update(JSON.stringify(body)).digest('hex');
  return {
    uri: url,
    method: 'POST' as const,
    body,
    keepBody: false,
    effect: 'repeatSafe' as const,
    headers: {
      'http-tasks-notice': Buffer.from(id).toString('base64url'),
      ...(signature !== undefined && { 'http-tasks-signature': `sha256=${signature}` }),
    },
  };
}

function typeOf(error: unknown): string {
  const { type } = (error ?? {}) as { type?: unknown };
  return typeof type === 'string' ? type : 'Task.Unavailable';
}
