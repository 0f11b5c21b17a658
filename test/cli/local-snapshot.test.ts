import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { processIo } from '@temporal-http-tasks/cli/internal/program/io';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { openSweepFile, takeLocalSnapshot } from '@temporal-http-tasks/cli/internal/sweep/local-snapshot';
import type { LocalFile } from '@temporal-http-tasks/cli/internal/sweep/sweep-options';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { SnapshotState } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { DATABASES, SUBJECT_KEY, cleanUp, intentOf, open, temporaryFolder } from '../ledger/databases';
import { written } from '../support/written';

const hasher = createSubjectHasher(SUBJECT_KEY);
const HEAD = 'plaid_user_id,batch_user_id\n';

afterAll(cleanUp);

let sweeps = 0;
const freshId = (): string => `sweep-${(sweeps += 1)}`;

function fileWith(content: string | Buffer, name = 'users.csv'): string {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, content);
  return file;
}

function rows(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => `usr_${from + index},customer-${from + index}\n`).join('');
}

interface Reading extends Partial<Omit<LocalFile, 'file'>> {
  file: string;
  sweepId?: string;
  maxUsers?: number;
  signal?: AbortSignal;
  env?: Io['env'];
}

/** Reads a file as the command does; returns what it printed on stderr too. */
async function read(
  ledger: OpenedLedger,
  given: Reading,
): Promise<{ state: SnapshotState; sweepId: string; said: string }> {
  const {
    file,
    sweepId = freshId(),
    maxUsers = 100_000,
    signal = new AbortController().signal,
    env = {},
    ...local
  } = given;
  const stderr = new PassThrough();
  const io = { ...processIo(), env, stderr: stderr as unknown as Io['stderr'] };
  const snapshot = {
    sweepId,
    maxUsers,
    doneSteps: [],
    providers: new ProviderSet(),
    local: { file, badRows: { percent: 50 }, skipDone: false, ...local },
  };
  const source = await openSweepFile(snapshot.local);
  const state = await takeLocalSnapshot(io, { ledger, hasher }, { snapshot, source, signal });
  return { state, sweepId, said: written(stderr) };
}

/** The same ledger, whose sweeps respond differently to one method. */
function with_(ledger: OpenedLedger, changes: Partial<SweepLedger>): OpenedLedger {
  return { ...ledger, sweeps: { ...ledger.sweeps, ...changes } };
}

