import { readText } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';

/** Concurrency limits of a worker process. */
export interface WorkLimits {
  /** Sweep calls in flight per key of a service. */
  callsPerKey: number;
  /** Connections, and so calls in flight, per origin. */
  connectionsPerOrigin: number;
  /** Users of sweeps that are in progress; after a crash, each of them is read again. */
  openUsers: number;
  /** Concurrent chunks and bulk calls of sweeps. */
  chunkSlots: number;
}

export const DEFAULT_WORK_LIMITS: Readonly<WorkLimits> = {
  callsPerKey: 64,
  connectionsPerOrigin: 64,
  openUsers: 250,
  chunkSlots: 2,
};

/** For each limit, its setting and its maximum. */
const SETTINGS = {
  callsPerKey: { setting: 'HTTP_TASKS_CALLS_PER_KEY', most: 1_000 },
  connectionsPerOrigin: { setting: 'HTTP_TASKS_CONNECTIONS_PER_ORIGIN', most: 1_000 },
  openUsers: { setting: 'HTTP_TASKS_OPEN_USERS', most: 5_000 },
  chunkSlots: { setting: 'HTTP_TASKS_CHUNK_SLOTS', most: 16 },
} as const;

const NAMES = Object.keys(SETTINGS) as (keyof WorkLimits)[];

/** Reads the limits; adds invalid ones to `problems`. */
export function readWorkLimits(env: Env, problems: ProblemList): WorkLimits {
  const limits = { ...DEFAULT_WORK_LIMITS };
  for (const name of NAMES) {
    const { setting, most } = SETTINGS[name];
    const given = readText(env, setting);
    if (given === undefined) continue;
    const number = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
    if (number >= 1 && number <= most) limits[name] = number;
    else problems.add(setting, `"${given}" is not valid; allowed: a whole number from 1 to ${most}.`);
  }
  return limits;
}

/**
 * Returns the limits that were read, overridden by those given in code.
 *
 * @throws TypeError that names the invalid limit.
 */
export function withLimits(read: WorkLimits, given: Partial<WorkLimits> = {}): WorkLimits {
  for (const name of NAMES) {
    const number = given[name];
    const { most } = SETTINGS[name];
    if (number !== undefined && !(Number.isInteger(number) && number >= 1 && number <= most)) {
      throw new TypeError(`limits.${name} must be a whole number from 1 to ${most}.`);
    }
  }
  return { ...read, ...given };
}
