import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientConfig, GuardedClient } from 'temporal-http-tasks/internal/ledger/postgres/client';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { parsePostgresUrl } from 'temporal-http-tasks/internal/transport/postgres-url';
import { postgresReader } from 'temporal-http-tasks/internal/sources/postgres/reader';
import { createAuthority } from '../support/certificates';
import { startPostgres } from '../support/postgres-server';
import type { PostgresServer } from '../support/postgres-server';

const SUBJECT_KEY = 'a subject key for tests only';
const PASSWORD = 'canary-password-4711';

const folder = mkdtempSync(join(tmpdir(), 'http-tasks-tls-'));
const servers: Server[] = [];
const databases: PostgresServer[] = [];

afterAll(async () => {
  // Waits for every connection: one that was refused is closed.
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  for (const database of databases) await database.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Asks = 'in clear' | 'as MD5' | 'SCRAM, then in clear' | 'no TLS' | 'TLS with more behind';

function authentication(method: number, more = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.write('R');
  head.writeInt32BE(8 + more.length, 1);
  head.writeInt32BE(method, 5);
  return Buffer.concat([head, more]);
}

/** Something on a port that speaks as much Postgres as it takes to ask for a password; `heard` is all that it was sent. */
async function impostor(asks: Asks): Promise<{ port: number; heard: () => string }> {
  let heard = '';
  const server = createServer((socket) => {
    let messages = 0;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      messages += 1;
      if (asks === 'no TLS') socket.write('N');
      else if (asks === 'TLS with more behind') socket.write(Buffer.concat([Buffer.from('S'), authentication(3)]));
      else if (asks === 'as MD5') socket.write(authentication(5, Buffer.from('salt')));
      else if (asks === 'SCRAM, then in clear' && messages === 1)
        socket.write(authentication(10, Buffer.from('SCRAM-SHA-256\0\0')));
      else socket.write(authentication(3));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, heard: () => heard };
}

async function problemOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    return String(error);
  }
  throw new Error('it was not refused');
}

const opened = (url: string, plaintextAllowed = false): Promise<unknown> =>
  openLedger({ url, subjectKey: SUBJECT_KEY, plaintextAllowed }).then((ledger) => ledger.close());

async function readFirst(url: string): Promise<unknown> {
  for await (const page of postgresReader.rows({ url, plaintextAllowed: false, sql: 'select 1 as one', values: [] }))
    return page.rows[0];
  return undefined;
}

function clientOf(url: string, plaintextAllowed: boolean, isAllowed?: (address: string) => boolean): GuardedClient {
  const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });
  if (typeof target === 'string') throw new Error(target);
  return new GuardedClient(clientConfig(target, isAllowed));
}

describe('a server whose certificate was not checked', () => {
  it.each(['in clear', 'SCRAM, then in clear'] as const)('gets no password when it asks for it %s', async (asks) => {
    const { port, heard } = await impostor(asks);
    const url = `postgres://app:${PASSWORD}@127.0.0.1:${port}/x`;
    for (const attempt of [opened, readFirst])
      expect(await problemOf(attempt(url))).toMatch(/requests the password in clear.*SCRAM/);
    expect(heard()).toContain('app');
    expect(heard()).not.toContain(PASSWORD);
  });

  it('gets no MD5 of it beyond this machine either, where plain text is allowed', async () => {
    const { port, heard } = await impostor('as MD5');
    // The name is that of another machine; only the connection is led here.
    const target = parsePostgresUrl(`postgres://app:${PASSWORD}@db.example.com:${port}/x`, {
      item: 'ledger',
      plaintextAllowed: true,
    });
    if (typeof target === 'string') throw new Error(target);
    const client = new GuardedClient({ ...clientConfig(target), host: '127.0.0.1' });
    expect(await problemOf(client.connect())).toMatch(/requests the password as MD5/);
    expect(heard()).not.toMatch(/md5[0-9a-f]{32}/);
  });

  it.each(['no TLS', 'TLS with more behind'] as const)(
    'gets neither user nor password when TLS is demanded and it responds with %s',
    async (asks) => {
      const { port, heard } = await impostor(asks);
      for (const mode of ['verify-full', 'require']) {
        const url = `postgres://app:${PASSWORD}@localhost:${port}/x?sslmode=${mode}`;
        expect(await problemOf(opened(url))).toMatch(
          asks === 'no TLS' ? /does not offer TLS, which sslmode requires/ : /cannot be reached/,
        );
        await problemOf(readFirst(url));
      }
      expect(heard()).not.toMatch(/app|canary/);
    },
  );

  it('receives nothing when a name of this machine leads to an address that is not', async () => {
    const { port, heard } = await impostor('in clear');
    const client = clientOf(
      `postgres://app:${PASSWORD}@localhost:${port}/x`,
      false,
      (address) => address === '127.0.0.99',
    );
    client.on('error', () => undefined);
    expect(await problemOf(client.connect())).toContain('is not this machine');
    expect(heard()).toBe('');
  });
});

