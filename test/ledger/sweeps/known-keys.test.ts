import type { Kysely, KyselyPlugin } from 'kysely';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import { postgresStore } from 'temporal-http-tasks/internal/ledger/postgres/store';
import { KnownKeys } from 'temporal-http-tasks/internal/ledger/sweeps/known-keys';
import { SnapshotMovedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { SweepKeys } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { DATABASES, SUBJECT_KEY, cleanUp, open, runRaw, subject } from '../databases';
import { rowOf, sweepOf, userNumber } from './users';

const BLOCK = 4_000;
/** A row with four IDs has a duplicate key for each of their fifteen subsets: more than stay in memory. */
const ROWS = 20_000;

function rowsOf(from: number, to: number): TargetRow[] {
  return Array.from({ length: to - from }, (_, index) => ({
    user: userNumber(from + index),
    subjects: ['a', 'b', 'c', 'd'].map((id) => subject(`${id}${from + index}`)),
  }));
}

/** Returns a database that passes some statements on, whose texts it collects, and fails from then on. */
function until(db: Kysely<Tables>, most: number, texts: string[]): Kysely<Tables> {
  const plugin: KyselyPlugin = {
    transformQuery: ({ node, queryId }) => {
      if (texts.length === most) throw new Error('The process died.');
      texts.push(db.getExecutor().compileQuery(node, queryId).sql);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return db.withPlugin(plugin);
}

describe.each(DATABASES)('the duplicates of a large source in $name', ({ name, freshUrl }) => {
  let url: string;
  let first: OpenedLedger;
  let second: OpenedLedger;

  beforeAll(async () => {
    url = await freshUrl();
    first = await open(url);
    second = await open(url);
    await first.sweeps.create({ sweepId: 'large' });
  });
  afterAll(cleanUp);

  async function append({ sweeps }: OpenedLedger, rows: readonly TargetRow[], sweepId = 'large') {
    const { version, duplicates, total } = await sweeps.readSnapshot(sweepId);
    const state = await sweeps.appendTargets({ sweepId, version, rows, position: 'p' });
    return { duplicates: state.duplicates - duplicates, added: state.total - total };
  }

  async function stored(table: string): Promise<number> {
    const [row] = await runRaw(url, `select count(*) as n from ${table}`);
    return Number(row?.['n']);
  }

  it('are found among all rows before, also those whose keys were moved', async () => {
    for (let from = 0; from < ROWS; from += BLOCK)
      expect(await append(first, rowsOf(from, from + BLOCK))).toEqual({ duplicates: 0, added: BLOCK });
    expect(await stored('target_key_pages')).toBeGreaterThan(0);
    for (const from of [0, ROWS / 2, ROWS - 100])
      expect(await append(first, [...rowsOf(from, from + 100), ...rowsOf(ROWS + from, ROWS + from + 1)])).toEqual({
        duplicates: 100,
        added: 1,
      });
  });

  it('are found by a process that continues, and by the first one after it', async () => {
    for (const [ledger, from] of [
      [second, 1],
      [first, 2],
      [second, 3],
    ] as const) {
      const fresh = rowsOf(3 * ROWS + from, 3 * ROWS + from + 1);
      expect(await append(ledger, [...rowsOf(from, from + 500), ...fresh])).toEqual({ duplicates: 500, added: 1 });
      expect(await append(ledger, fresh)).toEqual({ duplicates: 1, added: 0 });
    }
  });

  async function keysOf(sweepId: string) {
    await first.sweeps.create({ sweepId });
    const [row] = await runRaw(url, `select number from sweeps where sweep_id = '${sweepId}'`);
    const store = name === 'libSQL' ? libsqlStore : postgresStore;
    const { db } = store.addressOf(url, true).connect({ deadlineMs: 30_000 }, () => undefined);
    const context = { db, store, knownKeys: new Map(), inTime: <T>(work: () => Promise<T>) => work() };
    return { sweep: Number(row?.['number']), context };
  }

  it('are known to the next process if one dies in the middle of a move, and are moved with the same statements', async () => {
    const { sweep, context } = await keysOf('interrupted');
    const { db } = context;
    try {
      const keys = Array.from({ length: 265_000 }, (_, index) => subject(`interrupted ${index}`));
      const dying = await KnownKeys.take(context, sweep, 0);
      dying.beginBlock();
      for (const key of keys) dying.add(key);
      await db.insertInto('target_key_blocks').values({ sweep, version: 0, keys: dying.text }).execute();
      const before = await stored('target_key_pages');
      await expect(dying.follow({ ...context, db: until(db, 3, []) })).rejects.toThrow('died');
      const pages = await stored('target_key_pages');
      expect(pages - before).toBe(3 * 1_024);

      const asked = keys.filter((_, index) => index % 1_000 === 0);
      const next = await KnownKeys.take(context, sweep, 1);
      expect([...(await next.known(context, [...asked, subject('new')]))].sort()).toEqual([...asked].sort());
      const moves: string[][] = [];
      for (const from of [0, 1]) {
        next.beginBlock();
        for (const key of from === 0 ? [subject('one more')] : keys) next.add(`${'_-'[from]}${key.slice(1)}`);
        const texts: string[] = [];
        await next.follow({ ...context, db: until(db, 100, texts) });
        moves.push(texts);
        const later = await KnownKeys.take(context, sweep, 2 + from);
        for (const one of [next, later])
          expect([...(await one.known(context, [...asked, subject('new')]))].sort()).toEqual([...asked].sort());
      }
      // The embedded ledger keeps each text with its last values.
      expect(moves[1]).toEqual(moves[0]);
      expect(new Set(moves[0]).size).toBe(2);
      expect(await stored('target_key_pages')).toBe(pages + 2 * 8_192);
    } finally {
      await db.destroy();
      await first.sweeps.release('interrupted');
    }
  });

  it('are known also while their keys are moved, and once they are, to this process and the next', async () => {
    const { sweep, context } = await keysOf('moving');
    const { db } = context;
    try {
      const keys = Array.from({ length: 530_000 }, (_, index) => subject(`moving ${index}`));
      const [some, others] = [keys.slice(0, 265_000), keys.slice(265_000)];
      const known = await KnownKeys.take(context, sweep, 0);
      known.beginBlock();
      for (const key of some) known.add(key);
      await known.follow(context);
      known.beginBlock();
      for (const key of others) known.add(key);
      // Asked for while the second half is being moved: of both halves, and one that is new.
      const moved = known.follow(context);
      const asked = [...some.slice(0, 50), ...others.slice(0, 50)];
      const found = await known.known(context, [...asked, subject('new')]);
      await moved;
      expect([...found].sort()).toEqual([...asked].sort());
      expect(others.slice(0, 50).filter((key) => known.has(key))).toEqual([]);
      expect(await stored('target_key_pages')).toBeGreaterThan(16_000);
      const next = await KnownKeys.take(context, sweep, 2);
      for (const one of [known, next])
        expect([...(await one.known(context, [...asked, subject('new')]))].sort()).toEqual([...asked].sort());
      // Another process moved keys meanwhile: those of this one stay where they are.
      const late = await KnownKeys.take(context, sweep, 2);
      for (const [one, refused] of [
        [next, false],
        [late, true],
      ] as const) {
        one.beginBlock();
        for (const key of some) one.add(`A${key.slice(1)}`);
        const following = one.follow(context);
        await (refused ? expect(following).rejects.toThrow(SnapshotMovedError) : following);
      }
    } finally {
      await db.destroy();
      await first.sweeps.release('moving');
    }
  });

  it('leave no key behind when the sweep is released', async () => {
    await first.sweeps.release('large');
    expect([await stored('target_key_pages'), await stored('target_key_blocks')]).toEqual([0, 0]);
  });

  it.each(['target_key_blocks', 'target_keys'])(
    'are found by what an earlier version stored in %s, by each process that continues',
    async (table) => {
      const sweepId = `begun with ${table}`;
      const rows = (from: number, to: number): TargetRow[] =>
        rowsOf(from, to).map(({ user, subjects }) => ({ user, subjects: subjects.slice(0, 1) }));
      await first.sweeps.create({ sweepId });
      await append(first, rows(0, 50), sweepId);
      const [sweep] = await runRaw(url, `select number, wrapped_key from sweeps where sweep_id = '${sweepId}'`);
      const number = Number(sweep?.['number']);
      const key = new SweepKeys(SUBJECT_KEY).open(sweepId, String(sweep?.['wrapped_key']));
      const keys = rows(0, 50).map(({ subjects }) => key.duplicateKey([subjects, null]));
      await runRaw(url, `delete from target_key_blocks where sweep = ${number}`);
      await runRaw(
        url,
        table === 'target_keys'
          ? `insert into target_keys (sweep, key) values ${keys.map((one) => `(${number}, '${one}')`).join(', ')}`
          : `insert into target_key_blocks (sweep, version, keys) values (${number}, 0, '${keys.join('')}')`,
      );
      const third = await open(url);
      expect(await append(second, rows(0, 60), sweepId)).toEqual({ duplicates: 50, added: 10 });
      expect(await append(third, rows(40, 70), sweepId)).toEqual({ duplicates: 20, added: 10 });
      expect(await append(second, rows(0, 70), sweepId)).toEqual({ duplicates: 70, added: 0 });
    },
  );

  it('leave the references of the users readable, in groups and those that an earlier version wrote', async () => {
    const rows = Array.from({ length: 300 }, (_, index) =>
      rowOf({ batchUserId: `customer-${index}`, ...(index % 3 !== 0 && { reference: `case "${index}"` }) }),
    );
    await first.sweeps.create({ sweepId: 'labelled' });
    for (const [version, from, to] of [
      [0, 0, 7],
      [1, 7, 200],
      [2, 200, 300],
    ] as const)
      await first.sweeps.appendTargets({ sweepId: 'labelled', version, rows: rows.slice(from, to), position: 'p' });
    const seqs = rows.map((_, index) => index);
    const labels = await second.sweeps.readLabels({ sweepId: 'labelled', seqs });
    expect(seqs.map((seq) => labels.get(seq)?.reference)).toEqual(rows.map(({ user }) => user.reference));
    for (const seq of [0, 1, 6, 7, 63, 64, 65, 199, 200, 299])
      expect((await second.sweeps.readLabels({ sweepId: 'labelled', seqs: [seq] })).get(seq)?.reference).toBe(
        rows[seq]?.user.reference,
      );

    await sweepOf(first.sweeps, 'earlier', [rowOf(userNumber(1)), rowOf(userNumber(2))]);
    const [sweep] = await runRaw(url, `select number from sweeps where sweep_id = 'earlier'`);
    const reference = new SweepKeys(SUBJECT_KEY).encryptLabel(['reference', 'earlier', 1], 'case 1');
    await runRaw(
      url,
      `update targets set reference = '${reference}' where sweep = ${Number(sweep?.['number'])} and seq = 1`,
    );
    expect([...(await first.sweeps.readLabels({ sweepId: 'earlier', seqs: [0, 1] }))]).toEqual([
      [0, {}],
      [1, { reference: 'case 1' }],
    ]);
  });
});
