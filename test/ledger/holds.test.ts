import { Client } from 'pg';
import type { Ledger } from '../../src/ledger/ledger';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from './databases';

describe.each(DATABASES)('holds in $name', ({ name, freshUrl }) => {
  let url: string;
  let ledger: Ledger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  it('refuse an intent on any of the ids of a user, and nothing is written', async () => {
    await ledger.addHold({ holdId: 'case-1', subjects: [subject('held-by-batch-id')], reason: 'litigation' });
    const intent = intentOf({
      workflowId: 'held',
      subjects: [subject('plaid-id')],
      holdSubjects: [subject('plaid-id'), subject('held-by-batch-id')],
    });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'held' });
    expect(await ledger.readReceipts({ workflowId: 'held' })).toEqual([]);
    expect(await ledger.recordIntent({ ...intent, holdSubjects: [subject('plaid-id')] })).toEqual({ kind: 'recorded' });
  });

  it('refuse a bulk call of ten thousand in which one user is held', async () => {
    await ledger.addHold({ holdId: 'one-of-many', subjects: [subject('many-7777')] });
    const subjects = Array.from({ length: 10_000 }, (_, index) => subject(`many-${index}`));
    expect(await ledger.recordIntent(intentOf({ workflowId: 'many', subjects }))).toEqual({ kind: 'held' });
    expect(await ledger.readReceipts({ workflowId: 'many' })).toEqual([]);
  });

  it('do not refuse a call about nobody', async () => {
    const intent = intentOf({ workflowId: 'no-subject', subjects: [], holdSubjects: [] });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
  });

  it('are found, listed, not overwritten under the same id, and lifted by any of their subjects', async () => {
    const [a, b, c] = [subject('list-a'), subject('list-b'), subject('list-c')] as const;
    await ledger.addHold({ holdId: 'list-1', subjects: [a, b, a], reason: 'first' });
    await ledger.addHold({ holdId: 'list-1', subjects: [c], reason: 'second' });
    await ledger.addHold({ holdId: 'list-2', subjects: [b] });
    expect(await ledger.isHeld([c])).toBe(false);
    expect(await ledger.isHeld([c, b])).toBe(true);
    expect(await ledger.isHeld([])).toBe(false);
    const listed = (await ledger.listHolds()).filter(({ holdId }) => holdId.startsWith('list-'));
    expect(listed).toEqual([
      { holdId: 'list-1', subjects: [a, b].sort(), reason: 'first', at: expect.stringMatching(/Z$/) as string },
      { holdId: 'list-2', subjects: [b], at: expect.stringMatching(/Z$/) as string },
    ]);
    expect(await ledger.removeHolds({ subjects: [b] })).toBe(2);
    expect(await ledger.removeHolds({ subjects: [b] })).toBe(0);
    expect(await ledger.removeHolds({ holdId: 'list-1' })).toBe(0);
    expect(await ledger.isHeld([a, b])).toBe(false);
  });

  it('need somebody to hold', async () => {
    await expect(ledger.addHold({ holdId: 'empty', subjects: [] })).rejects.toThrow(TypeError);
  });

  it('let no intent through once they are set, however many are being written meanwhile', async () => {
    const writers = [ledger, ...(await Promise.all([open(url), open(url)]))];
    const setter = await open(url);
    for (let round = 0; round < 20; round++) {
      const user = subject(`race-${round}`);
      let set = false;
      const recordedAfter: string[] = [];
      const writing = writers.map(async (writer, number) => {
        for (let call = 0; call < 6; call++) {
          const alreadySet = set;
          const workflowId = `race-${round}-${number}-${call}`;
          const { kind } = await writer.recordIntent(intentOf({ workflowId, subjects: [user] }));
          if (alreadySet && kind !== 'held') recordedAfter.push(workflowId);
          if (kind === 'held') expect(await writer.readReceipts({ workflowId })).toEqual([]);
        }
      });
      const setting = setter.addHold({ holdId: `race-${round}`, subjects: [user] }).then(() => {
        set = true;
      });
      await Promise.all([...writing, setting]);
      expect(recordedAfter).toEqual([]);
      expect(await ledger.recordIntent(intentOf({ workflowId: `race-${round}-last`, subjects: [user] }))).toEqual({ kind: 'held' });
    }
  });

  if (name === 'Postgres') {
    it('wait for an intent under way, and are seen by one that began before they were committed', async () => {
      const user = subject('under-way');
      const early = new Client({ connectionString: url });
      await early.connect();
      try {
        await early.query('begin');
        await early.query(
          `select ledger_record_intent('early', 'r', '1', 's', 1, 't', 'plaid', 'sandbox', null, $1, $1, true, now())`,
          [[user]],
        );
        let holdIsSet = false;
        const setting = ledger.addHold({ holdId: 'under-way', subjects: [user] }).then(() => {
          holdIsSet = true;
        });
        await waiters(url, 1);
        // Its statement begins now, while the hold is not yet committed.
        const late = ledger.recordIntent(intentOf({ workflowId: 'late', subjects: [user] }));
        await waiters(url, 2);
        expect(holdIsSet).toBe(false);
        await early.query('commit');
        await setting;
        expect(await late).toEqual({ kind: 'held' });
        expect(await ledger.readReceipts({ workflowId: 'early' })).toHaveLength(1);
        expect(await ledger.readReceipts({ workflowId: 'late' })).toEqual([]);
      } finally {
        await early.end();
      }
    });

    it.each(['repeatable read', 'serializable'])('are seen by an intent that waited for them, also where the database isolates by "%s"', async (level) => {
      const strict = await freshUrl();
      await runRaw(strict, `alter database "${new URL(strict).pathname.slice(1)}" set default_transaction_isolation = '${level}'`);
      const strictLedger = await open(strict);
      const user = subject('isolated');
      const setting = new Client({ connectionString: strict });
      await setting.connect();
      try {
        await setting.query('begin');
        await setting.query('select pg_advisory_xact_lock(1214606444, 2)');
        const waiting = strictLedger.recordIntent(intentOf({ workflowId: 'waiting', subjects: [user] }));
        await waiters(strict, 1);
        await setting.query("insert into holds (hold_id, subject, at) values ('isolated', $1, now())", [user]);
        await setting.query('commit');
        expect(await waiting).toEqual({ kind: 'held' });
      } finally {
        await setting.end();
      }
    });
  }
});

/** Resolves when this many connections wait for an advisory lock. */
async function waiters(url: string, count: number): Promise<void> {
  for (;;) {
    const waiting = await runRaw(
      url,
      `select 1 from pg_locks where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
    );
    if (waiting.length === count) return;
  }
}
