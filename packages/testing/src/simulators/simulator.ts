import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { CallLog } from './call-log';
import type { FaultRuleInput, RetryAfterForm } from './control-api';
import type { CallList, FaultList, SeedSummary } from './control-responses';
import { parseControlBody } from './control-error';
import { handleControl, CONTROL_PREFIX } from './control-routes';
import { FaultBook } from './fault-book';
import { deliverFault } from './fault-delivery';
import { listenOnLoopback, readBody, send, textOfBody } from './loopback-server';
import type { LoopbackServer } from './loopback-server';
import type { ApiResponse, Controls, Provider, ReceivedRequest } from './provider';
import { RepeatLog } from './repeat-log';
import { retryAfterValue } from './retry-after';

/** Options of both simulators besides their settings. */
export interface SimulatorOptions {
  /** @default 0: any free port of the loopback interface */
  port?: number;
  /** Fault rules to start with. @default none */
  faults?: readonly FaultRuleInput[];
  /** Seed of the random numbers behind `probability`. @default 1 */
  seed?: number;
  /** Maximum number of calls in the log, which keeps the newest. @default 250,000 */
  callLogLimit?: number;
}

/** The settings that the shared half uses, which may change at runtime. */
export interface LiveSettings {
  latencyMs: number;
  rateLimits: Partial<Record<string, { perSecond: number; burst?: number | undefined }>>;
  retryAfter: RetryAfterForm;
}

/** The common part of both running simulators. */
export interface RunningSimulator {
  /** Base URL without a trailing slash. */
  url: string;
  port: number;
  faults: {
    /** Adds one or several rules. Throws `ControlError` if one is invalid, and then adds none. */
    add(rules: FaultRuleInput | readonly FaultRuleInput[]): FaultList;
    list(): FaultList;
    remove(id?: string): void;
  };
  /** Returns calls in order of arrival: those after `after` (a `seq`), at most `limit`. */
  calls(page?: { after?: number; limit?: number }): CallList;
  /** Restores the initial users, faults and settings, and clears the log. */
  reset(): void;
  /** Closes all connections and frees the port. */
  close(): Promise<void>;
}

/** Default maximum number of calls in the log, which then takes about 40 MB of memory. */
const DEFAULT_CALL_LOG_LIMIT = 250_000;

const MAX_PROVIDER_BODY_BYTES = 64 * 1024 * 1024;

/** The half of a simulator that both providers share: limits, faults, latency, the log and the control API. */
class Simulator {
  readonly faults: FaultBook;
  private limiter = new RateLimiter({});
  private settings: LiveSettings = { latencyMs: 0, rateLimits: {}, retryAfter: { form: 'absent' } };

  constructor(
    private readonly provider: Provider,
    private readonly controls: Controls,
    readonly calls: CallLog,
    private readonly options: SimulatorOptions & { endpoints: readonly string[] },
  ) {
    this.faults = new FaultBook(options.seed ?? 1, options.endpoints);
  }

  /** Applies settings. The rate-limit buckets start full. */
  configure(settings: LiveSettings): void {
    this.settings = settings;
    this.limiter = new RateLimiter(settings.rateLimits);
  }

  reset(): void {
    this.calls.clear();
    this.faults.reset(this.options.faults ?? []);
    this.controls.reset();
  }

  /** Starts with the options' faults and users, and listens. */
  async start(): Promise<RunningSimulator> {
    this.reset();
    const server = await listenOnLoopback(this.options.port ?? 0, (request, response) => {
      void this.handle(request, response);
    });
    return this.handleOf(server);
  }

  private handleOf(server: LoopbackServer): RunningSimulator {
    return {
      ...server,
      faults: {
        add: (rules) => this.faults.add(rules),
        list: () => this.faults.list(),
        remove: (id) => this.faults.remove(id),
      },
      calls: (page = {}) => this.calls.list(page.after, page.limit),
      reset: () => this.reset(),
    };
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    if (target.startsWith(CONTROL_PREFIX)) {
      return handleControl(
        { controls: this.controls, faults: this.faults, calls: this.calls, reset: () => this.reset() },
        request,
        response,
      );
    }
    let body: Buffer | undefined;
    try {
      body = await readBody(request, MAX_PROVIDER_BODY_BYTES);
    } catch {
      // The client disconnected before its request was complete, so no provider would have executed it.
      return;
    }
    const method = request.method ?? 'GET';
    if (!body) return this.reply(response, this.provider.failures.tooLarge());
    this.handleProviderCall({ method, target, headers: request.headers, body }, response);
  }

  private handleProviderCall(request: ReceivedRequest, response: ServerResponse): void {
    const call = this.provider.recognise(request);
    const log = this.calls.open(call);
    if (!this.limiter.admits(call.endpoint)) {
      const refusal = this.provider.failures.rateLimited();
      log.responded(refusal.status, refusal.code);
      return this.reply(response, refusal, { 'retry-after': retryAfterValue(this.settings.retryAfter) });
    }
    const rule = this.faults.pick(call);
    if (rule) return deliverFault(rule, { provider: this.provider, request, call, response, log });
    const reply = call.carryOut();
    if (reply.processed) log.processed();
    log.responded(reply.status, reply.code);
    this.reply(response, reply);
  }

