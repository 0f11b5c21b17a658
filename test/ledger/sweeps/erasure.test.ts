import { existsSync, readFileSync } from 'node:fs';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepReleasedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { SweepKeys } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { SweepKey } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { DATABASES, SUBJECT_KEY, cleanUp, open, runRaw } from '../databases';
import { rowsOf, settled, sweepOf, userNumber } from './users';

/** More than are encrypted in one statement. */
const MANY = 2_300;

describe.each(DATABASES)('the IDs that a sweep in $name keeps at its end', ({ name, freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  /** A sweep that has ended and was purged, with these outcomes by seq. */
  async function ended(sweepId: string, users: number, outcomeOf: (seq: number) => Outcome): Promise<void> {
    await sweepOf(sweeps, sweepId, rowsOf(0, users));
    const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
    for (let wave = 1; ; wave += 1) {
      const opened = await sweeps.openWave({ ...chunk, range: { from: 0, to: users }, wave, limit: 250 });
      if (opened.length === 0) break;
      await sweeps.flushWave({ ...chunk, users: opened.map((user) => settled(user, outcomeOf(user.seq))) });
    }
    await sweeps.seal({ sweepId });
    await sweeps.setStatus({ sweepId, status: 'partial' });
    await sweeps.purge({ sweepId });
  }

  async function rowOfSweep(sweepId: string): Promise<Record<string, unknown>> {
    const [row = {}] = await runRaw(
      url,
      `select wrapped_key, next_wrapped_key, rekeyed_at from sweeps where sweep_id = '${sweepId}'`,
    );
    return row;
  }

  async function idsOf(sweepId: string): Promise<{ seq: number; ids: string }[]> {
    const rows = await runRaw(
      url,
      `select seq, ids from target_ids where sweep = (select number from sweeps where sweep_id = '${sweepId}') order by seq`,
    );
    return rows.map(({ seq, ids }) => ({ seq: Number(seq), ids: String(ids) }));
  }

  function keyIn(sweepId: string, { wrapped_key: wrapped }: Record<string, unknown>): SweepKey {
    return new SweepKeys(SUBJECT_KEY).open(sweepId, String(wrapped));
  }

  /** Stops at the first slice, as a process does that is killed there. */
  function killedAfterOneSlice(sweepId: string): Promise<void> {
    const killed = () => {
      throw new Error('killed');
    };
    return expect(sweeps.rekey({ sweepId, onProgress: killed })).rejects.toThrow('killed');
  }

  it('leave the line of the source and the reference of each user', async () => {
    const rows = rowsOf(0, 3).map((row, seq) => ({
      user: { ...row.user, ...(seq > 0 && { reference: `case-${seq}` }) },
      subjects: row.subjects,
      ...(seq < 2 && { line: seq + 2 }),
    }));
    await sweepOf(sweeps, 'labelled', rows);
    const chunk = {
      sweepId: 'labelled',
      chunkId: 'c',
      fence: await sweeps.takeFence({ sweepId: 'labelled', chunkId: 'c' }),
    };
    const opened = await sweeps.openWave({ ...chunk, range: { from: 0, to: 3 }, wave: 1, limit: 250 });
    await sweeps.flushWave({
      ...chunk,
      users: opened.map((user) => settled(user, user.seq === 1 ? 'failed' : 'removed')),
    });
    await sweeps.seal({ sweepId: 'labelled' });
    await sweeps.setStatus({ sweepId: 'labelled', status: 'partial' });
    await sweeps.purge({ sweepId: 'labelled' });
    expect((await idsOf('labelled')).map(({ seq }) => seq)).toEqual([1]);
    const labels = await sweeps.readLabels({ sweepId: 'labelled', seqs: [0, 1, 2, 3] });
    expect([...labels].sort(([a], [b]) => a - b)).toEqual([
      [0, { line: 2 }],
      [1, { line: 3, reference: 'case-1' }],
      [2, { reference: 'case-2' }],
    ]);

    await sweeps.create({ sweepId: 'again', redriveOf: 'labelled' });
    await sweeps.appendRedriven({ sweepId: 'again', limit: 10 });
    expect([...(await sweeps.readLabels({ sweepId: 'again', seqs: [0, 1] }))]).toEqual([
      [0, { line: 3, reference: 'case-1' }],
    ]);
  });

  if (name === 'libSQL') {
    it('are all that is recovered with any key in the file and its log, from a copy of all rows, and HTTP_TASKS_SUBJECT_KEY', async () => {
      await sweepOf(sweeps, 'scanned', rowsOf(0, 301));
      const copy = await idsOf('scanned');
      const recovered = async (): Promise<number[]> =>
        recoverable('scanned', textsIn(url), [...copy, ...(await idsOf('scanned'))]);
      const chunk = {
        sweepId: 'scanned',
        chunkId: 'c',
        fence: await sweeps.takeFence({ sweepId: 'scanned', chunkId: 'c' }),
      };
      for (const wave of [1, 2]) {
        const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 300 }, wave, limit: 250 });
        await sweeps.flushWave({
          ...chunk,
          users: users.map((user) => settled(user, user.seq === 300 ? 'failed' : 'removed')),
        });
      }
      await sweeps.seal({ sweepId: 'scanned' });
      await sweeps.purge({ sweepId: 'scanned' });
      // The search finds what is there: the first key opens the copy, of which it was made.
      expect(await recovered()).toHaveLength(301);
      await sweeps.rekey({ sweepId: 'scanned' });
      expect(await recovered()).toEqual([300]);
      await sweeps.release('scanned');
      expect(await recovered()).toEqual([]);
    });
  }

  it('are under a new key, and what was written under the first one opens with no key of the ledger', async () => {
    await ended('kept', 10, (seq) => (seq % 5 === 1 ? 'failed' : 'removed'));
    const [before, rowsBefore] = [await rowOfSweep('kept'), await idsOf('kept')];
    await sweeps.rekey({ sweepId: 'kept' });
    const [after, rowsAfter] = [await rowOfSweep('kept'), await idsOf('kept')];
    expect(after).toMatchObject({ next_wrapped_key: null, rekeyed_at: expect.anything() as unknown });
    expect(after['wrapped_key']).not.toBe(before['wrapped_key']);
    const key = keyIn('kept', after);
    expect(rowsAfter.map(({ seq, ids }) => [seq, key.decryptUser(seq, ids)])).toEqual(
      [1, 6].map((seq) => [seq, userNumber(seq)]),
    );
    for (const { seq, ids } of rowsBefore) expect(() => key.decryptUser(seq, ids)).toThrow('authenticate');
    expect(await sweeps.readUser({ sweepId: 'kept', seq: 6 })).toMatchObject({ user: userNumber(6) });
    expect(await sweeps.readSnapshot('kept')).toMatchObject({ position: 'end', complete: true });
    await sweeps.create({ sweepId: 'redrive of kept', redriveOf: 'kept' });
    expect(await sweeps.appendRedriven({ sweepId: 'redrive of kept', limit: 10 })).toMatchObject({
      total: 2,
      complete: true,
    });
    expect(await sweeps.readUser({ sweepId: 'redrive of kept', seq: 0 })).toMatchObject({ user: userNumber(1) });
    await sweeps.rekey({ sweepId: 'kept' });
    expect(await rowOfSweep('kept')).toEqual(after);
  });

  it('are readable while it is in progress, and are all under the new key when another process finishes it', async () => {
    await ended('killed', MANY, () => 'failed');
    const before = await rowOfSweep('killed');
    await killedAfterOneSlice('killed');
    const between = await rowOfSweep('killed');
    expect(between).toMatchObject({
      wrapped_key: before['wrapped_key'],
      next_wrapped_key: expect.any(String) as string,
      rekeyed_at: null,
    });
    const other = (await open(url)).sweeps;
    for (const seq of [0, MANY - 1])
      expect(await other.readUser({ sweepId: 'killed', seq })).toMatchObject({ user: userNumber(seq) });
    await other.create({ sweepId: 'redrive of killed', redriveOf: 'killed' });
    expect(await other.appendRedriven({ sweepId: 'redrive of killed', limit: MANY + 1 })).toMatchObject({
      total: MANY,
      complete: true,
    });
    await Promise.all([other.rekey({ sweepId: 'killed' }), sweeps.rekey({ sweepId: 'killed' })]);
    const after = await rowOfSweep('killed');
    expect(after).toMatchObject({ wrapped_key: between['next_wrapped_key'], next_wrapped_key: null });
    const key = keyIn('killed', after);
    for (const { seq, ids } of await idsOf('killed')) expect(key.decryptUser(seq, ids)).toEqual(userNumber(seq));
  });

  it('are read with the new key by a process that knew only the first', async () => {
    await ended('known', 3, () => 'unknown');
    const other = (await open(url)).sweeps;
    await other.readUser({ sweepId: 'known', seq: 0 });
    await sweeps.rekey({ sweepId: 'known' });
    expect(await other.readUser({ sweepId: 'known', seq: 2 })).toMatchObject({ user: userNumber(2) });
  });

  it('have no key left when they are released, also in the middle, and after that are not encrypted again', async () => {
    await ended('released', MANY, () => 'failed');
    await killedAfterOneSlice('released');
    await sweeps.release('released');
    expect(await rowOfSweep('released')).toMatchObject({ wrapped_key: null, next_wrapped_key: null });
    await expect(sweeps.rekey({ sweepId: 'released' })).rejects.toThrow(SweepReleasedError);
    await expect(sweeps.readUser({ sweepId: 'released', seq: 0 })).rejects.toThrow(SweepReleasedError);
  });

  it('leave a row that was changed in the database as it is, and do not stop at it', async () => {
    await ended('changed', 3, () => 'failed');
    await runRaw(
      url,
      `update target_ids set ids = 'AAAA' where seq = 1 and sweep = (select number from sweeps where sweep_id = 'changed')`,
    );
    await sweeps.rekey({ sweepId: 'changed' });
    expect(await sweeps.readUser({ sweepId: 'changed', seq: 2 })).toMatchObject({ user: userNumber(2) });
    expect(await idsOf('changed')).toContainEqual({ seq: 1, ids: 'AAAA' });
  });

  it('of an earlier version, or of an end that was interrupted, are found', async () => {
    await ended('found', 2, () => 'failed');
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    expect(await sweeps.listEndedUnderFirstKey(inAnHour)).toContain('found');
    expect(await sweeps.listEndedUnderFirstKey(new Date(Date.now() - 3_600_000).toISOString())).toEqual([]);
    await sweeps.rekey({ sweepId: 'found' });
    expect(await sweeps.listEndedUnderFirstKey(inAnHour)).not.toContain('found');
  });
});

