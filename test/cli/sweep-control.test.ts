import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningCli } from './run-cli';
import { endOf, openStage, until } from './sweep-stage';
import type { SweepEnd, SweepStage } from './sweep-stage';

const REASON = ['--reason', 'OTHER'];
/** Slow enough that a sweep of these users is still in progress when a command about it arrives. */
const SLOW_MS = 1_500;
const USERS = 200;
const CHUNKS = ['--granularity', 'chunk', '--batch-mode', 'skip', '--concurrency', '1'];

type Status = SweepEnd & { phase?: string; underWay?: number; readFrom: string };

let stage: SweepStage;
let worker: RunningCli;

beforeAll(async () => {
  stage = await openStage();
  worker = await stage.startWorker();
});

afterAll(async () => {
  await worker.stop();
  await stage.close();
});

afterEach(() => {
  stage.simulators.plaid.faults.remove();
  stage.simulators.plaid.configure({ latencyMs: 0 });
});

async function status(id: string): Promise<Status> {
  return (await stage.run<Status>('sweep', 'status', id)).document;
}

/** Starts a sweep that takes a while; resolves once it has begun to offboard users. */
async function beginSlowly(id: string, ...more: string[]): Promise<void> {
  stage.simulators.plaid.configure({ latencyMs: SLOW_MS });
  const file = stage.fileOf(stage.newUsers(USERS).map(({ plaidId }) => ({ plaidId })));
  const { code } = await stage.run('sweep', '--source', file, ...REASON, ...CHUNKS, '--id', id, ...more);
  expect(code).toBe(0);
  await until('the first chunk runs', async () => ((await status(id)).underWay ?? 0) > 0);
}

describe('a sweep that waits for approval', () => {
  it('ends the watching with exit 1, refuses another total in one sentence, and begins with the right one', async () => {
    const file = stage.fileOf(stage.newUsers(2));
    const waiting = await stage.run('sweep', '--source', file, ...REASON, '--approval', '--id', 'approval', '--watch');
    expect({ code: waiting.code, status: waiting.document.status }).toEqual({ code: 1, status: 'waitingForApproval' });
    expect(waiting.stderr).toContain('http-tasks sweep approve approval --total 2');

    const wrong = await stage.run('sweep', 'approve', 'approval', '--total', '3', '--by', 'alice');
    expect({ code: wrong.code, type: wrong.document.error?.type }).toEqual({ code: 1, type: 'Refused' });
    expect(wrong.document.error?.message).toMatch(/^[^\n]*2 users[^\n]*\.$/);

    const right = await stage.run('sweep', 'approve', 'approval', '--total', '2', '--by', '-alice', '--watch');
    expect({ code: right.code, status: right.document.status }).toEqual({ code: 0, status: 'completed' });
    expect(await status('approval')).toMatchObject({ approvedBy: '-alice' });
  });
});

it('says of a sweep whose workflow was terminated that it has ended, and how its users are offboarded', async () => {
  const file = stage.fileOf(stage.newUsers(1));
  await stage.run('sweep', '--source', file, ...REASON, '--approval', '--id', 'terminated');
  await stage.client.workflow.getHandle('terminated').terminate();
  const shown = await stage.run('sweep', 'status', 'terminated');
  expect(shown.stderr).toContain('has ended without a result; its last state in the ledger is shown.');
  const redriven = await stage.run('sweep', 'redrive', 'terminated');
  expect(redriven).toMatchObject({ code: 1, document: { error: { type: 'Conflict' } } });
  expect(redriven.document.error?.message).toContain('start a sweep over its source again');
});