it('refuses a database beyond this machine without TLS before its name is looked up, whatever PGHOST and PGSSLMODE say', async () => {
  const { PGHOST, PGSSLMODE } = process.env;
  try {
    Object.assign(process.env, { PGHOST: '127.0.0.1', PGSSLMODE: 'verify-full' });
    for (const host of ['db.invalid', 'localhost.invalid', '127.0.0.1.invalid']) {
      const url = `postgres://app:${PASSWORD}@${host}/x`;
      for (const attempt of [opened, readFirst])
        expect(await problemOf(attempt(url))).toMatch(/beyond this machine, without TLS.*sslmode=verify-full/);
    }
    expect(await problemOf(opened('postgres:///x'))).toContain('PGHOST is not read');
  } finally {
    for (const [name, value] of Object.entries({ PGHOST, PGSSLMODE })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

describe('a Postgres with TLS', () => {
  const authority = createAuthority('an authority of its own');
  const ca = join(folder, 'ca.pem');
  const otherCa = join(folder, 'other.pem');
  let server: PostgresServer;
  const urlTo = (host: string, query: string): string => `${server.url.replace('127.0.0.1', host)}?${query}`;

  beforeAll(async () => {
    writeFileSync(ca, authority.cert);
    writeFileSync(otherCa, createAuthority('another authority').cert);
    server = await startPostgres({
      tls: authority.certify('localhost', { dnsNames: ['localhost'] }),
      auth: 'password',
    });
    databases.push(server);
  });

  it('is a ledger and a source, by sslmode=verify-full and its authority, also where passwords go in clear inside TLS', async () => {
    const url = urlTo('localhost', `sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`);
    await opened(url);
    expect(await readFirst(url)).toEqual(['1']);
  });

  it('is not believed with a certificate of another authority or for another name, whatever NODE_TLS_REJECT_UNAUTHORIZED and PGSSLMODE say', async () => {
    const before = { ...process.env };
    try {
      Object.assign(process.env, { NODE_TLS_REJECT_UNAUTHORIZED: '0', PGSSLMODE: 'no-verify' });
      for (const [host, query, why] of [
        ['localhost', 'sslmode=verify-full', /not signed by a trusted authority/],
        [
          'localhost',
          `sslmode=verify-full&sslrootcert=${encodeURIComponent(otherCa)}`,
          /not signed by a trusted authority/,
        ],
        [
          'localhost',
          `sslmode=verify-ca&sslrootcert=${encodeURIComponent(otherCa)}`,
          /not signed by a trusted authority/,
        ],
        ['127.0.0.1', `sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`, /for another host name/],
      ] as const) {
        expect(await problemOf(opened(urlTo(host, query)))).toMatch(why);
      }
    } finally {
      for (const name of ['NODE_TLS_REJECT_UNAUTHORIZED', 'PGSSLMODE']) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });

  it('may have another name with sslmode=verify-ca, as in libpq', async () => {
    await opened(urlTo('127.0.0.1', `sslmode=verify-ca&sslrootcert=${encodeURIComponent(ca)}`));
  });

  it('gets no password in clear over TLS that was not checked', async () => {
    expect(await problemOf(opened(urlTo('127.0.0.1', 'sslmode=require')))).toMatch(/password in clear/);
  });
});
