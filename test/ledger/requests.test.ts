import { existsSync, readFileSync } from 'node:fs';
import { RequestConflictError } from 'temporal-http-tasks/internal/ledger/requests/request-ledger';
import type { NewRequest, RegisteredRequest } from 'temporal-http-tasks/internal/ledger/requests/request-ledger';
import { recordedPlace } from 'temporal-http-tasks/internal/ledger/requests/request-rows';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { requestFacts } from 'temporal-http-tasks/internal/policy/legal-clock';
import type { RequestClaims } from 'temporal-http-tasks/internal/policy/request-claims';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from './databases';
import { chunksOf, rowOf, settled, userNumber } from './sweeps/users';

const GDPR = { receivedAt: '2026-10-30', law: 'gdpr' } as const;
const DUE = '2026-11-30T23:59:59.000Z';
const NOW = new Date('2026-11-15T12:00:00Z');
const DECISION = { by: 'A. Smith', reason: 'identity not proven', now: NOW };

let number = 0;

/** All that a database has, deleted data in free pages and the log included where it is a file. */
async function everythingIn(url: string): Promise<string[]> {
  if (!url.startsWith('file:')) return [JSON.stringify(await runRaw(url, 'select * from requests'))];
  const file = url.slice('file:'.length);
  return [file, `${file}-wal`, `${file}-shm`].filter(existsSync).map((one) => readFileSync(one, 'latin1'));
}

/** A request of a new user, in a run of its own. */
function request(claims: RequestClaims = GDPR, more: Partial<NewRequest> = {}): NewRequest {
  number += 1;
  return {
    workflowId: `offboard-${number}`,
    firstRun: `run-${number}`,
    facts: requestFacts(claims),
    subjects: [subject(`user-${number}`), subject(`user-${number}-at-batch`)],
    environments: { plaid: ['sandbox'] },
    reason: 'OTHER',
    ...more,
  };
}

