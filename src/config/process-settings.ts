import { readText } from './env';
import type { Env } from './env';
import { parseListenAddress } from './listen-address';
import type { ListenAddress } from './listen-address';
import type { ProblemList } from './problems';
import { readTracing } from './tracing-settings';
import type { TracingSettings } from './tracing-settings';

/** Settings that only this package's own worker process needs; a host decides these things itself. */
export interface ProcessSettings {
  /** Address of the Prometheus metrics; not served if absent. */
  metrics?: ListenAddress;
  /** Address of `/healthz` and `/readyz`; not served if absent. */
  health?: ListenAddress;
  /** Maximum time between a shutdown signal and the end of the process, in milliseconds. */
  shutdownMs: number;
  /** The version that Temporal knows this worker's code by; unversioned if absent. */
  deployment?: Deployment;
  /** Where spans are sent; tracing is off if absent. */
  tracing?: TracingSettings;
}

/** How runs move to a newer version of a worker. */
export const VERSIONING_BEHAVIORS = ['auto-upgrade', 'pinned'] as const;

/** A version of a worker's code, for Temporal's worker versioning. */
export interface Deployment {
  name: string;
  buildId: string;
  behavior: (typeof VERSIONING_BEHAVIORS)[number];
}

/**
 * Default shutdown time in milliseconds: long enough for an irreversible call in flight to time out and be recorded.
 */
export const DEFAULT_SHUTDOWN_MS = 300_000;
const MIN_SHUTDOWN_MS = 1_000;
const MAX_SHUTDOWN_MS = 3_600_000;

/** Reads what a worker process needs besides the settings of its tasks; adds invalid settings to `problems`. */
export function readProcess(env: Env, problems: ProblemList): ProcessSettings {
  const metrics = readAddress(env, 'HTTP_TASKS_METRICS_ADDRESS', problems);
  const health = readAddress(env, 'HTTP_TASKS_HEALTH_ADDRESS', problems);
  if (metrics && health && metrics.port === health.port) {
    problems.add(
      'HTTP_TASKS_HEALTH_ADDRESS',
      'has the same port as HTTP_TASKS_METRICS_ADDRESS; use a different port for each.',
    );
  }
  const deployment = readDeployment(env, problems);
  const tracing = readTracing(env, problems);
  return {
    ...(metrics && { metrics }),
    ...(health && { health }),
    shutdownMs: readShutdown(env, problems),
    ...(deployment && { deployment }),
    ...(tracing && { tracing }),
  };
}

function readAddress(env: Env, setting: string, problems: ProblemList): ListenAddress | undefined {
  const given = readText(env, setting);
  if (given === undefined) return undefined;
  const address = parseListenAddress(given);
  if (!address)
    problems.add(
      setting,
      `"${given}" is not an address; write a port (9464) to listen on this machine only, or HOST:PORT (0.0.0.0:9464).`,
    );
  return address;
}

function readShutdown(env: Env, problems: ProblemList): number {
  const given = readText(env, 'HTTP_TASKS_SHUTDOWN_MS');
  if (given === undefined) return DEFAULT_SHUTDOWN_MS;
  const ms = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (ms >= MIN_SHUTDOWN_MS && ms <= MAX_SHUTDOWN_MS) return ms;
  problems.add(
    'HTTP_TASKS_SHUTDOWN_MS',
    `"${given}" is not valid; allowed: a whole number of milliseconds from ${MIN_SHUTDOWN_MS} to ${MAX_SHUTDOWN_MS}.`,
  );
  return DEFAULT_SHUTDOWN_MS;
}

function readDeployment(env: Env, problems: ProblemList): Deployment | undefined {
  const name = readText(env, 'HTTP_TASKS_DEPLOYMENT');
  const buildId = readText(env, 'HTTP_TASKS_BUILD_ID');
  const behavior = readBehavior(env, problems);
  if (name !== undefined && buildId !== undefined) {
    // Temporal writes a version as NAME.BUILD, and refuses a name that contains a dot.
    if (name.includes('.'))
      problems.add(
        'HTTP_TASKS_DEPLOYMENT',
        `"${name}" contains a dot, which Temporal does not allow in the name of a deployment.`,
      );
    return { name, buildId, behavior };
  }
  if (name !== undefined)
    problems.add(
      'HTTP_TASKS_BUILD_ID',
      'is missing; a deployment (HTTP_TASKS_DEPLOYMENT) needs the version of its code.',
    );
  if (buildId !== undefined)
    problems.add(
      'HTTP_TASKS_DEPLOYMENT',
      'is missing; a build ID (HTTP_TASKS_BUILD_ID) needs the name of its deployment.',
    );
  return undefined;
}

function readBehavior(env: Env, problems: ProblemList): Deployment['behavior'] {
  const given = readText(env, 'HTTP_TASKS_VERSIONING') ?? 'auto-upgrade';
  const behavior = VERSIONING_BEHAVIORS.find((name) => name === given);
  if (!behavior)
    problems.add('HTTP_TASKS_VERSIONING', `"${given}" is not valid; allowed: ${VERSIONING_BEHAVIORS.join(', ')}.`);
  return behavior ?? 'auto-upgrade';
}
