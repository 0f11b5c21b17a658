import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepKeys } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
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

describe.each(DATABASES)('the duplicates of a large source in $name', ({ freshUrl }) => {
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
    expect(await stored('target_keys')).toBeGreaterThan(0);
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

  it('leave no key behind when the sweep is released', async () => {
    await first.sweeps.release('large');
    expect([await stored('target_keys'), await stored('target_key_blocks')]).toEqual([0, 0]);
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