describe('a sweep in progress', () => {
  it('shows live numbers, is paused, given its rate, resumed, and completes', async () => {
    await beginSlowly('steered');
    await until('a running chunk tells of users who are done', async () => {
      const { counts, underWay } = await status('steered');
      return (underWay ?? 0) > 0 && (counts?.removed ?? 0) > 0 && (counts?.pending ?? 0) > 0;
    });
    expect(await stage.run('sweep', 'pause', 'steered')).toMatchObject({
      code: 0,
      document: { status: 'paused', pausedBecause: 'request' },
    });
    const watched = await stage.run('sweep', 'watch', 'steered');
    expect({ code: watched.code, status: watched.document.status }).toEqual({ code: 1, status: 'paused' });
    expect(watched.stderr).toContain('http-tasks sweep resume steered');

    expect((await stage.run('sweep', 'rate', 'steered', '60000')).code).toBe(0);
    expect((await stage.run('sweep', 'rate', 'steered', 'auto', '--service', 'plaid')).code).toBe(0);
    stage.simulators.plaid.configure({ latencyMs: 0 });
    const resumed = await stage.run('sweep', 'resume', 'steered', '--watch');
    expect({ code: resumed.code, status: resumed.document.status, removed: resumed.document.counts?.removed }).toEqual({
      code: 0,
      status: 'completed',
      removed: USERS,
    });
  });

  it('refuses to be resumed while it is not paused', async () => {
    await beginSlowly('unpaused');
    const { code, document } = await stage.run('sweep', 'resume', 'unpaused');
    expect({ code, type: document.error?.type }).toEqual({ code: 1, type: 'Refused' });
    expect(document.error?.message).toContain('not paused');
    stage.simulators.plaid.configure({ latencyMs: 0 });
    await stage.run('sweep', 'cancel', 'unpaused', '--watch');
  });

  it('continues after Ctrl-C, which says how to watch it again; cancelled, it reports its outcome with exit 1', async () => {
    await beginSlowly('cancelled');
    const watching = stage.begin('sweep', 'watch', 'cancelled', '--json');
    await watching.printed('users');
    const interrupted = endOf(await watching.stop('SIGINT'));
    expect({ code: interrupted.code, type: interrupted.document.error?.type }).toEqual({
      code: 1,
      type: 'Interrupted',
    });
    expect(interrupted.document.error?.message).toContain('http-tasks sweep watch cancelled');
    expect((await status('cancelled')).status).toBe('running');

    stage.simulators.plaid.configure({ latencyMs: 0 });
    const { code, document } = await stage.run('sweep', 'cancel', 'cancelled', '--watch');
    expect({ code, status: document.status }).toEqual({ code: 1, status: 'cancelled' });
    expect(document.merkleRoot).toMatch(/^[0-9a-f]{64}$/);
    const { total = 0, ...outcomes } = document.counts ?? {};
    expect(Object.values(outcomes).reduce((sum, users) => sum + users, 0)).toBe(total);
  });

  it('cannot be redriven or released before its end', async () => {
    await beginSlowly('early');
    const redriven = await stage.run('sweep', 'redrive', 'early');
    const released = await stage.run('sweep', 'release', 'early', '--yes');
    expect([redriven, released].map(({ code, document }) => [code, document.error?.type])).toEqual([
      [1, 'Conflict'],
      [1, 'Conflict'],
    ]);
    stage.simulators.plaid.configure({ latencyMs: 0 });
    expect((await stage.run('sweep', 'watch', 'early')).document.counts?.removed).toBe(USERS);
  });

  it('is watched beyond the death of its worker, to its end under another one', async () => {
    await beginSlowly('survivor');
    const watching = stage.begin('sweep', 'watch', 'survivor', '--json');
    await watching.printed('users');
    await worker.stop('SIGKILL');
    await watching.printed('no worker responds');
    stage.simulators.plaid.configure({ latencyMs: 0 });
    worker = await stage.startWorker();
    const { code, document } = endOf(await watching.ended);
    expect({ code, status: document.status, total: document.counts?.total }).toEqual({
      code: 0,
      status: 'completed',
      total: USERS,
    });
  });
});

describe('a sweep beyond its tolerance', () => {
  it('pauses, ends the watching with exit 1, and continues when it is resumed', async () => {
    stage.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
      times: 3,
    });
    const file = stage.fileOf(stage.newUsers(20).map(({ plaidId }) => ({ plaidId })));
    const { code, document } = await stage.run(
      'sweep',
      '--source',
      file,
      ...REASON,
      ...CHUNKS,
      '--tolerance',
      '1',
      '--id',
      'tolerant',
      '--watch',
    );
    expect({ code, status: document.status, because: document.pausedBecause }).toEqual({
      code: 1,
      status: 'paused',
      because: 'tolerance',
    });
    const resumed = await stage.run('sweep', 'resume', 'tolerant', '--watch');
    expect({ code: resumed.code, status: resumed.document.status, failed: resumed.document.counts?.failed }).toEqual({
      code: 1,
      status: 'partial',
      failed: 3,
    });
  });
});

