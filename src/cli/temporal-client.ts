import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { CommandFailure, Refusal } from './errors';
import type { Io } from './io';
import type { TemporalOptions } from './temporal-options';

const DEFAULT_ADDRESS = 'localhost:7233';

/** A refused connection is tried again until then. */
const CONNECT_MS = 4_000;

/**
 * Connects to the Temporal server that options, environment and profile name (in this order), and disconnects at the end.
 *
 * @throws CommandFailure `TemporalUnavailable`, saying where it looked and what can be done, when the server gives no
 * answer, refuses the login or has no such namespace.
 */
export async function withTemporal<T>(io: Io, options: TemporalOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const { connectionOptions, namespace } = loadConfig(io, options);
  const address = options.address ?? connectionOptions.address ?? DEFAULT_ADDRESS;
  const named = options.namespace ?? namespace;
  const where = `${address}, namespace ${named ?? 'default'}`;
  try {
    const connection = await Connection.connect({ ...connectionOptions, address, connectTimeout: CONNECT_MS });
    try {
      return await use(new Client({ connection, ...(named !== undefined && { namespace: named }) }));
    } finally {
      await connection.close();
    }
  } catch (error) {
    throw asCommandFailure(error, where);
  }
}

function loadConfig(io: Io, { profile }: TemporalOptions): ReturnType<typeof loadClientConnectConfig> {
  const env = Object.entries(io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  try {
    return loadClientConnectConfig({ ...(profile !== undefined && { profile }), overrideEnvVars: Object.fromEntries(env) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Refusal('Settings', `Temporal's configuration (TEMPORAL_* or its file) cannot be used: ${why}`);
  }
}

/** A sentence for whoever has to act, instead of gRPC's own words about sockets and deadlines. */
function asCommandFailure(error: unknown, where: string): unknown {
  if (!(error instanceof Error)) return error;
  const cause = isGrpcServiceError(error) ? error : error.cause;
  if (/^Failed to connect before the deadline|^Failed to establish/i.test(error.message)) return unreachable(where);
  if (!isGrpcServiceError(cause)) return error.name === 'NamespaceNotFoundError' ? unavailable(`There is no such namespace at ${where}.`) : error;
  switch (Number(cause.code)) {
    case GRPC.deadlineExceeded:
    case GRPC.unavailable:
      return unreachable(where);
    case GRPC.notFound:
      return unavailable(`The Temporal server at ${where} says: ${cause.details}.`);
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return unavailable(`The Temporal server at ${where} refuses the login; check TEMPORAL_API_KEY and the TLS settings.`);
    default:
      return unavailable(`The Temporal server at ${where} answered: ${cause.details}.`);
  }
}

/** The codes of gRPC that mean something to a person here. */
const GRPC = { deadlineExceeded: 4, notFound: 5, permissionDenied: 7, unavailable: 14, unauthenticated: 16 } as const;

function unreachable(where: string): CommandFailure {
  return unavailable(`No Temporal server answers at ${where}. Start one (for example: temporal server start-dev), or set TEMPORAL_ADDRESS.`);
}

function unavailable(message: string): CommandFailure {
  return new CommandFailure('TemporalUnavailable', message);
}