const WRAPPED_KEY_CHARACTERS = 80;

/** Every text in the raw files that a key may be part of. */
function textsIn(url: string): string[] {
  const file = url.slice('file:'.length);
  const bytes = [file, `${file}-wal`].filter(existsSync).map((name) => readFileSync(name).toString('latin1'));
  return [...new Set(bytes.join('\n').match(/[\w-]{80,600}/g) ?? [])];
}

/** The users of a sweep whose rows open with any key that stands anywhere in these texts. */
function recoverable(
  sweepId: string,
  texts: readonly string[],
  rows: readonly { seq: number; ids: string }[],
): number[] {
  const keys = new SweepKeys(SUBJECT_KEY);
  const inFile = texts.flatMap((text) => windows(text).flatMap((one) => orNone(() => keys.open(sweepId, one))));
  const found = rows.filter(({ seq, ids }) => inFile.some((key) => orNone(() => key.decryptUser(seq, ids)).length > 0));
  return [...new Set(found.map(({ seq }) => seq))].sort((a, b) => a - b);
}

function windows(text: string): string[] {
  return Array.from({ length: text.length - WRAPPED_KEY_CHARACTERS + 1 }, (_, from) =>
    text.slice(from, from + WRAPPED_KEY_CHARACTERS),
  );
}

function orNone<T>(open: () => T): T[] {
  try {
    return [open()];
  } catch {
    return [];
  }
}
