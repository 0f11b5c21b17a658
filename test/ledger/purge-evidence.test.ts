import { rowDifferences } from '@temporal-http-tasks/cli/internal/verify/compare-row';
import { compareLedger } from '@temporal-http-tasks/cli/internal/bundle/verify-log';
import { nodeCrypto } from '@temporal-http-tasks/cli/internal/bundle/node-crypto';
import { parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { verifyBundle } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import { LogSealer } from 'temporal-http-tasks/internal/activities/log-sealer';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { purgeEvidence } from 'temporal-http-tasks/internal/ledger/purge-evidence';
import { BundleStage, newSealKey } from '../evidence/bundle-stage';
import { DATABASES, cleanUp, intentOf, open, runPastGuards, runRaw } from './databases';
import { resetClock, setClock } from './sweeps/at-time';
import { writeExampleSweep } from './sweeps/example-sweep';
import { storeAsBefore } from './sweeps/stored-leaves';

const LATER = '2030-06-01T00:00:00.000Z';

async function rowsOf(url: string, table: string): Promise<number> {
  const [row] = await runRaw(url, `select count(*) as rows from ${table}`);
  return Number(row?.rows);
}

async function problems(ledger: OpenedLedger, note: string): Promise<unknown[]> {
  await ledger.log.seal();
  const kept = parseCheckpoint(note);
  if (kept === undefined) throw new Error('The checkpoint cannot be read.');
  return (await compareLedger(ledger, kept, { keys: [], keptDays: 30 })).differences;
}

describe.each(DATABASES)('receipts in $name that have been kept long enough', ({ freshUrl }) => {
  afterEach(resetClock);
  afterAll(cleanUp);

  it('go, and their hashes stay: everything can be verified as before, and a bundle is not complete', async () => {
    const url = await freshUrl();
    const stage = await BundleStage.open(url, newSealKey());
    const { ledger } = stage;
    await runRaw(url, `insert into target_references (sweep, first, names) values (1, 64, 'encrypted')`);
    const before = { whole: await stage.ofSweep('first'), run: await stage.ofRun() };
    const { sealedRoot } = await ledger.sweeps.verify({ sweepId: 'first' });
    setClock(LATER);
    const purged = await purgeEvidence(ledger, { days: 100 });
    expect(purged).toEqual({ before: '2030-02-21T00:00:00.000Z', sweeps: ['first', 'second'], runs: 2, changed: [] });
    for (const table of ['receipts', 'sealed_leaves', 'sealed_hashes', 'targets', 'target_references'])
      expect([table, await rowsOf(url, table)]).toEqual([table, 0]);
    expect(await problems(ledger, before.whole.checkpoint)).toEqual([]);
    const { receipts, purged: hashes = 0, ...verified } = await ledger.sweeps.verify({ sweepId: 'first' });
    expect({ receipts, verified }).toMatchObject({ receipts: 0, verified: { ok: true, root: sealedRoot } });
    expect(hashes).toBeGreaterThan(200);
    const row = (await ledger.sweeps.read('first'))!;
    const compared = { row, counts: await ledger.sweeps.count('first'), receipts: hashes, result: undefined };
    expect(rowDifferences({ ...compared, root: sealedRoot, expectedRoot: sealedRoot })).toEqual([]);
    const left = await stage.ofSweep('first');
    for (const { text, roots, keys } of [left, before.whole, before.run])
      expect(await verifyBundle([text], nodeCrypto, { roots, keys })).toMatchObject({
        ok: true,
        complete: text !== left.text,
        differences: [],
      });
    expect(left.roots).toEqual(before.whole.roots);
    expect(await purgeEvidence(ledger, { days: 100 })).toMatchObject({ sweeps: [], runs: 0 });
    await expect(runRaw(url, 'delete from purged_hashes')).rejects.toThrow('append-only');
  });

  it('stay while they are younger, of a run in progress, and of a sweep that was changed', async () => {
    const url = await freshUrl();
    const { ledger } = await BundleStage.open(url);
    await ledger.recordIntent(intentOf({ workflowId: 'open' }));
    await ledger.log.seal();
    await runPastGuards(url, [
      `update receipts set outcome = 'removed' where workflow_id = 'second' and outcome = 'failed'`,
    ]);
    const receipts = await rowsOf(url, 'receipts');
    setClock('2030-03-01T00:00:00.000Z');
    expect(await purgeEvidence(ledger, { days: 40 })).toMatchObject({ sweeps: [], runs: 2 });
    setClock(LATER);
    expect(await purgeEvidence(ledger, { days: 100 })).toMatchObject({
      sweeps: ['first'],
      runs: 0,
      changed: ['second'],
    });
    const [left] = await runRaw(url, `select count(*) as rows from receipts where workflow_id in ('open', 'second')`);
    expect(await rowsOf(url, 'receipts')).toBe(Number(left?.rows));
    expect(Number(left?.rows)).toBeLessThan(receipts);
  });

  it.each([
    ['as they are', () => false],
    ['as an earlier version stored them', () => true],
    ['in both forms', ({ seq }: { seq: number }) => seq % 2 === 0],
  ])('can be verified while a purge is interrupted, and the next one continues: leaves %s', async (_form, isMoved) => {
    const url = await freshUrl();
    const ledger = await open(url);
    await writeExampleSweep(ledger, { sweepId: 'long', users: 1_100 });
    await storeAsBefore(url, 1, isMoved);
    const { checkpoint } = await ledger.log.seal();
    setClock(LATER);
    const stops = () => {
      throw new Error('stopped');
    };
    const purge = { sweepId: 'long', before: '2030-02-21T00:00:00.000Z', onProgress: stops };
    await expect(ledger.sweeps.purgeReceipts(purge)).rejects.toThrow('stopped');
    expect(await rowsOf(url, 'receipts')).toBeGreaterThan(0);
    expect(await problems(ledger, checkpoint.note)).toEqual([]);
    expect((await purgeEvidence(ledger, { days: 100 })).sweeps).toEqual(['long']);
    for (const table of ['receipts', 'sealed_leaves', 'sealed_hashes'])
      expect([table, await rowsOf(url, table)]).toEqual([table, 0]);
    expect(await problems(ledger, checkpoint.note)).toEqual([]);
  });

  it('cannot be deleted in any other way', async () => {
    const url = await freshUrl();
    await BundleStage.open(url);
    for (const table of ['receipts', 'sealed_hashes'])
      await expect(runRaw(url, `delete from ${table}`)).rejects.toThrow('append-only');
  });

  it('are deleted by a worker that has the setting', async () => {
    const url = await freshUrl();
    const { ledger } = await BundleStage.open(url);
    setClock(LATER);
    const reported: unknown[] = [];
    const sealer = new LogSealer(
      () => ledger,
      { target: undefined, receiptsDays: 100 },
      (one) => reported.push(one),
    );
    await sealer.turn();
    expect([await rowsOf(url, 'receipts'), reported]).toEqual([0, []]);
  });
});