describe.each(DATABASES)('a file here, read into a ledger in $name', ({ freshUrl }) => {
  let ledger: OpenedLedger;
  beforeAll(async () => {
    ledger = await open(await freshUrl());
  });

  it('becomes the snapshot of a sweep, in blocks, with duplicates and bad rows counted', async () => {
    const file = fileWith(`${HEAD}${rows(0, 2_500)}usr_7,customer-7\nonly-one-cell\n${rows(2_500, 5_000)},\n`);
    const { state, sweepId, said } = await read(ledger, { file });
    expect(state).toMatchObject({ total: 5_000, duplicates: 1, rejected: 2, complete: true });
    expect(await ledger.sweeps.read(sweepId)).toMatchObject({
      total: 5_000,
      duplicates: 1,
      rejected: 2,
      snapshotComplete: true,
      readable: true,
    });
    const target = await ledger.sweeps.readUser({ sweepId, seq: 4_999 });
    expect(target?.user).toEqual({ plaidUserId: 'usr_4999', batchUserId: 'customer-4999' });
    expect(target?.subjects).toEqual(
      userSubjects({ plaidUserId: 'usr_4999', batchUserId: 'customer-4999' }, { plaid: 'sandbox' }, hasher),
    );
    expect(said).toContain('line 2503: has 1 cells, and the first line names 2 columns');
    expect(said).toContain('5,000 users, 1 duplicate, 2 invalid rows');
    expect(said).not.toMatch(/usr_|customer-|only-one/);
  });

  it('is hashed for the environment that PLAID_ENV names', async () => {
    const { sweepId } = await read(ledger, { file: fileWith(`${HEAD}usr_1,\n`), env: { PLAID_ENV: 'production' } });
    const target = await ledger.sweeps.readUser({ sweepId, seq: 0 });
    expect(target?.subjects).toEqual([hasher.subject('plaid', 'production', 'usr_1')]);
  });

  it('is not continued for another environment, and not destroyed', async () => {
    const sweepId = freshId();
    const row = { user: { plaidUserId: 'usr_1' }, subjects: [hasher.subject('plaid', 'production', 'usr_1')] };
    await ledger.sweeps.create({ sweepId });
    await ledger.sweeps.appendTargets({
      sweepId,
      version: 0,
      rows: [row],
      environments: { plaid: 'production' },
      position: '1',
    });
    await expect(read(ledger, { file: fileWith(`${HEAD}usr_1,\nusr_2,\n`), sweepId })).rejects.toMatchObject({
      type: 'Conflict',
      message: expect.stringContaining("was started for Plaid's production and not its sandbox") as string,
    });
    expect(await ledger.sweeps.read(sweepId)).toMatchObject({ readable: true, total: 1 });
  });

  it('may be JSONL in gzip, or of any name when its format is given', async () => {
    const packed = fileWith(gzipSync('{"batch_user_id":"1"}\n{"batch_user_id":"2"}\n'), 'users.jsonl.gz');
    expect((await read(ledger, { file: packed })).state.total).toBe(2);
    expect((await read(ledger, { file: fileWith(`${HEAD}u,\n`, 'users'), format: 'csv' })).state.total).toBe(1);
  });

  it('marks users as skipped whom an earlier end has done, when it is asked to', async () => {
    const subjects = [hasher.subject('batch', 'default', 'done')];
    await ledger.recordOutcome({
      ...intentOf({
        workflowId: 'offboard-done',
        step: 'batch.ios',
        task: 'batch.customDataDelete',
        service: 'batch',
        subjects,
      }),
      outcome: 'accepted',
    });
    await ledger.recordEnd({
      workflowId: 'offboard-done',
      runId: 'run-1',
      environment: 'default',
      subject: subjects[0] ?? '',
      steps: [{ step: 'batch.ios', task: 'batch.customDataDelete', outcome: 'accepted' }],
      compensations: [],
    });
    const file = fileWith('batch_user_id,closed_at\ndone,2026-01-01T00:00:00Z\nnew,2026-01-01T00:00:00Z\n');
    expect((await ledger.sweeps.count((await read(ledger, { file, skipDone: true })).sweepId)).skipped).toBe(1);
    const unreported = fileWith(`${HEAD},done\n,new\n`);
    expect(
      (await ledger.sweeps.count((await read(ledger, { file: unreported, skipDone: true })).sweepId)).skipped,
    ).toBe(0);
    expect((await ledger.sweeps.count((await read(ledger, { file })).sweepId)).skipped).toBe(0);
  });

  it.each<[string, string, Partial<Reading>, object]>([
    ['names no known column', 'a,b\n1,2\n', {}, { type: 'Task.InvalidInput', field: 'source' }],
    ['has no row', HEAD, {}, { type: 'Task.InvalidInput', field: 'source' }],
    ['has no good row', `${HEAD},\n,\n`, { badRows: { percent: 100 } }, { type: 'Task.InvalidInput', field: 'source' }],
    [
      'has more bad rows than are tolerated',
      `${HEAD}${rows(0, 3)},\n`,
      { badRows: { count: 0 } },
      { type: 'Task.InvalidInput', field: 'source' },
    ],
    [
      'has a larger share of bad rows',
      `${HEAD}${rows(0, 2)},\n,\n,\n`,
      {},
      { type: 'Task.InvalidInput', field: 'source' },
    ],
    ['has too many users', `${HEAD}${rows(0, 3)}`, { maxUsers: 2 }, { type: 'Task.InvalidInput', field: 'maxUsers' }],
  ])('that %s is refused, and nothing of it can be read any more', async (_, content, more, refusal) => {
    const sweepId = freshId();
    await expect(read(ledger, { file: fileWith(content), sweepId, ...more })).rejects.toMatchObject(refusal);
    expect(await ledger.sweeps.read(sweepId)).toMatchObject({ status: 'failed', readable: false });
  });

  it('keeps every bad row in the reject file, and prints the first ones', async () => {
    const bad = Array.from({ length: 20 }, () => ',\n').join('');
    const rejectFile = path.join(temporaryFolder(), 'rejected.csv');
    const { said } = await read(ledger, { file: fileWith(`${HEAD}${rows(0, 30)}${bad}`), rejectFile });
    expect(readFileSync(rejectFile, 'utf8').trim().split('\n')).toHaveLength(21);
    expect(said.match(/line \d+: has no user ID/g)).toHaveLength(5);
    expect(said).toContain('and 15 more');
  });

  it('overwrites no reject file, and reads nothing then', async () => {
    const sweepId = freshId();
    const rejectFile = fileWith('mine');
    await expect(read(ledger, { file: fileWith(`${HEAD}u,\n`), rejectFile, sweepId })).rejects.toMatchObject({
      type: 'Usage',
      field: 'rejectFile',
    });
    expect(readFileSync(rejectFile, 'utf8')).toBe('mine');
    expect(await ledger.sweeps.read(sweepId)).toBeUndefined();
  });

  it('is destroyed again when the person interrupts', async () => {
    const sweepId = freshId();
    const interrupted = new AbortController();
    const watched = with_(ledger, {
      appendTargets: async (rows) => {
        const state = await ledger.sweeps.appendTargets(rows);
        interrupted.abort();
        return state;
      },
    });
    const reading = read(watched, { file: fileWith(`${HEAD}${rows(0, 6_000)}`), sweepId, signal: interrupted.signal });
    await expect(reading).rejects.toMatchObject({ type: 'Interrupted' });
    expect(await ledger.sweeps.read(sweepId)).toMatchObject({ status: 'cancelled', readable: false, total: 2_000 });
  });

  it('is continued under the same id after a break, and only if it is still the same file', async () => {
    const sweepId = freshId();
    let appends = 0;
    const breaking = with_(ledger, {
      appendTargets: async (rows) => {
        if ((appends += 1) === 3) throw new Error('the process died');
        return ledger.sweeps.appendTargets(rows);
      },
      // As after a kill: nothing cleans up.
      setStatus: async () => {
        throw new LedgerUnavailableError('gone');
      },
    });
    const content = `${HEAD}${rows(0, 3_000)},\n${rows(3_000, 7_000)},\n`;
    const file = fileWith(content);
    await expect(read(breaking, { file, sweepId })).rejects.toThrow('the process died');
    expect(await ledger.sweeps.read(sweepId)).toMatchObject({ total: 4_000, snapshotComplete: false, readable: true });

    const { state } = await read(ledger, { file, sweepId });
    expect(state).toMatchObject({ total: 7_000, duplicates: 0, rejected: 2, complete: true });
    const again = await read(ledger, { file, sweepId });
    expect(again.state).toEqual(state);

    writeFileSync(file, `${content}usr_new,\n`);
    await expect(read(ledger, { file, sweepId })).rejects.toThrow('more rows than when it was read');
  });

  it('waits for a ledger that is away for a moment, and counts nothing twice', async () => {
    let failures = 0;
    const flaky = with_(ledger, {
      appendTargets: async (rows) => {
        const state = await ledger.sweeps.appendTargets(rows);
        // The write was done, and its response was lost.
        if ((failures += 1) === 1) throw new LedgerUnavailableError('The ledger is away.');
        return state;
      },
    });
    const { state } = await read(flaky, { file: fileWith(`${HEAD}${rows(0, 4_500)}`) });
    expect(state).toMatchObject({ total: 4_500, duplicates: 0, complete: true });
  });

  it('touches no sweep that has a run, that has ended, or that was begun otherwise', async () => {
    const file = fileWith(`${HEAD}u,\n`);
    const { sweepId } = await read(ledger, { file });
    await expect(read(ledger, { file, sweepId, skipDone: true })).rejects.toMatchObject({ type: 'Conflict' });
    await ledger.sweeps.claim({ sweepId, by: 'a run' });
    await expect(read(ledger, { file, sweepId })).rejects.toMatchObject({ type: 'Conflict' });
    expect(await ledger.sweeps.read(sweepId)).toMatchObject({ readable: true, status: 'running' });
  });
});

describe('a file here that is not there', () => {
  it.each([
    ['no file', 'nowhere.csv', 'does not exist'],
    ['a folder', temporaryFolder(), 'csv'],
    ['a name that tells no format', fileWith('x', 'users.txt'), 'format'],
  ])('(%s) is refused before anything is opened', async (_, file, told) => {
    const opening = openSweepFile({ file, badRows: { count: 0 }, skipDone: false });
    await expect(opening).rejects.toMatchObject({ type: 'Task.InvalidInput', field: 'source' });
    await expect(opening).rejects.toThrow(told);
    expect(existsSync('nowhere.csv')).toBe(false);
  });
});
