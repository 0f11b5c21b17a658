import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createGateway } from './gateway';
import type { GatewayOptions } from './gateway';

/** The address that a gateway listens on. */
export interface GatewayAddress {
  host: string;
  /** 0 selects a free port. */
  port: number;
}

/** A running gateway. */
export interface RunningGateway {
  /** URL on this machine. */
  url: string;
  /** Accepts no more requests and waits for those in progress, because a call that was sent has to be recorded. */
  close(): Promise<void>;
}

/**
 * Starts a gateway.
 *
 * @throws TypeError if it has no token or no host.
 */
export async function startGateway({ host, port }: GatewayAddress, options: GatewayOptions): Promise<RunningGateway> {
  // Callers may not be type-checked, and an empty token would admit every caller.
  if (!options.token)
    throw new TypeError('A gateway needs a token, also on this machine: every program here can reach the port.');
  if (host === '') throw new TypeError('A gateway needs a host; an empty one would be every address of this machine.');
  const listener = getRequestListener(createGateway(options).fetch);
  const server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound, family } = server.address() as AddressInfo;
  const named = host === '0.0.0.0' || host === '::' ? 'localhost' : family === 'IPv6' ? `[${host}]` : host;
  return {
    url: `http://${named}:${bound}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await closed;
    },
  };
}

/** Whether only this machine can connect to this host. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