describe('the kill switch', () => {
  it('pauses a sweep in progress, lets nothing of it be sent, and continues it with the start', async () => {
    await beginSlowly('stopped');
    const stopped = await stage.run<{ stopped: boolean; reason: string; by: string }>(
      'stop',
      '--reason',
      'wrong export',
      '--by',
      '-ann',
    );
    expect(stopped).toMatchObject({ code: 0, document: { stopped: true, reason: 'wrong export', by: '-ann' } });
    const again = await stage.run<{ reason: string }>('stop', '--reason', 'another');
    expect(again.document.reason).toBe('wrong export');
    await until('it is paused', async () => {
      const { status: standing, pausedBecause, underWay } = await status('stopped');
      return standing === 'paused' && pausedBecause === 'stopped' && underWay === 0;
    });
    stage.simulators.plaid.configure({ latencyMs: 0 });

    const refused = await stage.run('sweep', 'resume', 'stopped');
    expect(refused.code).toBe(1);
    expect(refused.document.error?.message).toContain('http-tasks start');

    const started = await stage.run<{ lifted: boolean; resumed: string[]; paused: string[] }>('start', '--by', 'ann');
    expect(started).toMatchObject({
      code: 0,
      document: { stopped: false, lifted: true, resumed: ['stopped'], paused: [] },
    });
    const end = await stage.run('sweep', 'watch', 'stopped');
    expect({ code: end.code, status: end.document.status }).toEqual({ code: 0, status: 'completed' });
    expect(await stage.run('start')).toMatchObject({ code: 0, document: { lifted: false } });
  });

  it('wants a reason', async () => {
    expect(await stage.run('stop')).toMatchObject({ code: 2, document: { error: { field: 'reason' } } });
  });
});

