import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { startGateway } from '@temporal-http-tasks/console/internal/gateway/start-gateway';
import type { GatewayOptions } from '@temporal-http-tasks/console/internal/gateway/gateway';
import type { RunningGateway } from '@temporal-http-tasks/console/internal/gateway/start-gateway';

/** What a request to a gateway came to. */
export interface Asked<T> {
  status: number;
  headers: Headers;
  body: T;
  text: string;
}

/** The token of a stage that names no other. */
export const STAGE_TOKEN = 'a-token-for-tests-only';

/** A gateway of the test's own. */
export interface GatewayStage extends RunningGateway {
  /** Sends a request with the gateway's token, unless `headers` has another `authorization`. */
  ask<T = Record<string, never>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Asked<T>>;
}

/** Starts a gateway on the loopback interface. */
export async function openGateway(
  options: Partial<GatewayOptions> & { tasks?: readonly HttpTask[] } = {},
): Promise<GatewayStage> {
  const { token = STAGE_TOKEN } = options;
  const gateway = await startGateway(
    { host: '127.0.0.1', port: 0 },
    { env: {}, tasks: CATALOGUE, taskQueue: 'http-tasks', version: '0.0.0', allowOrigins: [], ...options, token },
  );
  return {
    ...gateway,
    ask: async <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(`${gateway.url}${path}`, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          connection: 'close',
          authorization: `Bearer ${token}`,
          ...headers,
        },
        ...(body !== undefined && {
          body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
        }),
      });
      const text = await response.text();
      const isJson = /\/json\b/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: (isJson ? JSON.parse(text) : undefined) as T,
      };
    },
  };
}
