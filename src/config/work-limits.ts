import { readText } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';

/** How much a worker process does at a time. */
export interface WorkLimits {
  /** Calls of sweeps in flight under one key of a service. */
  callsPerKey: number;
  /** Connections, and so calls in flight, to one origin. */
  connectionsPerOrigin: number;
  /** Users of sweeps that are begun and not settled; after a crash, each of them is looked at again. */
  openUsers: number;
  /** Chunks of sweeps, and bulk calls. */
  chunkSlots: number;
}

export const DEFAULT_WORK_LIMITS: Readonly<WorkLimits> = {
  callsPerKey: 64,
  connectionsPerOrigin: 64,
  openUsers: 250,
  chunkSlots: 2,
};

/** By limit: its setting and the most that it may be. */
const SETTINGS = {
  callsPerKey: { setting: 'HTTP_TASKS_CALLS_PER_KEY', most: 1_000 },
  connectionsPerOrigin: { setting: 'HTTP_TASKS_CONNECTIONS_PER_ORIGIN', most: 1_000 },
  openUsers: { setting: 'HTTP_TASKS_OPEN_USERS', most: 5_000 },
  chunkSlots: { setting: 'HTTP_TASKS_CHUNK_SLOTS', most: 16 },
} as const;

const NAMES = Object.keys(SETTINGS) as (keyof WorkLimits)[];

/** Reads the limits; adds what is wrong to `problems`. */
export function readWorkLimits(env: Env, problems: ProblemList): WorkLimits {
  const limits = { ...DEFAULT_WORK_LIMITS };
  for (const name of NAMES) {
    const { setting, most } = SETTINGS[name];
    const given = readText(env, setting);
    if (given === undefined) continue;
    const number = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
    if (number >= 1 && number <= most) limits[name] = number;
    else problems.add(setting, `"${given}" is not possible; allowed: a whole number from 1 to ${most}.`);
  }
  return limits;
}

/**
 * Returns limits of which some are given in code.
 *
 * @throws TypeError naming the limit that is not possible.
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
