import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { Kysely, sql } from 'kysely';
import Database from 'libsql';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { Ledger } from 'temporal-http-tasks/internal/ledger/ledger';
import { LibsqlDialect, MAY_BE_LOST } from 'temporal-http-tasks/internal/ledger/libsql/dialect';
import { prepareLedger } from 'temporal-http-tasks/internal/ledger/migrate';
import { LibsqlFailure } from 'temporal-http-tasks/internal/ledger/libsql/failures';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import { createSqlLedger } from 'temporal-http-tasks/internal/ledger/sql-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { startChild } from './children/start';
import { SUBJECT_KEY, cleanUp, intentOf, open, subject, temporaryFolder } from './databases';
import { unhurriedMs } from '../support/unhurried';

const THREAD = path.join(__dirname, '../../src/ledger/libsql/thread.js');

function freshFile(): string {
  return path.join(temporaryFolder(), 'ledger.db');
}

/** A ledger whose worker threads the test can reach. */
async function ledgerWithThreads(deadlineMs = 5_000) {
  const threads: Worker[] = [];
  const lost: string[] = [];
  const file = freshFile();
  const dialect = new LibsqlDialect({
    path: file,
    deadlineMs,
    onThreadLost: (reason) => lost.push(reason),
    startThread: (data) => {
      const thread = new Worker(THREAD, { workerData: data });
      threads.push(thread);
      return thread;
    },
  });
  const db = new Kysely<Tables>({ dialect });
  await prepareLedger({ db, store: libsqlStore }, createSubjectHasher(SUBJECT_KEY).fingerprint);
  return { db, file, threads, lost, ledger: createSqlLedger({ db, store: libsqlStore }, deadlineMs) };
}

/**
 * What the ledger returns once it does: on a busy machine the next thread may take longer to start than a call may
 * last.
 */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError) || tries === 10) throw error;
    }
  }
}

const RATE = {
  service: 'plaid',
  key_slot: '',
  version: 1,
  set_limit: 600,
  state: '{}',
  turn: null,
  turn_until_ms: null,
};