describe.each(DATABASES)('the register in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  const recorded = async (given: NewRequest): Promise<RegisteredRequest> => (await ledger.requests.record(given))!;
  const found = async (id: number): Promise<RegisteredRequest> => (await ledger.requests.find(id))!;
  const all = () => ledger.requests.list({ afterId: 0, limit: 1_000 });

  it('keeps a request once, with its dates, and without anything that can be read of its user', async () => {
    const given = request({ ...GDPR, requestedBy: 'Alice' }, { reference: 'Case Miller' });
    const first = await recorded(given);
    expect(first).toMatchObject({
      kind: 'run',
      workflowId: given.workflowId,
      subject: given.subjects[0],
      reference: 'Case Miller',
      law: 'gdpr',
      receivedAt: '2026-10-30',
      dueAt: DUE,
      requestedBy: 'Alice',
      reason: 'OTHER',
      done: false,
    });
    expect(await recorded(given)).toEqual(first);
    const rows = JSON.stringify(await runRaw(url, 'select * from requests'));
    expect(rows).not.toContain('Miller');
    expect(rows).not.toMatch(/user-\d/);
  });

  it('says nothing about what has no date', async () => {
    expect(await ledger.requests.record(request({ requestedBy: 'Alice' }))).toBeUndefined();
  });

  it('is the same request when a user with one of its IDs is taken up again for the same receipt', async () => {
    const { workflowId: _, ...given } = request();
    const noted = await recorded({ ...given, ...recordedPlace(), reference: 'case-1' });
    expect(noted).toMatchObject({ kind: 'recorded' });
    expect(noted).not.toHaveProperty('workflowId');
    const [, atBatch = ''] = given.subjects;
    const first = await recorded(request(GDPR, { workflowId: 'first', firstRun: 'a', subjects: [atBatch] }));
    expect(first).toMatchObject({ id: noted.id, kind: 'run', workflowId: 'first', reference: 'case-1' });
    await ledger.requests.end({ workflowId: 'first', firstRun: 'a', outcome: 'partial' });
    expect(await found(noted.id)).toMatchObject({ outcome: 'partial', done: false });
    const second = await recorded(request(GDPR, { workflowId: 'second', firstRun: 'b', subjects: [atBatch] }));
    expect(second).toMatchObject({ id: noted.id, workflowId: 'second' });
    expect(second).not.toHaveProperty('outcome');
    await ledger.requests.end({ workflowId: 'second', firstRun: 'b', outcome: 'completed' });
    expect(await found(noted.id)).toMatchObject({ outcome: 'completed', done: true });
    // Another request of the same user.
    const other = request({ receivedAt: '2026-11-01', law: 'gdpr' }, { subjects: [atBatch] });
    expect((await recorded(other)).id).not.toBe(noted.id);
    // One that was carried out is over.
    expect((await recorded(request(GDPR, { subjects: [atBatch] }))).id).not.toBe(noted.id);
  });

  it('extends once, as the law allows and in time', async () => {
    const { id } = await recorded(request());
    expect(await ledger.requests.extend({ ...DECISION, id })).toMatchObject({
      dueAt: '2027-02-01T23:59:59.000Z',
      extended: { at: NOW.toISOString(), by: 'A. Smith', reason: 'identity not proven' },
    });
    await expect(ledger.requests.extend({ ...DECISION, id })).rejects.toThrow(/extended already/);
    const late = await recorded(request());
    await expect(ledger.requests.extend({ ...DECISION, id: late.id, now: new Date('2026-12-01') })).rejects.toThrow(
      /was due at 2026-11-30/,
    );
    const lawless = await recorded(request({ dueAt: '2026-12-01' }));
    await expect(ledger.requests.extend({ ...DECISION, id: lawless.id })).rejects.toThrow(/no law that allows/);
    await expect(ledger.requests.extend({ ...DECISION, id: 1_000_000 })).rejects.toBeInstanceOf(RequestConflictError);
  });

  it('a refused request is on hold, for runs as for sweeps', async () => {
    const given = request();
    const { id } = await recorded(given);
    const { holdId } = await ledger.requests.refuse({ ...DECISION, id });
    expect(holdId).toBe(`refused-request-${id}`);
    expect(await found(id)).toMatchObject({ refused: { by: 'A. Smith', reason: 'identity not proven' } });
    const [atPlaid = ''] = given.subjects;
    const intent = intentOf({ workflowId: given.workflowId, subjects: [atPlaid], holdSubjects: [atPlaid] });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'held' });
    expect(await ledger.holds.countUnknown()).toBe(0);
    await expect(ledger.requests.refuse({ ...DECISION, id })).rejects.toThrow(/was refused at/);
    await expect(ledger.requests.extend({ ...DECISION, id })).rejects.toThrow(/was refused at/);
  });

  it('counts what is open, overdue and soon due', async () => {
    const fresh = await open(await freshUrl());
    const { requests } = fresh;
    const week = 7 * 86_400_000;
    expect(await requests.state({ now: NOW, soonMs: week })).toEqual({ open: 0, overdue: 0, dueSoon: 0 });
    const ids: number[] = [];
    for (const dueAt of ['2026-11-14', '2026-11-20', '2026-11-30', '2026-11-01', '2026-11-02'])
      ids.push((await requests.record(request({ dueAt })))!.id);
    await requests.record(request({ receivedAt: '2026-11-01' }));
    await requests.refuse({ ...DECISION, id: ids[3]! });
    expect(await requests.state({ now: NOW, soonMs: week })).toEqual({
      open: 5,
      overdue: 2,
      dueSoon: 1,
      nextDueAt: '2026-11-20T23:59:59.000Z',
    });
    const overdue = await requests.list({ open: true, dueBefore: NOW, afterId: 0, limit: 10 });
    expect(overdue.map(({ id }) => id)).toEqual([ids[0], ids[4]]);
  });

  it('purges what ended or was refused before, and nothing that is open', async () => {
    const fresh = await open(await freshUrl());
    const { requests } = fresh;
    const [done, refused, left] = [request(), request(), request()];
    await requests.record(done);
    const { id } = (await requests.record(refused))!;
    await requests.record(left);
    await requests.end({ ...done, outcome: 'completed' });
    await requests.refuse({ ...DECISION, id, now: new Date() });
    expect(await requests.purge(new Date(Date.now() - 60_000))).toBe(0);
    expect(await requests.purge(new Date(Date.now() + 60_000))).toBe(2);
    expect(await requests.list({ afterId: 0, limit: 10 })).toMatchObject([{ workflowId: left.workflowId }]);
  });

  it('leaves nothing of a purged request: no ID, no reference, no words about it', async () => {
    const own = await freshUrl();
    const { requests } = await open(own);
    const given = { ...GDPR, requestedBy: 'canary-requester', receivedAt: '2026-10-30T11:22:33+05:45' };
    const gone = request(given, { reference: 'canary-reference', reason: 'CANARY_REASON' });
    const stays = request();
    const { id } = (await requests.record(gone))!;
    await requests.record(stays);
    await requests.extend({ by: 'canary-extender', reason: 'canary-extension', id, now: NOW });
    const [row] = (await runRaw(own, `select * from requests where id = ${id}`)) as [Record<string, unknown>];
    const traces = [
      ...gone.subjects,
      gone.workflowId,
      gone.firstRun,
      String(row['reference']),
      ...['canary-requester', '2026-10-30T11:22:33+05:45', 'CANARY_REASON', 'canary-extender', 'canary-extension'],
    ];
    const left = async (): Promise<string[]> => {
      const texts = await everythingIn(own);
      return traces.filter((trace) => texts.some((text) => text.includes(trace)));
    };
    expect(await left()).toEqual(traces);
    await requests.end({ ...gone, outcome: 'completed' });
    expect(await requests.purge(new Date(Date.now() + 60_000))).toBe(1);
    expect(await left()).toEqual([]);
    expect((await everythingIn(own)).some((text) => text.includes(stays.subjects[0]!))).toBe(true);
  });

  describe('of sweeps', () => {
    const { fenceOf } = chunksOf(() => ledger.sweeps);

    /** A sweep of three users, two of whom have requests. */
    async function sweepOfRequests(sweepId: string): Promise<void> {
      await ledger.sweeps.create({ sweepId });
      const rows = [0, 1, 2].map((index) => ({
        ...rowOf({ ...userNumber(1_000 * (number += 1) + index), reference: `case-${index}` }),
        ...(index > 0 && { request: requestFacts({ receivedAt: `2026-10-2${index}`, law: 'gdpr' }) }),
      }));
      const environments = { plaid: 'sandbox', batch: 'default' };
      await ledger.sweeps.appendTargets({ sweepId, version: 0, rows, environments, position: 'end', complete: true });
    }

    async function settle(sweepId: string, outcomes: readonly ('removed' | 'failed')[]): Promise<void> {
      const fence = await fenceOf(sweepId);
      const range = { from: 0, to: outcomes.length - 1 };
      const users = await ledger.sweeps.openWave({ ...fence, wave: 1, limit: 10, range });
      await ledger.sweeps.flushWave({ ...fence, users: users.map((user, at) => settled(user, outcomes[at])) });
    }

    const ofSweep = async (sweepId: string) => (await all()).filter(({ workflowId }) => workflowId === sweepId);

    it('records the users who asked with their rows, and how they ended', async () => {
      await sweepOfRequests('asked');
      expect(await ofSweep('asked')).toMatchObject([
        { kind: 'user', seq: 1, reference: 'case-1', receivedAt: '2026-10-21', dueAt: '2026-11-23T23:59:59.000Z' },
        { kind: 'user', seq: 2, reference: 'case-2', receivedAt: '2026-10-22', dueAt: '2026-11-23T23:59:59.000Z' },
      ]);
      expect(await ledger.requests.ofSweep('asked')).toEqual({
        users: 2,
        receivedAt: '2026-10-21T00:00:00.000Z',
        dueAt: '2026-11-23T23:59:59.000Z',
      });
      await settle('asked', ['failed', 'removed', 'failed']);
      for (let repeat = 0; repeat < 2; repeat += 1)
        await ledger.sweeps.endRequests({ sweepId: 'asked', alsoDone: ['skipped'] });
      expect(await ofSweep('asked')).toMatchObject([
        { seq: 1, outcome: 'removed', done: true },
        { seq: 2, outcome: 'failed', done: false },
      ]);
    });

    it('a redrive takes the requests of its users with it', async () => {
      await sweepOfRequests('first');
      await ledger.requests.record({ ...request(), workflowId: 'first', firstRun: '', subjects: [] });
      await settle('first', ['removed', 'failed', 'failed']);
      await ledger.sweeps.endRequests({ sweepId: 'first', alsoDone: [] });
      await ledger.requests.end({ workflowId: 'first', firstRun: '', outcome: 'partial' });
      await ledger.sweeps.setStatus({ sweepId: 'first', status: 'partial' });
      await ledger.sweeps.create({ sweepId: 'again', redriveOf: 'first' });
      const whole = { ...request({}), workflowId: 'again', firstRun: '', subjects: [], redriveOf: 'first' };
      expect(await ledger.requests.record(whole)).toMatchObject({ kind: 'sweep', workflowId: 'again' });
      await ledger.sweeps.appendRedriven({ sweepId: 'again', limit: 100 });
      const moved = await ofSweep('again');
      expect(moved.map(({ kind, seq }) => [kind, seq])).toEqual([
        ['user', 0],
        ['user', 1],
        ['sweep', undefined],
      ]);
      for (const one of moved) expect(one).not.toHaveProperty('outcome');
      expect(await ofSweep('first')).toEqual([]);
    });

    it('takes over a request that was recorded before', async () => {
      const user = userNumber(77_000);
      const { subjects } = rowOf(user);
      const noted = await recorded(request(GDPR, { ...recordedPlace(), subjects: [subjects[1]!] }));
      await ledger.sweeps.create({ sweepId: 'takes over' });
      const rows = [{ ...rowOf(user), request: requestFacts(GDPR) }];
      await ledger.sweeps.appendTargets({ sweepId: 'takes over', version: 0, rows, position: 'end', complete: true });
      expect(await ofSweep('takes over')).toMatchObject([{ id: noted.id, kind: 'user', seq: 0 }]);
    });

    it('a user whom a cancelled sweep has skipped is not done', async () => {
      await sweepOfRequests('cancelled');
      const fence = await fenceOf('cancelled');
      const users = await ledger.sweeps.openWave({ ...fence, wave: 1, limit: 10, range: { from: 0, to: 2 } });
      await ledger.sweeps.flushWave({ ...fence, users: users.map((user) => settled(user, 'skipped')) });
      await ledger.sweeps.endRequests({ sweepId: 'cancelled', alsoDone: [] });
      expect(await ofSweep('cancelled')).toMatchObject([
        { outcome: 'skipped', done: false },
        { outcome: 'skipped', done: false },
      ]);
    });
  });
});
