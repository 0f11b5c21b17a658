import { randomBytes } from 'node:crypto';
import { isGrpcServiceError } from '@temporalio/client';
import type { Connection } from '@temporalio/client';
import type { Authorize } from './codec-handler';

/** The Temporal server lets any login read the namespace, so it cannot authorize callers. */
export class AllCallersAllowedError extends Error {
  override readonly name = 'AllCallersAllowedError';
}

/** Headers in which the UI sends the user's login to the Temporal server and to a codec server. */
const LOGIN_HEADERS = ['authorization', 'authorization-extras'] as const;

/** Maximum duration of the request to the server, in milliseconds. */
const DEADLINE_MS = 10_000;

/** gRPC codes of a refused login: permission denied and unauthenticated. */
const REFUSALS: readonly number[] = [7, 16];

/**
 * Allows callers whom the Temporal server allows to read the namespace, by presenting the caller's login to the server
 * (the UI sends the user's login if it is configured to pass the access token). Checked at each call, so that a revoked
 * permission takes effect immediately. Callers that name another namespace are refused, because payloads do not name
 * theirs.
 *
 * @param connection A connection without its own credentials, which would replace the caller's.
 * @throws AllCallersAllowedError when the server accepts an invented login.
 */
export async function allowedByTemporal(connection: Connection, namespace: string): Promise<Authorize> {
  const invented = { authorization: `Bearer ${randomBytes(32).toString('base64url')}` };
  if (await mayRead(connection, namespace, invented)) {
    throw new AllCallersAllowedError(
      `The Temporal server lets any login read the namespace ${namespace}: it accepted an invented one.`,
    );
  }
  return async ({ headers }) => {
    const requested = headers.get('x-namespace') ?? namespace;
    if (requested !== namespace || !headers.has('authorization')) return false;
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
    await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      connection.withMetadata(login, () => connection.workflowService.describeNamespace({ namespace })),
    );
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && REFUSALS.includes(Number(error.code))) return false;
    throw error;
  }
}
