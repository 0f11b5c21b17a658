import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { runBareSweep } from './bare-sweep';
import { measureSweep, seedSweep } from './measured-sweep';
import type { MeasuredSweep } from './measured-sweep';
import { PaceWatch } from './pace';

const EVERY_MS = 250;

/** Number of concurrent calls, as many as a process has with one key. */
const CONCURRENCY = 64;

/** A sweep with measurements of its worker. */
export interface WatchedSweep {
  sweep: MeasuredSweep;
  /** Memory of its worker, including the seeding of its users, in megabytes. */
  megabytes: number;
  /** Calls per second towards its end ÷ those near its beginning. */
  lateOfEarly: number;
}

/** A local stack on which sweeps and bare loops alternate, each over users of its own. */
export class SweepStand {
  #latencyMs = 0;

  constructor(private readonly stack: LocalStack) {}

  /** Sets how long the simulators take for a response from now on. */
  respondAfter(latencyMs: number): void {
    this.#latencyMs = latencyMs;
    this.stack.simulators.plaid.configure({ latencyMs });
  }

  /** Starts one more worker; resolves, when it polls, with a function that ends it. */
  async addWorker(): Promise<() => Promise<void>> {
    return (await this.stack.addWorker()).end;
  }

  /** Calls to Plaid's simulator since the last sweep ended. */
  get calls(): number {
    return this.stack.simulators.plaid.calls({ limit: 0 }).total;
  }

  async sweep(users: number, more: Parameters<typeof measureSweep>[2] = {}): Promise<MeasuredSweep> {
    const sweepId = await seedSweep(this.stack, freshPrefix(), users);
    const measured = await measureSweep(this.stack, sweepId, more);
    this.#forget();
    return measured;
  }

  /** Runs a sweep and measures its worker meanwhile. */
  async watchedSweep(users: number): Promise<WatchedSweep> {
    const memory = new MemoryWatch(this.stack.workerPid);
    // Not by its figures: they count all users, which would slow the simulators down.
    const pace = new PaceWatch(() => this.stack.simulators.plaid.calls({ limit: 0 }).total);
    try {
      const sweep = await this.sweep(users);
      return { sweep, megabytes: memory.stop(), lateOfEarly: pace.stop() };
    } finally {
      memory.stop();
      pace.stop();
    }
  }

  /** @returns Users for each second. */
  async bare(users: number): Promise<number> {
    return perSecond(users, (await this.bareRun(users)).ms);
  }

  /** Runs a bare loop; see {@link runBareSweep}. */
  async bareRun(users: number): ReturnType<typeof runBareSweep> {
    const { plaid } = this.stack.simulators;
    const prefix = freshPrefix();
    plaid.seed({ generate: { count: users, prefix, itemsPerUser: 1 } });
    const { url, clientId, secret } = plaid;
    const measured = await runBareSweep({ url, clientId, secret, prefix, users, concurrency: CONCURRENCY });
    this.#forget();
    return measured;
  }

  /** Clears the simulators, which would keep deleted users, and their calls, forever. */
  #forget(): void {
    this.stack.simulators.plaid.reset();
    this.respondAfter(this.#latencyMs);
  }
}

export function perSecond(users: number, ms: number): number {
  return (users / ms) * 1_000;
}

/** Returns by how many percent one value exceeds the other; 0 when it is less. */
export function growthInPercent(from: number, to: number): number {
  return Math.max(0, (to / from - 1) * 100);
}

function freshPrefix(): string {
  return `usr_${randomUUID().slice(0, 8)}_`;
}

/** Watches the memory of a process; on Linux, where the kernel reports it in /proc. */
export class MemoryWatch {
  readonly #samples: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.#timer = setInterval(() => this.#sample(), EVERY_MS);
  }

  /** Ends the watch. @returns The 95th percentile of the samples, in megabytes; NaN without samples. */
  stop(): number {
    clearInterval(this.#timer);
    const sorted = this.#samples.sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) * 0.95)] ?? Number.NaN;
  }

  #sample(): void {
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
      if (kilobytes !== undefined) this.#samples.push(Number(kilobytes) / 1_000);
    } catch {
      // Another system, or the process has ended.
    }
  }
}
