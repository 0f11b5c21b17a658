import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'libsql';

/** A connection to the ledger that can be blocked, so that the ledger cannot be written. */
export interface LedgerProxy {
  /** The URL of the ledger for workers. */
  url: string;
  /** What is blocked, in words. */
  words: string;
  shutFor(ms: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens such a connection to a ledger. The file of libSQL is blocked by a lock of another process; a Postgres by
 * breaking all connections and refusing new ones, as when the server restarts.
 */
export async function openLedgerProxy(url: string): Promise<LedgerProxy> {
  return url.startsWith('file:') ? lockableFile(url) : postgresProxy(url);
}

function lockableFile(url: string): LedgerProxy {
  return {
    url,
    words: "the ledger's file locked by another process",
    shutFor: async (ms) => {
      const database = new Database(url.slice('file:'.length));
      try {
        database.exec('pragma busy_timeout = 2000');
        database.exec('begin immediate');
        await delay(ms);
        database.exec('rollback');
      } finally {
        database.close();
      }
    },
    close: () => Promise.resolve(),
  };
}

async function postgresProxy(url: string): Promise<LedgerProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const shut = (): void => {
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const proxy = new URL(url);
  proxy.hostname = '127.0.0.1';
  proxy.port = String(port);
  return {
    url: proxy.href,
    words: 'Postgres out of reach',
    shutFor: async (ms) => {
      shut();
      await delay(ms);
      await listen(port);
    },
    close: async () => shut(),
  };
}
