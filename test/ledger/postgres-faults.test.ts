import { createServer, connect as connectTo } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Client } from 'pg';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { Ledger } from 'temporal-http-tasks/internal/ledger/ledger';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerStatementError } from 'temporal-http-tasks/internal/ledger/sql-calls';
import { freshPostgresUrl } from '../support/postgres';
import { SUBJECT_KEY, cleanUp, intentOf, open, runRaw } from './databases';
import { unhurriedMs } from '../support/unhurried';

async function refusal(call: Promise<unknown>): Promise<Error> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('The call succeeded.');
  return error;
}

describe('a ledger in Postgres', () => {
  let url: string;
  let ledger: Ledger;

  beforeAll(async () => {
    url = await freshPostgresUrl();
    ledger = await open(url, { deadlineMs: 3_000 });
  });
  afterAll(cleanUp);

  it('throws LedgerUnavailableError in time while its table is locked, and works when it is free again', async () => {
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('begin');
    await other.query('lock table receipts in access exclusive mode');
    let responses: PromiseSettledResult<unknown>[] = [];
    const tookMs = await unhurriedMs(async () => {
      // More calls than the pool has connections: those that wait for one fail in time too.
      responses = await Promise.allSettled(
        Array.from({ length: 15 }, (_, number) => ledger.recordIntent(intentOf({ workflowId: `locked-${number}` }))),
      );
    });
    await other.query('rollback');
    await other.end();
    expect(responses).toHaveLength(15);
    for (const response of responses) {
      expect(response).toMatchObject({ status: 'rejected', reason: { name: 'LedgerUnavailableError' } });
    }
    expect(tookMs).toBeLessThan(4_000);
    expect(await ledger.recordIntent(intentOf({ workflowId: 'free' }))).toEqual({ kind: 'recorded' });
  });

  it('outlives the end of all its connections', async () => {
    await ledger.recordIntent(intentOf({ workflowId: 'connected' }));
    await runRaw(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'temporal-http-tasks'`,
    );
    let error: Error | undefined;
    // A connection whose end was not noticed yet may fail one call; then it is gone.
    for (let attempt = 0; attempt < 11; attempt++) {
      error = undefined;
      try {
        await ledger.recordIntent(intentOf({ workflowId: 'reconnected' }));
        break;
      } catch (reason) {
        error = reason as Error;
        expect(error).toBeInstanceOf(LedgerUnavailableError);
      }
    }
    expect(error).toBeUndefined();
    expect(await ledger.readReceipts({ workflowId: 'reconnected' })).toHaveLength(1);
  });

  it('reports a refused statement by its SQLSTATE and nothing else', async () => {
    const broken = await freshPostgresUrl();
    const itsLedger = await open(broken);
    await runRaw(broken, 'alter table receipts rename column step to secret_step');
    const error = await refusal(itsLedger.recordIntent(intentOf()));
    expect(error).toBeInstanceOf(LedgerStatementError);
    expect(error.message).toContain('(42703)');
    expect(error.message).not.toContain('step');
    expect(error.cause).toBeUndefined();
  });

  it('is unavailable, without its password in the message, when nothing listens there', async () => {
    const vacant = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => vacant.once('listening', resolve));
    const { port } = vacant.address() as AddressInfo;
    await new Promise((resolve) => vacant.close(resolve));
    const address = `postgres://admin:hunter2@127.0.0.1:${port}/ledger`;
    const error = await refusal(openLedger({ url: address, subjectKey: SUBJECT_KEY }));
    expect(error).toBeInstanceOf(LedgerUnavailableError);
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).toContain(`HTTP_TASKS_LEDGER_URL (postgres://127.0.0.1:${port}/ledger)`);
    expect(error.message).not.toContain('hunter2');
  });

  it('is unavailable in time when the server stops responding', async () => {
    const target = new URL(url);
    let mute = false;
    const sockets: Socket[] = [];
    // A proxy that can turn into a black hole: connections stay open, and nothing comes back.
    const proxy = createServer((inside) => {
      sockets.push(inside);
      if (mute) return;
      const upstream = connectTo(Number(target.port), target.hostname);
      sockets.push(upstream);
      inside.on('data', (data) => mute || upstream.write(data)).on('error', () => undefined);
      upstream.on('data', (data) => mute || inside.write(data)).on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => proxy.once('listening', resolve));
    const through = new URL(url);
    through.port = String((proxy.address() as AddressInfo).port);
    through.hostname = '127.0.0.1';
    const distant = await open(through.href, { deadlineMs: 2_500 });
    await distant.recordIntent(intentOf({ workflowId: 'heard' }));
    mute = true;
    let errors: unknown[] = [];
    const tookMs = await unhurriedMs(async () => {
      errors = await Promise.all(
        [1, 2].map((n) => refusal(distant.recordIntent(intentOf({ workflowId: `mute-${n}` })))),
      );
    });
    expect(tookMs).toBeLessThan(3_300);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toBeInstanceOf(LedgerUnavailableError);
    mute = false;
    expect(await distant.recordIntent(intentOf({ workflowId: 'heard again' }))).toEqual({ kind: 'recorded' });
    await distant.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
});
