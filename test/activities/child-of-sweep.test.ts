import { MockActivityEnvironment } from '@temporalio/testing';
import { requireChildOfSweep } from 'temporal-http-tasks/internal/activities/callers';
import type { Callers, CallingRun } from 'temporal-http-tasks/internal/activities/callers';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { SweepTerms } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { DATABASES, cleanUp, open } from '../ledger/databases';
import { rowsOf, settled, sweepOf } from '../ledger/sweeps/users';
import { quiet } from '../support/quiet-runtime';

// A workflow learns from activities that a user was opened, and anyone in the namespace can complete those. So a child gets
// a user only if the ledger says so too.

const CHILD: CallingRun = {
  workflowId: 'child',
  runId: 'child-run',
  workflowType: 'offboardUser',
  taskQueue: 'q',
  firstRunId: 'child-run',
  parent: { workflowId: 'sweep', runId: 'sweep-run' },
};
const PARENT: CallingRun = {
  workflowId: 'sweep',
  runId: 'sweep-run',
  workflowType: 'offboardUsers',
  taskQueue: 'q',
  firstRunId: 'first-run',
};
const RUNS: Record<string, CallingRun> = { child: CHILD, sweep: PARENT };
const TERMS: SweepTerms = { plan: '{}', needsApproval: false, maxUsers: 10 };

describe.each(DATABASES)('a child of a sweep over a ledger in $name', ({ freshUrl }) => {
  let ledger: OpenedLedger;

  beforeAll(async () => {
    ledger = await open(await freshUrl());
  });
  afterAll(cleanUp);

  /** A sweep of two users, the first of whom is opened unless the terms forbid it. */
  async function claimed(sweepId: string, terms: Partial<SweepTerms> = {}): Promise<void> {
    const { sweeps } = ledger;
    await sweepOf(sweeps, sweepId, rowsOf(0, 2));
    await sweeps.claim({ sweepId, by: PARENT.firstRunId, terms: { ...TERMS, ...terms } });
    const fence = await sweeps.takeFence({ sweepId, chunkId: 'children' });
    await sweeps
      .openWave({
        sweepId,
        chunkId: 'children',
        fence,
        range: { from: 0, to: 0 },
        wave: 1,
        limit: 1,
        claimedBy: PARENT.firstRunId,
        sends: !terms.needsApproval && terms.maxUsers === undefined,
      })
      .catch(() => []);
  }

  function ask(target: { sweepId: string; seq: number }, runs: Record<string, CallingRun> = RUNS): Promise<unknown> {
    const callers: Callers = { describe: async ({ workflowId }) => Promise.resolve(runs[workflowId]) };
    const environment = new MockActivityEnvironment(
      { workflowExecution: { workflowId: 'child', runId: 'child-run' }, taskQueue: 'q' },
      { logger: quiet },
    );
    return environment.run(() => requireChildOfSweep(callers, ledger.sweeps, target));
  }

  const refused = (field: string) => ({ type: 'Task.InvalidInput', nonRetryable: true, details: [{ field }] });

  it('gets a user who was opened, and no other', async () => {
    await claimed('opened');
    await expect(ask({ sweepId: 'opened', seq: 0 })).resolves.toMatchObject({ sweepId: 'opened' });
    await expect(ask({ sweepId: 'opened', seq: 1 })).rejects.toMatchObject(refused('user.seq'));
    await expect(ask({ sweepId: 'opened', seq: 2 })).rejects.toMatchObject(refused('user.seq'));
  });

  it('gets no user who has an outcome', async () => {
    await claimed('done');
    const { sweeps } = ledger;
    const fence = await sweeps.takeFence({ sweepId: 'done', chunkId: 'children' });
    const users = await sweeps.openWave({
      sweepId: 'done',
      chunkId: 'children',
      fence,
      range: { from: 0, to: 0 },
      wave: 1,
      limit: 1,
      claimedBy: PARENT.firstRunId,
    });
    await sweeps.flushWave({ sweepId: 'done', chunkId: 'children', fence, users: users.map((user) => settled(user)) });
    await expect(ask({ sweepId: 'done', seq: 0 })).rejects.toMatchObject(refused('user.seq'));
  });

  it.each<[string, Partial<SweepTerms>]>([
    ['lacks its approval', { needsApproval: true }],
    ['has more users than allowed', { maxUsers: 1 }],
  ])('gets no user of a sweep that %s, not even one who is open', async (name, terms) => {
    await claimed(name, terms);
    expect(await ledger.sweeps.isOpen({ sweepId: name, seq: 0 })).toBe(true);
    await expect(ask({ sweepId: name, seq: 0 })).rejects.toMatchObject(refused('user.seq'));
  });

  it.each<[string, Record<string, CallingRun>, string]>([
    ['another first run', { child: CHILD, sweep: { ...PARENT, firstRunId: 'another' } }, 'sweepId'],
    ['another type', { child: CHILD, sweep: { ...PARENT, workflowType: 'hostWorkflow' } }, 'user.sweepId'],
    ['another task queue', { child: CHILD, sweep: { ...PARENT, taskQueue: 'foreign' } }, 'user.sweepId'],
  ])('gets no user when its parent has %s', async (name, runs, field) => {
    await claimed(name);
    await expect(ask({ sweepId: name, seq: 0 }, runs)).rejects.toMatchObject(refused(field));
  });

  it('is asked about again while the server does not know its run', async () => {
    await expect(ask({ sweepId: 'any', seq: 0 }, {})).rejects.toMatchObject({
      type: 'Task.Unavailable',
      nonRetryable: false,
    });
  });
});
