import { readFileSync } from 'node:fs';

const EVERY_MS = 250;

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