describe('an embedded ledger', () => {
  afterAll(cleanUp);

  it('has every receipt that was acknowledged before its process was killed with SIGKILL', async () => {
    const url = `file:${freshFile()}`;
    const writer = startChild('write-until-killed', url, SUBJECT_KEY);
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: writer.stdout })) {
      acknowledged.push(line);
      // Killed in the middle of writing; what it had acknowledged by then is still read from the pipe.
      if (acknowledged.length === 200) writer.kill('SIGKILL');
    }
    const ledger = await open(url);
    for (const workflowId of acknowledged) {
      expect(await ledger.readReceipts({ workflowId })).toMatchObject([{ workflowId, phase: 'intent' }]);
      expect(await ledger.recordIntent(intentOf({ workflowId, runId: 'r', attempt: 2 }))).toEqual({
        kind: 'unsettled',
      });
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);
  });

  it('waits for the disk with every write but those that may be lost', async () => {
    const { db, ledger } = await ledgerWithThreads();
    const runs = async (statement: string): Promise<string> => {
      try {
        await sql.raw(statement).execute(db);
        return 'written';
      } catch (error) {
        return error instanceof LibsqlFailure ? error.code : 'unknown';
      }
    };
    const waits = async (): Promise<unknown> => (await sql`pragma synchronous`.execute(db)).rows;
    await runs('create table example (name text primary key, waits integer)');
    const insert = (name: string): string =>
      `insert into example (name, waits) select '${name}', synchronous from pragma_synchronous`;
    expect([await runs(insert('kept')), await runs(`${MAY_BE_LOST}${insert('lost')}`)]).toEqual(['written', 'written']);
    expect(await waits()).toEqual([{ synchronous: 2 }]);
    expect(await runs(`${MAY_BE_LOST}${insert('lost')}`)).toMatch(/CONSTRAINT/);
    expect(await waits()).toEqual([{ synchronous: 2 }]);
    expect((await sql`select name, waits from example order by name`.execute(db)).rows).toEqual([
      { name: 'kept', waits: 2 },
      { name: 'lost', waits: 1 },
    ]);
    await ledger.close();
  });

  it('lets its process end by itself, but not before a write in progress is done', async () => {
    const url = `file:${freshFile()}`;
    const process_ = startChild('finish-by-itself', url, SUBJECT_KEY);
    const [code] = (await once(process_, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect((await (await open(url)).listHolds()).map(({ holdId }) => holdId)).toEqual(['last-word']);
  });

  it('closes while a write waits for a lock, and leaves its process alive', async () => {
    const file = freshFile();
    const child = startChild('close-while-locked', `file:${file}`, SUBJECT_KEY);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect(await lines.next()).toMatchObject({ value: 'open' });
    const other = new Database(file);
    other.exec('begin immediate');
    child.stdin.write('go\n');
    expect(await lines.next()).toMatchObject({ value: 'refused' });
    // Ending a thread inside the database would end the process with SIGABRT.
    expect(await once(child, 'exit')).toEqual([0, null]);
    other.exec('rollback');
    other.close();
  });

  it('rejects calls in flight when its thread dies, and the next call starts another thread', async () => {
    const { ledger, threads, lost } = await ledgerWithThreads();
    await ledger.recordIntent(intentOf({ workflowId: 'before' }));
    const inProgress = Promise.allSettled(
      Array.from({ length: 5 }, (_, number) => ledger.recordIntent(intentOf({ workflowId: `during-${number}` }))),
    );
    await threads[0]?.terminate();
    const [first] = await inProgress;
    expect(first).toMatchObject({ status: 'rejected', reason: { name: 'LedgerUnavailableError' } });
    expect(await ledger.recordIntent(intentOf({ workflowId: 'after' }))).toEqual({ kind: 'recorded' });
    expect(await ledger.readReceipts({ workflowId: 'before' })).toHaveLength(1);
    expect(threads).toHaveLength(2);
    expect(lost).toEqual(['the database thread ended']);
    await ledger.close();
  });

  it('gives up a thread that does not respond in time, with all who wait for it, and starts another', async () => {
    const deaf = () => new Worker('require("node:worker_threads").parentPort.on("message", () => {})', { eval: true });
    const lost: string[] = [];
    const file = freshFile();
    await open(`file:${file}`);
    let hung = true;
    const dialect = new LibsqlDialect({
      path: file,
      deadlineMs: 3_000,
      onThreadLost: (reason) => lost.push(reason),
      startThread: (data) => (hung ? deaf() : new Worker(THREAD, { workerData: data })),
    });
    const database = { db: new Kysely<Tables>({ dialect }), store: libsqlStore };
    const ledger = createSqlLedger(database, 10_000);
    let responses: PromiseSettledResult<unknown>[] = [];
    const tookMs = await unhurriedMs(async () => {
      responses = await Promise.allSettled([ledger.listHolds(), ledger.listHolds(), ledger.listHolds()]);
    });
    expect(tookMs).toBeLessThan(6_000);
    expect(responses).toHaveLength(3);
    for (const response of responses) {
      expect(response).toMatchObject({ status: 'rejected', reason: { name: 'LedgerUnavailableError' } });
    }
    expect(lost[0]).toBe('the database did not respond in time');
    hung = false;
    expect(await eventually(() => ledger.listHolds())).toEqual([]);
    await ledger.close();
  });

  it('rolls back a transaction whose thread dies, and runs none of its rest on the next thread', async () => {
    const { db, ledger, threads } = await ledgerWithThreads();
    const at = new Date().toISOString();
    const insert = (hold_id: string) => ({ hold_id, subject: subject('a'), reason: null, at });
    const transaction = db.transaction().execute(async (open) => {
      await open.insertInto('holds').values(insert('first half')).execute();
      await threads[0]?.terminate();
      await open.insertInto('holds').values(insert('second half')).execute();
    });
    await expect(transaction).rejects.toThrow(LedgerUnavailableError);
    expect(await ledger.listHolds()).toEqual([]);
    await ledger.addHold({ holdId: 'later', subjects: [subject('a')] });
    expect((await ledger.listHolds()).map(({ holdId }) => holdId)).toEqual(['later']);
    await ledger.close();
  });

  it('throws LedgerUnavailableError in time while another process holds the lock, and the event loop is not blocked', async () => {
    const deadlineMs = 1_500;
    const file = freshFile();
    const ledger = await open(`file:${file}`, { deadlineMs });
    const other = new Database(file);
    other.exec('begin immediate');
    const before = performance.eventLoopUtilization();
    let responses: PromiseSettledResult<unknown>[] = [];
    const tookMs = await unhurriedMs(async () => {
      responses = await Promise.allSettled(
        Array.from({ length: 4 }, (_, number) => ledger.recordIntent(intentOf({ workflowId: `locked-${number}` }))),
      );
    });
    const { active } = performance.eventLoopUtilization(before);
    other.exec('rollback');
    other.close();
    expect(responses).toHaveLength(4);
    for (const response of responses) {
      expect(response).toMatchObject({ status: 'rejected', reason: { name: 'LedgerUnavailableError' } });
    }
    expect(tookMs).toBeGreaterThan(500);
    expect(tookMs).toBeLessThan(deadlineMs + 500);
    // On the main thread this would be the whole wait for the lock.
    expect(active).toBeLessThan(400);
    for (let number = 0; number < 4; number++) {
      expect(await ledger.readReceipts({ workflowId: `locked-${number}` })).toEqual([]);
    }
    expect(await ledger.recordIntent(intentOf({ workflowId: 'locked-0' }))).toEqual({ kind: 'recorded' });
  });

  it('waits for a lock that is released in time', async () => {
    const file = freshFile();
    const ledger = await open(`file:${file}`);
    const other = new Database(file);
    other.exec('begin immediate');
    const recording = ledger.recordIntent(intentOf({ workflowId: 'patient' }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    other.exec('rollback');
    other.close();
    expect(await recording).toEqual({ kind: 'recorded' });
  });

  it.each<[string, (parts: { db: Kysely<Tables>; ledger: Ledger }) => Promise<unknown>]>([
    ['the same statement', ({ ledger }) => ledger.recordIntent(intentOf({ workflowId: 'refused' }))],
    ['another statement', ({ db }) => db.insertInto('rates').values(RATE).execute()],
    [
      'the begin of a transaction',
      ({ db }) => db.transaction().execute((all) => all.selectFrom('receipts').selectAll().execute()),
    ],
  ])('commits what it acknowledges after %s got no lock', async (_, write) => {
    const { db, file, ledger } = await ledgerWithThreads(1_000);
    const other = new Database(file);
    other.exec('begin immediate');
    await expect(write({ db, ledger })).rejects.toThrow(/SQLITE_BUSY|locked|respond in time/);
    other.exec('rollback');
    await eventually(() => ledger.recordIntent(intentOf({ workflowId: 'accepted' })));
    // Read over another connection: only what is committed is seen there.
    expect(other.prepare('select workflow_id from receipts').all([])).toEqual([{ workflow_id: 'accepted' }]);
    other.exec('begin immediate');
    other.exec('rollback');
    other.close();
    await db.destroy();
  });

  it('refuses writes that return rows, because libsql leaves those open when they fail', async () => {
    const { db, ledger } = await ledgerWithThreads();
    const write = db.deleteFrom('holds').returning('hold_id').execute();
    await expect(write).rejects.toThrow(new LibsqlFailure('RETURNING_IS_UNSAFE'));
    await ledger.close();
  });

  it('refuses a parameter that libsql cannot bind before it reaches the thread, where it would end the process', async () => {
    const { db, ledger } = await ledgerWithThreads();
    const select = db
      .selectFrom('holds')
      .selectAll()
      .where('reason', '=', undefined as unknown as string);
    await expect(select.execute()).rejects.toThrow(TypeError);
    const truth = await db.selectNoFrom((eb) => eb.val(true).as('truth')).executeTakeFirst();
    expect(truth).toEqual({ truth: 1 });
    await ledger.close();
  });

  it('says nothing of the data when a statement is refused', async () => {
    const { db, ledger } = await ledgerWithThreads();
    await ledger.addHold({ holdId: 'secret-id', subjects: [subject('a')] });
    const again = { hold_id: 'secret-id', subject: subject('a'), reason: null, at: 'now' };
    const refused: unknown = await db
      .insertInto('holds')
      .values(again)
      .execute()
      .catch((error: unknown) => error);
    expect(refused).toEqual(new LibsqlFailure('SQLITE_CONSTRAINT_PRIMARYKEY'));
    expect(String(refused)).not.toContain('secret-id');
    await ledger.close();
  });
});
