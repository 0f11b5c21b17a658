/**
 * How a property is tried: so many times as a rule, and so many times more as `FUZZ_TIMES` says, each time from another
 * seed. What fails prints its seed, and `FUZZ_SEED` begins with it again.
 */
export function tried(usually: number): { numRuns: number; seed?: number } {
  const { FUZZ_TIMES: times = '1', FUZZ_SEED: seed } = process.env;
  return { numRuns: usually * Number(times), ...(seed !== undefined && { seed: Number(seed) }) };
}

/**
 * Watches for what no test looks at: rejections without a handler, and names that reached into what every object
 * inherits.
 */
export class Bystander {
  readonly #rejections: unknown[] = [];
  readonly #before = inherited();
  readonly #note = (reason: unknown): void => void this.#rejections.push(reason);

  constructor() {
    process.on('unhandledRejection', this.#note);
  }

  /** Fails the test when anything was seen. Rejections are reported after a turn of the event loop. */
  async leave(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', this.#note);
    expect(this.#rejections).toEqual([]);
    expect(inherited()).toEqual(this.#before);
  }
}

function inherited(): string[] {
  return [Object.prototype, Array.prototype, Function.prototype].flatMap((owner) => Object.getOwnPropertyNames(owner));
}

/** Names that mean something to JavaScript, where careless code indexes objects with them. */
export const INHERITED_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
];
