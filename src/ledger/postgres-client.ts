import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { isThisMachine } from '../transport/plaintext';
import type { PostgresTarget, PostgresTls } from '../transport/postgres-url';
import { LedgerUnavailableError } from './ledger';

/** A connection to Postgres was given up before it could carry a secret. */
export class PostgresRefusedError extends LedgerUnavailableError {}

/** What {@link GuardedClient} needs beside the usual options of a client. */
export interface GuardedClientConfig extends ClientConfig {
  guard: PasswordGuard;
}

/** Which ways to send a password are refused on a connection. */
interface PasswordGuard {
  /** The server may be someone else, or others may listen: no password in clear. */
  refuseClear: boolean;
  /** The same beyond this machine: no MD5 either, which can be replayed and is cheap to guess from. */
  refuseMd5: boolean;
}

/**
 * The options of a connection to this target. Nothing of it is left to PGHOST or PGSSLMODE, and a connection without
 * checked TLS that has to stay on this machine is closed, before anything is sent, when the name leads elsewhere.
 *
 * @param isAllowed Which addresses count as this machine. Tests pass their own.
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

/** `rejectUnauthorized` is always said, since NODE_TLS_REJECT_UNAUTHORIZED would decide otherwise. */
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
  // The first to hear of the connection; the client writes when it hears of it next.
  socket.once('connect', () => {
    if (socket.remoteAddress !== undefined && !isAllowed(socket.remoteAddress)) {
      socket.destroy(
        new PostgresRefusedError(
          'The name of the database leads beyond this machine, and the connection is without checked TLS.',
        ),
      );
    }
  });
  return socket;
}

/** A client that proves that it knows the password (SCRAM) instead of sending it, where the server was not checked. */
export class GuardedClient extends Client {
  constructor(config?: GuardedClientConfig) {
    super(config);
    if (config) guardPassword(this.connection, config.guard);
  }
}

/** The part of `pg`'s connection that sends a password, in clear or as MD5; SCRAM does not use it. */
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
    // Also closes the connection, which the client would leave open.
    else
      sender.stream.destroy(
        new PostgresRefusedError(
          `The database asks for the password ${refused}, on a connection without checked TLS. Let it use SCRAM (scram-sha-256 in pg_hba.conf), or TLS.`,
        ),
      );
  };
}