  private reply(response: ServerResponse, reply: ApiResponse, headers?: Record<string, string | undefined>): void {
    const sendIt = (): void => send(response, reply.status, textOfBody(reply.body), headers);
    if (this.settings.latencyMs === 0) return sendIt();
    const timer = setTimeout(sendIt, this.settings.latencyMs);
    response.once('close', () => clearTimeout(timer));
  }
}

/** What a simulator of a provider starts with, besides the options of the shared half. */
export interface FirstState<Seed, Given> {
  users: Seed | undefined;
  settings: Given;
}

/** A provider's half of a simulator, with what all of them share: settings, repeated calls, the log, the first state. */
export abstract class ProviderHalf<Seed, Given, Settings extends LiveSettings> implements Controls {
  readonly calls: CallLog;
  onConfigured: (settings: Settings) => void = () => undefined;
  protected readonly repeats = new RepeatLog();
  protected settings: Settings;

  constructor(
    private readonly schema: z.ZodType<Settings>,
    private readonly first: FirstState<Seed, Given>,
    { callLogLimit = DEFAULT_CALL_LOG_LIMIT }: SimulatorOptions,
  ) {
    this.calls = new CallLog(callLogLimit);
    this.settings = parseControlBody(schema, first.settings);
  }

  abstract seed(body: unknown): SeedSummary;
  abstract figures(): object;
  abstract state(): object;
  /** Removes all users and effects. */
  protected abstract clear(): void;

  configure(body: unknown): void {
    const changed = typeof body === 'object' ? body : {};
    this.settings = parseControlBody(this.schema, { ...this.settings, ...changed });
    this.onConfigured(this.settings);
  }

  reset(): void {
    this.clear();
    this.repeats.clear();
    this.configure(parseControlBody(this.schema, this.first.settings));
    if (this.first.users) this.seed(this.first.users);
  }
}

/** The operations of the control API, as methods of a running simulator. */
export interface Operations<Seed, Given, Figures, State> {
  /** Adds users. Throws `ControlError` naming an invalid field. */
  seed(users: Seed): SeedSummary;
  /** Replaces the given settings and keeps the others. */
  configure(settings: Given): void;
  figures(): Figures;
  state(): State;
}

/** Starts the simulator of a provider from its half. Rejects when the port is in use. */
export async function startSimulatorOf<Seed, Given, Settings extends LiveSettings, Figures, State>(
  half: { figures(): Figures; state(): State } & ProviderHalf<Seed, Given, Settings> & Provider,
  options: SimulatorOptions & { endpoints: readonly string[] },
): Promise<RunningSimulator & Operations<Seed, Given, Figures, State>> {
  const simulator = new Simulator(half, half, half.calls, options);
  half.onConfigured = (live) => simulator.configure(live);
  const running = await simulator.start();
  return {
    ...running,
    seed: (more) => half.seed(more),
    configure: (changed) => half.configure(changed),
    figures: () => half.figures(),
    state: () => half.state(),
  };
}

interface Limit {
  perSecond: number;
  burst?: number | undefined;
}

/** A token bucket that starts full and refills evenly. */
class TokenBucket {
  private readonly capacity: number;
  private tokens: number;
  private filledAtMs = performance.now();

  constructor(private readonly limit: Limit) {
    this.capacity = limit.burst ?? Math.max(1, limit.perSecond);
    this.tokens = this.capacity;
  }

  refill(): void {
    const nowMs = performance.now();
    this.tokens = Math.min(this.capacity, this.tokens + ((nowMs - this.filledAtMs) / 1000) * this.limit.perSecond);
    this.filledAtMs = nowMs;
  }

  hasToken(): boolean {
    return this.tokens >= 1;
  }

  take(): void {
    this.tokens -= 1;
  }
}

/** One bucket per limited endpoint, and one for `*`. A call needs a token from each bucket that applies to it. */
class RateLimiter {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(limits: Partial<Record<string, Limit>>) {
    for (const [endpoint, limit] of Object.entries(limits)) {
      if (limit) this.buckets.set(endpoint, new TokenBucket(limit));
    }
  }

  /**
   * Takes the call's tokens and returns true, or takes none and returns false, so that a refused call costs nothing.
   */
  admits(endpoint: string): boolean {
    if (this.buckets.size === 0) return true;
    const concerned = [this.buckets.get(endpoint), this.buckets.get('*')].filter((bucket) => bucket !== undefined);
    for (const bucket of concerned) bucket.refill();
    if (!concerned.every((bucket) => bucket.hasToken())) return false;
    for (const bucket of concerned) bucket.take();
    return true;
  }
}
