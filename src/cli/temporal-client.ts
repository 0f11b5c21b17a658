import { setMaxListeners } from 'node:events';
import { Client, Connection } from '@temporalio/client';
import { readEncryptionSettings } from '../config/encryption-settings';
import { EncryptionPlugin } from '../encryption-plugin';
import type { Io } from './io';
import { readTemporalConfig } from './temporal-config';
import { asCommandFailure } from './temporal-failure';
import type { TemporalOptions } from './temporal-options';

/** A refused connection is tried again until then. */
const CONNECT_MS = 4_000;

/**
 * Connects to the Temporal server that options, environment and profile name (in this order), and disconnects at the end.
 * Payloads are encrypted where the environment has a key.
 *
 * @throws SettingsError when the key cannot be used.
 * @throws CommandFailure `TemporalUnavailable`, saying where it looked and what can be done, when the server gives no
 * answer, refuses the login or has no such namespace.
 */
export async function withTemporal<T>(io: Io, options: TemporalOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const { connectionOptions, namespace, where } = readTemporalConfig(io, options);
  const plugins = encryptionPlugins(io);
  try {
    const connection = await Connection.connect({ ...connectionOptions, connectTimeout: CONNECT_MS });
    const ending = new AbortController();
    // Each call of the client listens to it.
    setMaxListeners(0, ending.signal);
    try {
      const client = new Client({ connection, plugins, ...(namespace !== undefined && { namespace }) });
      return await client.withAbortSignal(ending.signal, () => use(client));
    } finally {
      // A call that is open when the connection closes would be tried again by a timer, over a connection that is not there.
      ending.abort();
      await connection.close();
    }
  } catch (error) {
    throw asCommandFailure(error, where);
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
  const connection = Connection.lazy({ ...connectionOptions, connectTimeout: CONNECT_MS });
  return {
    client: new Client({ connection, plugins: encryptionPlugins(io), ...(namespace !== undefined && { namespace }) }),
    address: connectionOptions.address,
    namespace: namespace ?? 'default',
    where,
    close: () => connection.close(),
  };
}
