import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { isThisMachine } from '../../transport/plaintext';
import type { PostgresTarget, PostgresTls } from '../../transport/postgres-url';
import { LedgerUnavailableError } from '../ledger';

/** A connection to Postgres was closed before a secret was sent over it. */
export class PostgresRefusedError extends LedgerUnavailableError {}

/** Options of {@link GuardedClient}. */
export interface GuardedClientConfig extends ClientConfig {
  guard: PasswordGuard;
}

/** Which ways of sending a password are refused on a connection. */
interface PasswordGuard {
  /** The server's identity or the connection's secrecy is unproven: refuse to send the password in clear. */
  refuseClear: boolean;
  /** The same on another machine: refuse MD5 as well, which can be replayed and is cheap to brute-force. */
  refuseMd5: boolean;
}

/**
 * Returns the options of a connection to this target. PGHOST and PGSSLMODE have no influence. A connection without
 * verified TLS must stay on this machine: if the name resolves elsewhere, it is closed before anything is sent.
 *
 * @param isAllowed Which addresses count as this machine. Tests pass their own function.
 */
export function clientConfig(
  target: PostgresTarget,
  isAllowed: (address: string) => boolean = isThisMachine,
): GuardedClientConfig {
  const { host, port, user, password, database, tls, options, plaintextAllowed } = target;
  const unchecked = tls === undefined || tls.verify === 'none';
  return {
    host,
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(options !== undefined && { options }),
    ssl: tls ? tlsOptions(tls) : false,
    ...(unchecked && !plaintextAllowed && { stream: () => socketWithin(isAllowed) }),
    guard: { refuseClear: unchecked, refuseMd5: unchecked && !isThisMachine(host) },
  };
}

/** Always sets `rejectUnauthorized`, because NODE_TLS_REJECT_UNAUTHORIZED would decide otherwise. */
function tlsOptions({ verify, ca, cert, key }: PostgresTls): ConnectionOptions {
  return {
    rejectUnauthorized: verify !== 'none',
    ...(verify !== 'full' && { checkServerIdentity: () => undefined }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** A Unix socket has no remote address. */
function socketWithin(isAllowed: (address: string) => boolean): Socket {
  const socket = new Socket();
  // Runs before the client's own listener, which sends the first bytes.
  socket.once('connect', () => {
    if (socket.remoteAddress !== undefined && !isAllowed(socket.remoteAddress)) {
      socket.destroy(
        new PostgresRefusedError(
          'The host of the database is not this machine, and the connection has no verified TLS.',
        ),
      );
    }
  });
  return socket;
}

/** A client that refuses to send the password to an unverified server, and only proves that it knows it (SCRAM). */
export class GuardedClient extends Client {
  constructor(config?: GuardedClientConfig) {
    super(config);
    if (config) guardPassword(this.connection, config.guard);
  }
}

/** The part of `pg`'s connection that sends a password in clear or as MD5. SCRAM does not use it. */
interface PasswordSender {
  stream: { destroy(error: Error): void };
  password(password: string): void;
  on(event: 'authenticationCleartextPassword' | 'authenticationMD5Password', listener: () => void): void;
}

function guardPassword(connection: unknown, { refuseClear, refuseMd5 }: PasswordGuard): void {
  const sender = connection as PasswordSender;
  const send = sender.password.bind(sender);
  let refused = '';
  sender.on('authenticationCleartextPassword', () => (refused = refuseClear ? 'in clear' : ''));
  sender.on('authenticationMD5Password', () => (refused = refuseMd5 ? 'as MD5' : ''));
  sender.password = (password) => {
    if (refused === '') send(password);
    // Destroying the stream also closes the connection, which the client would leave open.
    else
      sender.stream.destroy(
        new PostgresRefusedError(
          `The database requests the password ${refused} on a connection without verified TLS. Configure SCRAM (scram-sha-256 in pg_hba.conf) or TLS.`,
        ),
      );
  };
}
