import { randomUUID } from 'node:crypto';
import type { LocalStack } from '../../local-stack';
import { runBareSweep } from './bare-sweep';
import { measureSweep, seedSweep } from './measured-sweep';
import type { MeasuredSweep } from './measured-sweep';
import { MemoryWatch } from './memory';

/** As many calls at a time as a process has with one key. */
const CONCURRENCY = 64;

/** A local stack on which sweeps and bare loops take turns, each over users of its own. */
export class SweepStand {
  #latencyMs = 0;

  constructor(private readonly stack: LocalStack) {}

  /** How long the simulators take for an answer from now on. */
  answerAfter(latencyMs: number): void {
    this.#latencyMs = latencyMs;
    this.stack.simulators.plaid.configure({ latencyMs });
  }

  async sweep(users: number, more: Parameters<typeof measureSweep>[2] = {}): Promise<MeasuredSweep> {
    const sweepId = await seedSweep(this.stack, freshPrefix(), users);
    const measured = await measureSweep(this.stack, sweepId, more);
    this.#forget();
    return measured;
  }

  /** A sweep, and how many megabytes its worker held while it ran, seeding included. */
  async watchedSweep(users: number): Promise<{ sweep: MeasuredSweep; megabytes: number }> {
    const watch = new MemoryWatch(this.stack.workerPid);
    try {
      const sweep = await this.sweep(users);
      return { sweep, megabytes: watch.stop() };
    } finally {
      watch.stop();
    }
  }

  /** @returns Users for each second. */
  async bare(users: number): Promise<number> {
    const { plaid } = this.stack.simulators;
    const prefix = freshPrefix();
    plaid.seed({ generate: { count: users, prefix, itemsPerUser: 1 } });
    const { url, clientId, secret } = plaid;
    const ms = await runBareSweep({ url, clientId, secret, prefix, users, concurrency: CONCURRENCY });
    this.#forget();
    return perSecond(users, ms);
  }

  /** Who is gone is gone; the simulators would keep them, and their calls, for ever. */
  #forget(): void {
    this.stack.simulators.plaid.reset();
    this.answerAfter(this.#latencyMs);
  }
}

export function perSecond(users: number, ms: number): number {
  return (users / ms) * 1_000;
}

/** By how many percent one is more than the other; 0 when it is less. */
export function growthInPercent(from: number, to: number): number {
  return Math.max(0, (to / from - 1) * 100);
}

function freshPrefix(): string {
  return `usr_${randomUUID().slice(0, 8)}_`;
}
