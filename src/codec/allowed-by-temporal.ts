import { randomBytes } from 'node:crypto';
import { isGrpcServiceError } from '@temporalio/client';
import type { Connection } from '@temporalio/client';
import type { Authorize } from './codec-handler';

/** The server lets everybody read, so that asking it protects nothing. */
export class EverybodyAllowedError extends Error {
  override readonly name = 'EverybodyAllowedError';
}

/** What the UI passes on of a person's login, to a Temporal server and to a codec server alike. */
const LOGIN_HEADERS = ['authorization', 'authorization-extras'] as const;

/** How long the server may take to say so. */
const ASK_MS = 10_000;

/** The codes of gRPC with which a server refuses somebody. */
const REFUSALS: readonly number[] = [7, 16];

/**
 * Lets in whom the Temporal server lets read the namespace: the login that a caller sends (the UI adds that of the person,
 * where it is told to pass the access token) is shown to the server, which knows best. It is asked each time, so that a
 * right that was withdrawn ends at once. Callers who name another namespace are refused, since payloads name none.
 *
 * @param connection One without credentials of its own: they would be taken for the caller's.
 * @throws EverybodyAllowedError when the server takes a login that was made up.
 */
export async function allowedByTemporal(connection: Connection, namespace: string): Promise<Authorize> {
  const madeUp = { authorization: `Bearer ${randomBytes(32).toString('base64url')}` };
  if (await mayRead(connection, namespace, madeUp)) {
    throw new EverybodyAllowedError(
      `The Temporal server lets everybody read the namespace ${namespace}: it took a login that was made up.`,
    );
  }
  return async ({ headers }) => {
    const asked = headers.get('x-namespace') ?? namespace;
    if (asked !== namespace || !headers.has('authorization')) return false;
    return mayRead(connection, namespace, loginIn(headers));
  };
}

function loginIn(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    LOGIN_HEADERS.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? '']] : [])),
  );
}

async function mayRead(connection: Connection, namespace: string, login: Record<string, string>): Promise<boolean> {
  try {
    await connection.withDeadline(Date.now() + ASK_MS, () =>
      connection.withMetadata(login, () => connection.workflowService.describeNamespace({ namespace })),
    );
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && REFUSALS.includes(Number(error.code))) return false;
    throw error;
  }
}
