import { setMaxListeners } from 'node:events';
import { InterceptingCall, Metadata, status } from '@grpc/grpc-js';
import type { Interceptor } from '@grpc/grpc-js';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import { readEncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import type { Io } from '../program/io';
import { asCommandFailure } from './failure';
import { readTemporalConfig } from './config';
import type { TemporalOptions } from './options';

/** A refused connection is tried again until then. */
const CONNECT_MS = 4_000;

/**
 * Maximum pause before a call is retried, in milliseconds: nothing can end the pause, and the command may be ended
 * meanwhile.
 */
const RETRY_WAIT_MS = 1_000;

/** With that pause, an unavailable server is retried for about half a minute. */
const MOST_ATTEMPTS = 30;

/** A connection that can be ended while calls are open or wait to be tried again. */
export interface EndableConnection {
  connection: Connection;
  /** The signal of every call: `client.withAbortSignal`. */
  signal: AbortSignal;
  /** Ends what is open, lets nothing be tried again, and disconnects. */
  end: () => Promise<void>;
}

/**
 * Prepares a connection, which is made when it is first used. Left to itself, the SDK tries a call again by a timer, also
 * over a connection that was closed meanwhile, where its error ends the process.
 */
export function endableConnection(options: ConnectionOptions): EndableConnection {
  const ending = new AbortController();
  const { signal } = ending;
  // Each call of the client listens to it.
  setMaxListeners(0, signal);
  const connection = Connection.lazy({ ...options, interceptors: [retrying(signal), refusingWhen(signal)] });
  return {
    connection,
    signal,
    end: async () => {
      ending.abort();
      await connection.close();
    },
  };
}

function retrying(ended: AbortSignal): Interceptor {
  const { retryableDecider, delayFunction } = defaultGrpcRetryOptions();
  return makeGrpcRetryInterceptor({
    retryableDecider: (attempt, given) => !ended.aborted && attempt < MOST_ATTEMPTS && retryableDecider(1, given),
    delayFunction: (attempt, given) => Math.min(RETRY_WAIT_MS, delayFunction(attempt, given)),
  });
}

function refusingWhen(ended: AbortSignal): Interceptor {
  return (options, nextCall) => new InterceptingCall(ended.aborted ? CANCELLED_CALL : nextCall(options));
}

const nothing = (): void => undefined;

/** A call that is never made. */
const CANCELLED_CALL: ConstructorParameters<typeof InterceptingCall>[0] = {
  cancelWithStatus: nothing,
  getPeer: () => '',
  getAuthContext: () => null,
  sendMessage: nothing,
  sendMessageWithContext: nothing,
  startRead: nothing,
  halfClose: nothing,
  start: (_metadata, listener) => {
    listener?.onReceiveMessage?.(null);
    listener?.onReceiveStatus?.({
      code: status.CANCELLED,
      details: 'The connection was ended.',
      metadata: new Metadata(),
    });
  },
};

/**
 * Connects to the Temporal server that options, environment and profile name (in this order), and disconnects at the end.
 * Payloads are encrypted where the environment has a key.
 *
 * @throws SettingsError when the key cannot be used.
 * @throws CommandFailure `TemporalUnavailable`, saying where it looked and what can be done, when the server does
 * not respond, refuses the login or has no such namespace.
 */
export async function withTemporal<T>(
  io: Io,
  options: TemporalOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const { connectionOptions, namespace, where } = readTemporalConfig(io, options);
  const plugins = encryptionPlugins(io);
  const { connection, signal, end } = endableConnection({ ...connectionOptions, connectTimeout: CONNECT_MS });
  try {
    await connection.ensureConnected();
    const client = new Client({ connection, plugins, ...(namespace !== undefined && { namespace }) });
    return await client.withAbortSignal(signal, () => use(client));
  } catch (error) {
    throw asCommandFailure(error, where);
  } finally {
    await end();
  }
}

function encryptionPlugins({ env }: Io): EncryptionPlugin[] {
  const settings = readEncryptionSettings(env);
  return settings ? [new EncryptionPlugin({ settings })] : [];
}

/** A client that is kept while a command runs. */
export interface KeptTemporal {
  client: Client;
  address: string;
  namespace: string;
  /** Address and namespace, for messages. */
  where: string;
  close(): Promise<void>;
}

/**
 * A client for the Temporal server that options, environment and profile name, which connects when it is first used and
 * again after the server was away. What goes wrong then is for `asCommandFailure` to say. Payloads are encrypted where the
 * environment has a key.
 *
 * @throws SettingsError when the key cannot be used.
 */
export function keepTemporal(io: Io, options: TemporalOptions): KeptTemporal {
  const { connectionOptions, namespace, where } = readTemporalConfig(io, options);
  const { connection, end } = endableConnection({ ...connectionOptions, connectTimeout: CONNECT_MS });
  return {
    client: new Client({ connection, plugins: encryptionPlugins(io), ...(namespace !== undefined && { namespace }) }),
    address: connectionOptions.address,
    namespace: namespace ?? 'default',
    where,
    close: end,
  };
}
