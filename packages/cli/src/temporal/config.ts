import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readPlaintext } from 'temporal-http-tasks/internal/config/database-settings';
import { ProblemList } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { isThisMachine, whyTlsIsNeeded } from 'temporal-http-tasks/internal/transport/plaintext';
import type { Io } from '../program/io';
import type { TemporalOptions } from './options';

type LoadedConfig = ReturnType<typeof loadClientConnectConfig>;

/** Address of the Temporal server if no setting names one. */
export const DEFAULT_TEMPORAL_ADDRESS = 'localhost:7233';

const SETTING = 'TEMPORAL_ADDRESS';
const ADDRESS = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::\d{1,5})?$/;

/** Values that take precedence over the environment and a profile. */
export interface TemporalPlace {
  address?: string | undefined;
  namespace?: string | undefined;
  profile?: string | undefined;
  /** `false` if the address is only displayed, so that nothing leaves this machine. @default true */
  connects?: boolean;
}

/** How a process of this package connects to the Temporal server. */
export interface TemporalConnection {
  connectionOptions: LoadedConfig['connectionOptions'] & { address: string };
  namespace?: string;
}

/**
 * Reads the connection to the Temporal server with Temporal's own environment configuration. Beyond this machine it
 * requires TLS, unless HTTP_TASKS_ALLOW_PLAINTEXT lists `temporal`.
 *
 * @throws SettingsError if a TEMPORAL_* setting or the profile is invalid; an address is not repeated.
 */
export function readTemporalConnection(env: Env, place: TemporalPlace = {}): TemporalConnection {
  const problems = new ProblemList();
  const loaded = load(env, place.profile, problems);
  const address = place.address ?? loaded?.connectionOptions.address ?? DEFAULT_TEMPORAL_ADDRESS;
  const wrong = whyNotAddress(
    address,
    place.connects === false || hasTls(loaded) || readPlaintext(env, problems).allows('temporal'),
  );
  if (loaded && wrong !== undefined) problems.add(SETTING, wrong);
  if (place.namespace !== undefined && !/^[\x21-\x7e]+$/.test(place.namespace))
    problems.add('TEMPORAL_NAMESPACE', 'must not be empty, and have printable ASCII characters without blanks only.');
  const { connectionOptions, namespace: configured } = problems.finish(loaded);
  const namespace = place.namespace ?? configured;
  return { connectionOptions: { ...connectionOptions, address }, ...(namespace !== undefined && { namespace }) };
}

function load(env: Env, profile: string | undefined, problems: ProblemList): LoadedConfig | undefined {
  if (profile === '') {
    problems.add('TEMPORAL_PROFILE', 'must not be empty.');
    return undefined;
  }
  const given = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  try {
    return loadClientConnectConfig({
      ...(profile !== undefined && { profile }),
      overrideEnvVars: Object.fromEntries(given),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    problems.add('TEMPORAL_*', `Temporal's configuration (TEMPORAL_* or its file) cannot be used: ${why}`);
    return undefined;
  }
}

function hasTls(loaded: LoadedConfig | undefined): boolean {
  const tls = loaded?.connectionOptions.tls;
  return tls !== undefined && tls !== null && tls !== false;
}

/** Returns the host of a Temporal server address; undefined if it is not HOST or HOST:PORT. */
export function temporalHost(address: string): string | undefined {
  return ADDRESS.exec(address)?.[1];
}

function whyNotAddress(address: string, mayLeave: boolean): string | undefined {
  const host = temporalHost(address);
  if (host === undefined)
    return 'is not the address of a Temporal server; write HOST:PORT, for example temporal.example.com:7233.';
  if (mayLeave || isThisMachine(host)) return undefined;
  return whyTlsIsNeeded(host, 'temporal', 'Set TEMPORAL_TLS=true, TEMPORAL_API_KEY, or tls in the profile.');
}

/** How to reach the Temporal server. */
export interface TemporalConfig {
  connectionOptions: TemporalConnection['connectionOptions'] & { channelArgs?: Record<string, number> };
  namespace?: string;
  /** Address and namespace, for messages. */
  where: string;
}

/** Of gRPC for JavaScript, which would otherwise go through `http_proxy` also to this machine. */
const NO_PROXY = { 'grpc.enable_http_proxy': 0 };

/**
 * Where options, environment and profile (in this order) say that the Temporal server is.
 *
 * @param options.connects `false` when the address is only shown. @default true
 * @throws SettingsError when the profile or a TEMPORAL_* setting cannot be used, and, to connect beyond this machine,
 *   without TLS.
 */
export function readTemporalConfig(io: Io, options: TemporalOptions & { connects?: boolean } = {}): TemporalConfig {
  const { connectionOptions, namespace } = readTemporalConnection(io.env, options);
  const { address } = connectionOptions;
  return {
    connectionOptions: {
      ...connectionOptions,
      ...(isThisMachine(temporalHost(address) ?? '') && { channelArgs: NO_PROXY }),
    },
    ...(namespace !== undefined && { namespace }),
    where: `${address}, namespace ${namespace ?? 'default'}`,
  };
}