describe('a sweep in which a user failed', () => {
  it('exits 1, is summarized by step and code, and redriven once with its options', async () => {
    const users = stage.newUsers(3);
    stage.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      user: users[0]?.plaidId,
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
    });
    const first = await stage.run(
      'sweep',
      '--source',
      stage.fileOf(users),
      ...REASON,
      '--note',
      'spring cleaning',
      '--id',
      'broken',
      '--watch',
    );
    expect({ code: first.code, status: first.document.status, failed: first.document.counts?.failed }).toEqual({
      code: 1,
      status: 'partial',
      failed: 1,
    });

    const results = await stage.run<SweepEnd & { failures: object[] }>('sweep', 'results', 'broken');
    expect(results.document.failures).toEqual([
      expect.objectContaining({
        step: 'plaid.products',
        outcome: 'failed',
        type: 'Task.Rejected',
        code: 'NOT_TODAY',
        receipts: 1,
      }),
    ]);
    expect(results.document).toMatchObject({ status: 'partial', merkleRoot: first.document.merkleRoot });

    const failed = await stage.run<{ users: object[] }>('sweep', 'results', 'broken', '--failed');
    expect(failed.document.users).toEqual([
      {
        user: 1,
        line: 2,
        step: 'plaid.products',
        outcome: 'failed',
        code: 'NOT_TODAY',
        requestId: expect.any(String),
        whatToDo: expect.stringContaining('Not done.'),
      },
    ]);
    const out = join(stage.folder, 'failed.csv');
    await stage.run('sweep', 'results', 'broken', '--failed', '--out', out);
    const [head, ...lines] = (await readFile(out, 'utf8')).trimEnd().split('\n');
    expect(head).toBe('user,reference,line,step,outcome,code,request_id,what_to_do,account');
    expect(lines).toEqual([expect.stringMatching(/^1,,2,plaid\.products,failed,NOT_TODAY,/)]);

    stage.simulators.plaid.faults.remove();
    const again = await stage.run('sweep', 'redrive', 'broken', '--watch');
    expect({ code: again.code, id: again.document.sweepId, total: again.document.counts?.total }).toEqual({
      code: 0,
      id: 'broken-redrive-1',
      total: 1,
    });
    const status = await stage.run<SweepEnd & { redriveOf: string }>('sweep', 'status', 'broken-redrive-1');
    expect(status.document.redriveOf).toBe('broken');
    expect(await stage.run('verify', 'broken-redrive-1')).toMatchObject({
      code: 0,
      document: {
        ok: true,
        anchored: true,
        comparedWith: 'workflow',
        notProven: ['endedAt', 'maxUsers', 'needsApproval'],
      },
    });

    // The new sweep has the ids now, so that no user is taken up twice.
    const twice = await stage.run('sweep', 'redrive', 'broken');
    expect({ code: twice.code, type: twice.document.error?.type }).toEqual({ code: 1, type: 'Released' });
    expect(twice.document.error?.message).toContain('redriven by broken-redrive-1');
  });

  it('can be released after a yes alone, and says afterwards why it cannot be redriven', async () => {
    const [user] = stage.newUsers(1);
    stage.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      user: user?.plaidId,
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
    });
    await stage.run('sweep', '--source', stage.fileOf([user ?? {}]), ...REASON, '--id', 'to-release', '--watch');
    stage.simulators.plaid.faults.remove();
    const unasked = await stage.run('sweep', 'release', 'to-release');
    expect({ code: unasked.code, field: unasked.document.error?.field }).toEqual({ code: 2, field: 'yes' });
    expect(unasked.document.error?.message).toContain('1 failed or unknown user');
    expect(await stage.run('sweep', 'release', 'to-release', '--yes')).toMatchObject({
      code: 0,
      document: { sweepId: 'to-release', released: true },
    });
    const late = await stage.run('sweep', 'redrive', 'to-release');
    expect({ code: late.code, type: late.document.error?.type }).toEqual({ code: 1, type: 'Released' });
    expect((await stage.run('verify', 'to-release')).code).toBe(0);
  });

  it('is reported from the ledger once Temporal has forgotten it; a redrive then needs a reason', async () => {
    const [user] = stage.newUsers(1);
    stage.simulators.batch.faults.add({ endpoint: 'customDataDelete', user: user?.batchId, kind: 'unauthorized' });
    await stage.run(
      'sweep',
      '--source',
      stage.fileOf([{ batchId: user?.batchId }]),
      ...REASON,
      '--id',
      'forgotten',
      '--watch',
    );
    const before = (await stage.run('sweep', 'status', 'forgotten')).document;
    stage.simulators.batch.faults.remove();
    await forget('forgotten');
    const after = await stage.run<SweepEnd & { readFrom: string }>('sweep', 'status', 'forgotten');
    expect(after.document).toMatchObject({ readFrom: 'ledger', status: before.status, counts: before.counts });
    const verified = await stage.run<{ differenceCount: number; notProven: string[] }>('verify', 'forgotten');
    expect(verified).toMatchObject({
      code: 3,
      document: { ok: false, anchored: false, comparedWith: 'ledger', differenceCount: 0 },
    });
    expect(verified.document.notProven).toEqual(expect.arrayContaining(['status', 'total', 'counts', 'claimedBy']));
    expect(verified.stderr).toContain("only the ledger's own root was compared");
    expect(await stage.run('verify', 'forgotten', '--root', before.merkleRoot ?? '')).toMatchObject({
      code: 0,
      document: { ok: true, anchored: true, comparedWith: 'given' },
    });
    const redriven = await stage.run('sweep', 'redrive', 'forgotten');
    expect({ code: redriven.code, field: redriven.document.error?.field }).toEqual({ code: 2, field: 'reason' });
  });

  async function forget(workflowId: string): Promise<void> {
    const { namespace } = stage.client.options;
    await stage.client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId } });
    for (;;) {
      const known = await stage.client.workflow
        .getHandle(workflowId)
        .describe()
        .then(
          () => true,
          () => false,
        );
      if (!known) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
});
