import { Kysely, PostgresDialect } from 'kysely';
import type { KyselyPlugin } from 'kysely';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LibsqlDialect } from 'temporal-http-tasks/internal/ledger/libsql/dialect';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createPostgresPool } from 'temporal-http-tasks/internal/ledger/postgres/pool';
import { postgresStore } from 'temporal-http-tasks/internal/ledger/postgres/store';
import type { LedgerDatabase } from 'temporal-http-tasks/internal/ledger/store';
import type { RateLedger } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { createSqlRateLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sql-rate-ledger';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { LEASE_MS } from 'temporal-http-tasks/internal/policy/rate';
import { postgresTarget } from '../../support/postgres';
import { DATABASES, cleanUp, open, runRaw } from '../databases';

/** The same database as from far away: each statement takes a while. */
function slowly(url: string): LedgerDatabase {
  const delaying: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      await new Promise((resolve) => setTimeout(resolve, 80));
      return result;
    },
  };
  const deadlineMs = 5_000;
  if (url.startsWith('file:')) {
    const dialect = new LibsqlDialect({ path: url.slice('file:'.length), deadlineMs });
    return { store: libsqlStore, db: new Kysely<Tables>({ dialect, plugins: [delaying] }) };
  }
  const dialect = new PostgresDialect({ pool: createPostgresPool({ target: postgresTarget(url), deadlineMs }) });
  return { store: postgresStore, db: new Kysely<Tables>({ dialect, plugins: [delaying] }) };
}

/** A database in which every change of this rate looks as if another process had been faster. */
const IGNORING_WRITES = {
  libSQL: {
    begin: [
      `create trigger overtake before update on rates when old.service = 'overtaken' begin select raise(ignore); end`,
    ],
    end: 'drop trigger overtake',
  },
  Postgres: {
    begin: [
      'create function overtake() returns trigger language plpgsql as $$ begin return null; end $$',
      `create trigger overtake before update on rates for each row when (old.service = 'overtaken') execute function overtake()`,
    ],
    end: 'drop trigger overtake on rates',
  },
};

