import { once } from 'node:events';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import { DATABASES, cleanUp, open } from '../databases';
import { startChunk } from './children/start';
import { rowsOf, settled, sweepOf } from './users';

describe.each(DATABASES)('processes at one chunk in $name', ({ freshUrl }) => {
  let url: string;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ({ sweeps } = await open(url));
  });
  afterAll(cleanUp);

  it('that are killed between opening and flushing leave users who come first to the next one, flagged', async () => {
    await sweepOf(sweeps, 'killed', rowsOf(0, 60));
    const dead = startChunk({ url, sweepId: 'killed', users: 60, pause: true });
    expect(await dead.next()).toMatchObject({ did: 'opened' });
    dead.goOn();
    expect(await dead.next()).toMatchObject({ did: 'flushed' });
    const left = await dead.next();
    dead.child.kill('SIGKILL');
    await once(dead.child, 'exit');
    const chunk = { sweepId: 'killed', chunkId: 'c', fence: 0 };
    chunk.fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 59 }, wave: 1, limit: 30 });
    expect(left).toMatchObject({
      did: 'opened',
      seqs: users.filter(({ unsettled }) => unsettled).map(({ seq }) => seq),
    });
    expect(users.map(({ seq, unsettled }) => [seq, unsettled])).toEqual(
      Array.from({ length: 30 }, (_, index) => [20 + index, index < 20]),
    );
    expect(await sweeps.count('killed')).toMatchObject({ removed: 20, open: 30, pending: 10 });
  });

  it('that are frozen and woken again write nothing more', async () => {
    await sweepOf(sweeps, 'frozen', rowsOf(0, 40));
    const frozen = startChunk({ url, sweepId: 'frozen', users: 40, pause: true });
    await frozen.next();
    frozen.child.kill('SIGSTOP');
    const chunk = { sweepId: 'frozen', chunkId: 'c', fence: 0 };
    chunk.fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 39 }, wave: 1, limit: 40 });
    await sweeps.flushWave({ ...chunk, users: users.slice(0, 10).map((user) => settled(user, 'alreadyGone')) });
    frozen.goOn();
    frozen.child.kill('SIGCONT');
    expect(await frozen.next()).toEqual({ did: 'fenced' });
    await once(frozen.child, 'exit');
    await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, 'alreadyGone')) });
    expect(await sweeps.count('frozen')).toMatchObject({ alreadyGone: 40, removed: 0 });
  });

  it('that are killed at any moment, over and over, lose no user, record none twice and keep what was acknowledged', async () => {
    const users = 1_200;
    await sweepOf(sweeps, 'over and over', rowsOf(0, users));
    const acknowledged: number[] = [];
    let kills = 0;
    for (let finished = false; !finished;) {
      const worker = startChunk({ url, sweepId: 'over and over', users, pause: false });
      // Killed after so many words, wherever it is by then; each one gets a little further.
      let words = 7 + kills * 5;
      for (let said = await worker.next(); said !== undefined; said = await worker.next()) {
        if (said.did === 'flushed') acknowledged.push(...said.seqs);
        finished = said.did === 'finished';
        if (--words === 0) worker.child.kill('SIGKILL');
      }
      kills += finished ? 0 : 1;
    }
    expect(kills).toBeGreaterThan(2);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    const receipts = await sweeps.readReceipts({ sweepId: 'over and over', afterSeq: -1, limit: users * 2 });
    expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: users }, (_, seq) => seq));
    expect(await sweeps.count('over and over')).toMatchObject({ total: users, removed: users, open: 0, pending: 0 });
    const recorded = new Set(receipts.map(({ seq }) => seq));
    expect(acknowledged.filter((seq) => !recorded.has(seq))).toEqual([]);
  });

  it('share a sweep at the same time, each with a chunk of its own', async () => {
    const other = await open(url);
    await sweepOf(sweeps, 'shared', rowsOf(0, 1_000));
    const work = async (mine: SweepLedger, from: number) => {
      const chunk = { sweepId: 'shared', chunkId: `from ${from}`, fence: 0 };
      chunk.fence = await mine.takeFence(chunk);
      for (let wave = 1; wave <= 10; wave++) {
        const users = await mine.openWave({ ...chunk, range: { from, to: from + 499 }, wave, limit: 50 });
        await mine.flushWave({ ...chunk, users: users.map((user) => settled(user)) });
      }
    };
    await Promise.all([work(sweeps, 0), work(other.sweeps, 500)]);
    expect(await sweeps.count('shared')).toMatchObject({ total: 1_000, removed: 1_000 });
  });
});
