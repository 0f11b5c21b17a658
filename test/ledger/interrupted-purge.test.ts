import { existsSync, readFileSync } from 'node:fs';
import { nodeCrypto } from '@temporal-http-tasks/cli/internal/bundle/node-crypto';
import { compareLedger } from '@temporal-http-tasks/cli/internal/bundle/verify-log';
import { parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { verifyBundle } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import { SealKeys } from 'temporal-http-tasks/internal/ledger/log/seal-key';
import { createSqlLogLedger } from 'temporal-http-tasks/internal/ledger/log/sql-log-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { postgresStore } from 'temporal-http-tasks/internal/ledger/postgres/store';
import { purgeEvidence } from 'temporal-http-tasks/internal/ledger/purge-evidence';
import type { LedgerDatabase } from 'temporal-http-tasks/internal/ledger/store';
import { createSqlSweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sql-sweep-ledger';
import { BundleStage } from '../evidence/bundle-stage';
import { DATABASES, SUBJECT_KEY, cleanUp, open, runRaw } from './databases';
import { resetClock, setClock } from './sweeps/at-time';
import { rowsOf, settled, sweepOf } from './sweeps/users';

const LATER = '2060-06-01T00:00:00.000Z';
const DEADLINE_MS = 30_000;

/** More than two ranges that are purged together, whose ends are within groups of references. */
const USERS = 2_100;
/** Users from this one on were never begun, so that nothing of them is sealed. */
const BEGUN = 2_000;

type Parts = Pick<OpenedLedger, 'sweeps' | 'log'>;

/** Returns the parts of a ledger whose process ends after this number of statements and transactions. */
function endingAfter(database: LedgerDatabase, steps: number): Parts {
  let left = steps;
  const limits = { deadlineMs: DEADLINE_MS, isClosed: () => left-- <= 0 };
  const keys = new SealKeys(undefined);
  return {
    sweeps: createSqlSweepLedger(database, { ...limits, subjectKey: SUBJECT_KEY, sealKeys: keys }),
    log: createSqlLogLedger(database, { ...limits, keys }),
  };
}

function connect(url: string): LedgerDatabase {
  const store = url.startsWith('file:') ? libsqlStore : postgresStore;
  return store.addressOf(url, false).connect({ deadlineMs: DEADLINE_MS }, () => undefined);
}

/**
 * Lets a process end after one step, the next one after two, until one has done everything.
 *
 * @param check Returns what is done so far, if later processes leave it out: they begin with one step again.
 * @returns The number of processes.
 */
async function interruptedAtEachStep(
  url: string,
  work: (parts: Parts) => Promise<unknown>,
  check: () => Promise<string>,
): Promise<number> {
  const database = connect(url);
  let done = '';
  let steps = 0;
  try {
    for (let processes = 1; ; processes += 1) {
      steps += 1;
      try {
        await work(endingAfter(database, steps));
        return processes;
      } catch (error) {
        if (!(error instanceof LedgerUnavailableError)) throw error;
      }
      const now = await check();
      if (now !== done) steps = 0;
      done = now;
    }
  } finally {
    await database.db.destroy();
  }
}

describe.each(DATABASES)('a purge in $name that ends after each of its steps', ({ name, freshUrl }) => {
  afterEach(resetClock);
  afterAll(cleanUp);

  async function rowsIn(url: string, table: string, where = '1 = 1'): Promise<number> {
    const [row] = await runRaw(url, `select count(*) as rows from ${table} where ${where}`);
    return Number(row?.rows);
  }

  /** A sweep of which most users were begun, and then cancelled. Each has a reference. */
  async function cancelledSweep(ledger: OpenedLedger, sweepId: string): Promise<void> {
    const { sweeps } = ledger;
    const rows = rowsOf(0, USERS).map(({ user, subjects }, seq) => ({
      user: { ...user, reference: `case-${seq}` },
      subjects,
    }));
    await sweepOf(sweeps, sweepId, rows);
    const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
    for (let wave = 1; ; wave += 1) {
      const opened = await sweeps.openWave({ ...chunk, range: { from: 0, to: BEGUN - 1 }, wave, limit: 250 });
      if (opened.length === 0) break;
      await sweeps.flushWave({ ...chunk, users: opened.map((user) => settled(user, 'failed')) });
    }
    await sweeps.seal({ sweepId });
    await sweeps.setStatus({ sweepId, status: 'cancelled' });
  }

  it('leaves each user who is still in it with a reference, verifies, and is completed by the next one', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    await cancelledSweep(ledger, 'long');
    const { checkpoint } = await ledger.log.seal();
    const kept = parseCheckpoint(checkpoint.note)!;
    setClock(LATER);
    const seen = new Set<number>();
    const check = async () => {
      const left = await runRaw(url, 'select seq from targets order by seq');
      const seqs = left.map(({ seq }) => Number(seq));
      const labels = await ledger.sweeps.readLabels({ sweepId: 'long', seqs });
      expect(seqs.map((seq) => labels.get(seq)?.reference)).toEqual(seqs.map((seq) => `case-${seq}`));
      // Of users who are purged, only those who share a group with others are left.
      const groups = await runRaw(url, 'select min(first) as first from target_references');
      if (seqs[0] !== undefined) expect(Number(groups[0]?.first)).toBe(seqs[0] - (seqs[0] % 64));
      const { purgedAt = '' } = (await ledger.sweeps.read('long')) ?? {};
      if (seen.has(seqs.length)) return `${purgedAt} ${seqs.length}`;
      seen.add(seqs.length);
      await ledger.log.seal();
      expect((await compareLedger(ledger, kept, { keys: [], keptDays: 30 })).differences).toEqual([]);
      return `${purgedAt} ${seqs.length}`;
    };
    const processes = await interruptedAtEachStep(url, (parts) => purgeEvidence(parts, { days: 100 }), check);
    expect(processes).toBeGreaterThan(20);
    expect([...seen]).toEqual(expect.arrayContaining([USERS, USERS - 1_000, USERS - BEGUN]));
    for (const table of ['targets', 'target_ids', 'target_references', 'sealed_hashes', 'receipts'])
      expect([table, await rowsIn(url, table)]).toEqual([table, 0]);
    expect(await ledger.sweeps.listPurgeable({ before: LATER })).toEqual([]);
  });

  it('is completed also when it released the IDs of an old sweep', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    await cancelledSweep(ledger, 'old');
    await runRaw(url, `insert into target_keys (sweep, key) values (1, 'left-over')`);
    await runRaw(url, `insert into target_key_pages (sweep, page, keys) values (1, 7, 'left-over')`);
    await runRaw(url, `insert into target_progress (sweep, seq, progress) values (1, 7, 'encrypted')`);
    const released: string[][] = [];
    const release = async ({ sweeps }: Parts) => {
      released.push(await sweeps.releaseUntouchedSince(LATER));
    };
    await interruptedAtEachStep(url, release, () => Promise.resolve(''));
    expect(released).toEqual([['old']]);
    for (const table of ['target_ids', 'target_keys', 'target_key_blocks', 'target_key_pages', 'target_progress'])
      expect([table, await rowsIn(url, table)]).toEqual([table, 0]);
    expect(await ledger.sweeps.releaseUntouchedSince(LATER)).toEqual([]);
  });

  it('is completed also when it deleted the IDs of users who are done', async () => {
    const url = await freshUrl();
    const ledger = await open(url);
    await cancelledSweep(ledger, 'ended');
    await runRaw(url, `insert into target_keys (sweep, key) values (1, 'left-over')`);
    await runRaw(url, `insert into target_key_pages (sweep, page, keys) values (1, 7, 'left-over')`);
    await interruptedAtEachStep(
      url,
      ({ sweeps }) => sweeps.purge({ sweepId: 'ended' }),
      () => Promise.resolve(''),
    );
    expect([await rowsIn(url, 'target_keys'), await rowsIn(url, 'target_key_pages')]).toEqual([0, 0]);
    expect(await rowsIn(url, 'target_ids', `seq < ${BEGUN}`)).toBe(BEGUN);
  });

  it('leaves no partly purged run, and the bundles of those that are left verify', async () => {
    const url = await freshUrl();
    const stage = await BundleStage.open(url);
    const before = await stage.ofRun();
    setClock(LATER);
    await interruptedAtEachStep(
      url,
      (parts) => purgeEvidence(parts, { days: 100 }),
      async () => {
        const runs = await runRaw(url, `select count(*) as rows from receipts where workflow_id in ('', 'w')`);
        const logged = await runRaw(url, `select count(*) as rows from log_queue where content like '%leaves%'`);
        expect(Number(runs[0]?.rows) === 0).toBe(Number(logged[0]?.rows) > 0);
        return '';
      },
    );
    await stage.ledger.log.seal();
    expect(await verifyBundle([before.text], nodeCrypto, before)).toMatchObject({ ok: true, differences: [] });
  });

  if (name === 'libSQL')
    it('leaves nothing of them in the file or its log', async () => {
      const url = await freshUrl();
      const stage = await BundleStage.open(url);
      const file = url.slice('file:'.length);
      const texts = () => [file, `${file}-wal`].filter(existsSync).map((one) => readFileSync(one, 'latin1'));
      const marks = ['Gr\u00c3\u00bc\u00c3\u009fe', 'req-'];
      for (const mark of marks) expect(texts().some((text) => text.includes(mark))).toBe(true);
      setClock(LATER);
      await purgeEvidence(stage.ledger, { days: 100 });
      for (const mark of marks) expect(texts().some((text) => text.includes(mark))).toBe(false);
    });
});