describe.each(DATABASES)('the rates that processes share in $name', ({ name, freshUrl }) => {
  let url: string;
  let rates: RateLedger;
  let others: OpenedLedger[];

  beforeAll(async () => {
    url = await freshUrl();
    ({ rates } = await open(url));
    others = await Promise.all([open(url), open(url)]);
  });
  afterAll(cleanUp);

  it('give no more calls than the limit to concurrent processes, and almost as many', async () => {
    const key = { service: 'plaid', keySlot: '' };
    const started = performance.now();
    let tokens = 0;
    const asking = [rates, ...others.map((other) => other.rates)].map(async (mine) => {
      while (performance.now() - started < 3_000) {
        const lease = await mine.leaseTokens({ ...key, want: 1_000, caller: 'live', documentedLimit: 60_000 });
        tokens += lease.tokens;
        if (lease.tokens === 0) await new Promise((resolve) => setTimeout(resolve, lease.retryInMs));
      }
    });
    await Promise.all(asking);
    const seconds = (performance.now() - started) / 1_000;
    // A bucket of a second, and a thousand calls in each that follows.
    expect(tokens).toBeLessThanOrEqual(1_000 + seconds * 1_000);
    expect(tokens).toBeGreaterThan(0.9 * seconds * 1_000);
  });

  it('respond to every process in time, however many ask all the time and whatever else they do', async () => {
    const key = { service: 'crowded', keySlot: '' };
    const crowd = [
      rates,
      ...others.map((other) => other.rates),
      ...(await Promise.all([open(url), open(url), open(url)])).map((more) => more.rates),
    ];
    const started = performance.now();
    let tokens = 0;
    // Two askers in each process: they must not take turns away from each other either.
    const asking = [...crowd, ...crowd].map(async (mine, asker) => {
      let responses = 0;
      while (performance.now() - started < 3_000) {
        tokens += (await mine.leaseTokens({ ...key, want: 2, caller: 'live', documentedLimit: 60_000 })).tokens;
        if (asker % 2 === 1)
          await mine.reportResponses({ ...key, responses: { accepted: 2, refused: 0 }, documentedLimit: 60_000 });
        responses += 1;
      }
      return responses;
    });
    const responses = await Promise.all(asking);
    const seconds = (performance.now() - started) / 1_000;
    expect(Math.min(...responses)).toBeGreaterThan(0);
    expect(tokens).toBeLessThanOrEqual(1_000 + seconds * 1_000);
  }, 30_000);

  it('respond to a process with a slow connection to the database too, however fast the others ask', async () => {
    const key = { service: 'far', keySlot: '', want: 1, caller: 'live', documentedLimit: 60_000 } as const;
    const far = slowly(url);
    const slow = createSqlRateLedger(far, { deadlineMs: 5_000, isClosed: () => false });
    let done = false;
    const asking = [rates, ...others.map((other) => other.rates)].map(async (near) => {
      while (!done) await near.leaseTokens(key);
    });
    try {
      for (let asked = 0; asked < 4; asked += 1) await slow.leaseTokens(key);
    } finally {
      done = true;
      await Promise.all(asking);
      await far.db.destroy();
    }
  }, 60_000);

  it('are not blocked forever by a process that freezes in its turn, or by a turn from before the clock was set back', async () => {
    const key = { service: 'turns', keySlot: '', want: 1, caller: 'live', documentedLimit: 60_000 } as const;
    await rates.leaseTokens(key);
    for (const untilMs of [Date.now() + 400, Date.now() + 3_600_000]) {
      await runRaw(url, `update rates set turn = 'somebody', turn_until_ms = ${untilMs} where service = 'turns'`);
      await expect(rates.leaseTokens(key)).resolves.toMatchObject({ tokens: 1 });
    }
    expect(await runRaw(url, "select turn from rates where service = 'turns'")).toMatchObject([{ turn: null }]);
  });

  it('give up after the deadline of the call and not before when others always come first', async () => {
    const key = { service: 'overtaken', keySlot: '', want: 1, caller: 'live', documentedLimit: 60_000 } as const;
    const { rates: hurried } = await open(url, { deadlineMs: 2_000 });
    await hurried.leaseTokens(key);
    const ignore = IGNORING_WRITES[name];
    for (const statement of ignore.begin) await runRaw(url, statement);
    const started = performance.now();
    await expect(hurried.leaseTokens(key)).rejects.toThrow(LedgerUnavailableError);
    expect(performance.now() - started).toBeGreaterThan(1_950);
    const late = rates.leaseTokens(key);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await runRaw(url, ignore.end);
    expect((await late).tokens).toBe(1);
    expect((await hurried.leaseTokens(key)).tokens).toBe(1);
  });

  it('are apart for each service and key slot, whatever they are called', async () => {
    const hostile = `'; drop table rates; --\0`;
    const first = await rates.leaseTokens({
      service: hostile,
      keySlot: 'ios',
      want: 5,
      caller: 'live',
      documentedLimit: 300,
    });
    expect(first).toEqual({ tokens: 5, expiresInMs: LEASE_MS, retryInMs: expect.any(Number) as number, generation: 0 });
    const second = await rates.leaseTokens({
      service: hostile,
      keySlot: 'android',
      want: 5,
      caller: 'live',
      documentedLimit: 300,
    });
    expect(second.tokens).toBe(5);
    expect((await rates.readRates()).filter(({ service }) => service.startsWith("'; drop"))).toMatchObject([
      { keySlot: 'android', limitPerMinute: 300 },
      { keySlot: 'ios', limitPerMinute: 300 },
    ]);
  });

  it('leave live runs their reserve', async () => {
    const key = { service: 'reserve', keySlot: '', documentedLimit: 600 };
    const sweep = await rates.leaseTokens({ ...key, want: 1_000, caller: 'sweep' });
    expect(sweep.tokens).toBeLessThan(10);
    expect((await rates.leaseTokens({ ...key, want: 1, caller: 'live' })).tokens).toBe(1);
  });

  it('report to every process that refusals void what was leased', async () => {
    const key = { service: 'refused', keySlot: '', documentedLimit: 6_000 };
    const before = await rates.leaseTokens({ ...key, want: 10, caller: 'live' });
    const { generation } = await rates.reportResponses({
      ...key,
      responses: { accepted: 3, refused: 1, retryAfterMs: 30_000 },
    });
    expect(generation).toBe(before.generation + 1);
    const other = await others[0]?.rates.leaseTokens({ ...key, want: 10, caller: 'live' });
    expect(other).toMatchObject({ tokens: 0, generation });
    expect(other?.retryInMs).toBeGreaterThan(20_000);
    const along = await rates.leaseTokens({
      ...key,
      want: 10,
      caller: 'live',
      responses: { accepted: 0, refused: 1, retryAfterMs: 60_000 },
    });
    expect(along.retryInMs).toBeGreaterThan(50_000);
  });

  it('change for every process when a person sets one, which goes before what is documented', async () => {
    const key = { service: 'set', keySlot: 'ios' };
    await rates.leaseTokens({ ...key, want: 1, caller: 'live', documentedLimit: 6_000 });
    await rates.setLimit({ ...key, limitPerMinute: 120 });
    await others[1]?.rates.leaseTokens({ ...key, want: 1, caller: 'live', documentedLimit: 6_000 });
    const shown = async () => (await rates.readRates()).find(({ service }) => service === 'set');
    expect(await shown()).toMatchObject({ limitPerMinute: 120 });
    await rates.setLimit(key);
    await rates.leaseTokens({ ...key, want: 1, caller: 'live', documentedLimit: 6_000 });
    expect(await shown()).toMatchObject({ limitPerMinute: 6_000 });
    await rates.leaseTokens({ ...key, want: 1, caller: 'live' });
    expect(await shown()).not.toHaveProperty('limitPerMinute');
    for (const limitPerMinute of [0, -1, Number.NaN, Infinity]) {
      await expect(rates.setLimit({ ...key, limitPerMinute })).rejects.toThrow(RangeError);
    }
  });

  it('start at 10 calls a second for sweeps where no limit is known, however many processes ask', async () => {
    const key = { service: 'unknown', keySlot: '', caller: 'sweep' } as const;
    const begun = performance.now();
    let tokens = 0;
    while (performance.now() - begun < 2_000) {
      const leases = await Promise.all(
        [rates, ...others.map((other) => other.rates)].map((mine) => mine.leaseTokens({ ...key, want: 50 })),
      );
      tokens += leases.reduce((sum, lease) => sum + lease.tokens, 0);
    }
    expect(tokens).toBeLessThan(10 * ((performance.now() - begun) / 1_000) + 4);
    const shown = (await rates.readRates()).find(({ service }) => service === 'unknown');
    expect(shown).toEqual({
      service: 'unknown',
      keySlot: '',
      sweeps: [],
      callsPerSecond: expect.any(Number) as number,
      sweepCallsPerSecond: 10,
    });
    expect((await rates.leaseTokens({ ...key, want: 40, caller: 'live' })).tokens).toBe(40);
  });

  describe('of one sweep', () => {
    const key = { service: 'own', keySlot: '' };
    const clockOf = name === 'libSQL' ? `unixepoch('subsec') * 1000` : 'extract(epoch from clock_timestamp()) * 1000';

    async function opened(sweepId: string): Promise<OpenedLedger> {
      const [ledger] = others;
      if (!ledger) throw new Error('No ledger is open.');
      await ledger.sweeps.create({ sweepId, skipDone: false, claimedBy: sweepId });
      return ledger;
    }

    const ask = (caller: 'live' | 'sweep') => rates.leaseTokens({ ...key, want: 50, caller });
    const shown = async () => (await rates.readRates()).find(({ service }) => service === 'own');

    it('limit all sweeps, the lowest of them, and no live run; they end with their sweep', async () => {
      const first = await opened('first');
      await opened('second');
      await rates.setSweepRate({ ...key, sweepId: 'first', limitPerMinute: 600 });
      await rates.setSweepRate({ ...key, sweepId: 'second', limitPerMinute: 60 });
      const before = await ask('sweep');
      expect(before.tokens).toBeLessThan(3);
      expect((await ask('live')).tokens).toBe(50);
      expect(await shown()).toMatchObject({
        sweeps: [
          { sweepId: 'second', limitPerMinute: 60 },
          { sweepId: 'first', limitPerMinute: 600 },
        ],
      });
      await first.sweeps.setStatus({ sweepId: 'second', status: 'completed' });
      expect((await ask('sweep')).generation).toBeGreaterThan(before.generation);
      expect((await shown())?.sweeps).toEqual([{ sweepId: 'first', limitPerMinute: 600 }]);
      // Neither a late writer nor a late heartbeat brings it back; the report can still say what it was.
      await rates.setSweepRate({ ...key, sweepId: 'second', limitPerMinute: 30 });
      await rates.keepSweepRates('second');
      expect((await shown())?.sweeps).toEqual([{ sweepId: 'first', limitPerMinute: 600 }]);
      expect(await rates.readSweepRates('second')).toEqual([{ ...key, sweepId: 'second', limitPerMinute: 60 }]);
      await rates.setSweepRate({ ...key, sweepId: 'first' });
      expect((await shown())?.sweeps).toEqual([]);
    });

    it('count no longer once nothing makes calls for the sweep, as after its run was terminated, and again when something does', async () => {
      await opened('terminated');
      await rates.setSweepRate({ ...key, sweepId: 'terminated', limitPerMinute: 60 });
      await runRaw(url, `update sweep_rates set counts_until_ms = ${clockOf} where sweep_id = 'terminated'`);
      await ask('sweep');
      expect((await shown())?.sweeps).toEqual([]);
      await rates.keepSweepRates('terminated');
      expect((await shown())?.sweeps).toEqual([{ sweepId: 'terminated', limitPerMinute: 60 }]);
      await others[0]?.sweeps.setStatus({ sweepId: 'terminated', status: 'failed' });
      expect((await shown())?.sweeps).toEqual([]);
    });

    it('are not set for a sweep that is not there, or to nothing', async () => {
      await rates.setSweepRate({ ...key, sweepId: 'nowhere', limitPerMinute: 60 });
      expect(await rates.readSweepRates('nowhere')).toEqual([]);
      await expect(rates.setSweepRate({ ...key, sweepId: 'first', limitPerMinute: 0 })).rejects.toThrow(RangeError);
    });
  });
});
