import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { oneDocument, runCli } from './run-cli';
import type { Refused, RunningCli } from './run-cli';
import { openStage, until } from './sweep-stage';
import type { StageUser, SweepEnd, SweepStage } from './sweep-stage';
import { CTRL_C, CTRL_D, responseInTerminal, startInTerminal } from './terminal';
import { ENTER, REASON, idsOf, inLedger, isDeleted, startedOn, workersFileOf } from './asking-stage';

jest.setTimeout(240_000);

describe('in a terminal, with workers in the sandbox', () => {
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

  function newUser(): StageUser {
    const [user] = stage.newUsers(1);
    if (!user) throw new Error('The stage made no user.');
    return user;
  }

  it('offboard shows what is deleted where, and starts after the ID was typed', async () => {
    const user = newUser();
    // The settings here do not decide what is production.
    const run = startInTerminal(['offboard', ...idsOf(user), ...REASON, '--json'], {
      ...stage.person,
      PLAID_ENV: 'production',
    });
    await run.shows(`Type the user's ID, ${user.plaidId}, to continue: `);
    run.type(` ${user.plaidId} ${ENTER}`);
    const { code, stdout, screen } = await run.ended;
    expect({ code, status: oneDocument<{ status: string }>(stdout, screen).status }).toEqual({
      code: 0,
      status: 'completed',
    });
    for (const shown of [
      "This deletes one user's data and cannot be undone.",
      'not production (Plaid: sandbox, Batch: default)',
      user.batchId,
      'ios, android',
      'OTHER',
    ]) {
      expect(screen).toContain(shown);
    }
    expect(isDeleted(stage, user)).toBe(true);
  });

  it.each([
    ['another ID', `usr_other${ENTER}`],
    ['a yes', `y${ENTER}`],
    ['nothing', ENTER],
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
  ])('offboard takes %s for a no: exit 1, and nothing is started', async (_, response) => {
    const user = newUser();
    const before = await startedOn(stage);
    const { code, stdout } = await responseInTerminal(
      ['offboard', ...idsOf(user), ...REASON, '--json'],
      stage.person,
      response,
    );
    expect({ code, error: oneDocument<Refused>(stdout).error }).toEqual({
      code: 1,
      error: { type: 'Interrupted', message: 'Not confirmed. Nothing was started.' },
    });
    expect(await startedOn(stage)).toEqual(before);
    expect(stage.simulators.plaid.state().touched).not.toContain(user.plaidId);
  });

  it('--yes and --dry-run ask nothing', async () => {
    const user = newUser();
    const dry = await startInTerminal(['offboard', ...idsOf(user), ...REASON, '--dry-run', '--json'], stage.person)
      .ended;
    expect({ code: dry.code, gone: isDeleted(stage, user) }).toEqual({ code: 0, gone: false });
    const real = await startInTerminal(['offboard', ...idsOf(user), ...REASON, '--yes', '--json'], stage.person).ended;
    expect({ code: real.code, gone: isDeleted(stage, user) }).toEqual({ code: 0, gone: true });
    expect(dry.screen + real.screen).not.toContain('to continue');
  });

  it('an ID that cannot be typed is replaced by that of the workflow, and an end of a line is never a yes', async () => {
    const run = startInTerminal(['offboard', '--batch-user-id', ' ', ...REASON], stage.person);
    await run.shows('Type the ID of the workflow, offboard-');
    run.type(ENTER);
    expect((await run.ended).code).toBe(1);
  });

  it('a command that is asked to end, or loses its terminal, starts nothing', async () => {
    const user = newUser();
    const before = await startedOn(stage);
    const run = startInTerminal(['offboard', ...idsOf(user), ...REASON], stage.person);
    await run.shows('to continue: ');
    run.hangUp();
    expect((await run.ended).code).not.toBe(0);
    expect(await startedOn(stage)).toEqual(before);
  });

  it('is coloured, unless NO_COLOR is set', async () => {
    const args = ['offboard', ...idsOf(newUser()), ...REASON];
    for (const [env, coloured] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
    ] as const) {
      const run = startInTerminal(args, { ...stage.person, ...env });
      await run.shows('to continue: ');
      expect(run.raw().includes('\u001b[1m')).toBe(coloured);
      run.type(CTRL_C);
      await run.ended;
    }
  });

  it('sweep over a file here asks for the number of users before anything is started', async () => {
    const users = stage.newUsers(2);
    const [first] = users;
    const file = stage.fileOf([...users, ...(first ? [first] : [])]);
    const args = ['sweep', '--source', file, ...REASON, '--watch', '--json'];
    for (const [id, response] of [
      ['no-text', `3${ENTER}`],
      ['no-end', CTRL_D],
      ['no-key', CTRL_C],
    ] as const) {
      const { code, stdout, screen } = await responseInTerminal([...args, '--id', id], stage.person, response);
      expect(screen).toContain('This deletes the data of 2 users and cannot be undone.');
      expect(screen).toContain(basename(file));
      expect(screen).toContain('1 duplicate');
      expect({ code, message: oneDocument<Refused>(stdout, screen).error.message }).toEqual({
        code: 1,
        message: 'Not confirmed. Nothing was started, and the rows read so far are destroyed.',
      });
      expect(await startedOn(stage)).not.toContain(id);
      expect(await inLedger(stage, id)).toEqual({ status: 'cancelled', readable: false });
    }
    expect(users.some((user) => isDeleted(stage, user))).toBe(false);
    const yes = await responseInTerminal([...args, '--id', 'yes'], stage.person, `2${ENTER}`);
    expect({ code: yes.code, status: oneDocument<SweepEnd>(yes.stdout, yes.screen).status }).toEqual({
      code: 0,
      status: 'completed',
    });
    expect(users.every((user) => isDeleted(stage, user))).toBe(true);
  });

  it('sweep over a source of the worker asks after its snapshot, and a yes is the approval', async () => {
    const users = stage.newUsers(3);
    const args = ['sweep', '--source', workersFileOf(stage, users), ...REASON, '--watch', '--json'];
    for (const [id, response] of [
      ['worker-no', `2${ENTER}`],
      ['worker-key', CTRL_C],
    ] as const) {
      const { code, stdout, screen } = await responseInTerminal([...args, '--id', id], stage.person, response);
      expect(screen).toContain('This deletes the data of 3 users and cannot be undone.');
      expect({ code, message: oneDocument<Refused>(stdout, screen).error.message }).toEqual({
        code: 1,
        message: `Not confirmed. Nothing was deleted, and the sweep ${id} is cancelled.`,
      });
      expect((await stage.client.workflow.getHandle(id).describe()).status.name).toBe('CANCELLED');
    }
    expect(stage.simulators.plaid.state().touched.some((id) => users.some(({ plaidId }) => plaidId === id))).toBe(
      false,
    );
    const yes = await responseInTerminal([...args, '--id', 'worker-yes'], stage.person, `3${ENTER}`);
    expect({ code: yes.code, status: oneDocument<SweepEnd>(yes.stdout, yes.screen).status }).toEqual({
      code: 0,
      status: 'completed',
    });
    expect(users.every((user) => isDeleted(stage, user))).toBe(true);
    const { document } = await stage.run<{ approvedBy?: string }>('sweep', 'status', 'worker-yes');
    expect(document.approvedBy).toEqual(expect.stringMatching(/./));
  });

  it('sweep reports a source that the worker refuses without asking', async () => {
    const { code, stdout, screen } = await startInTerminal(
      ['sweep', '--source', 'file:none.csv', ...REASON, '--json'],
      stage.person,
    ).ended;
    expect({ code, error: oneDocument<Refused>(stdout, screen).error }).toMatchObject({
      code: 2,
      error: { type: 'Task.InvalidInput', field: 'source.file' },
    });
    expect(screen).not.toContain('to continue');
  });

  it('sweep --approval asks nothing: it waits to be approved', async () => {
    const users = stage.newUsers(1);
    const { code, screen } = await startInTerminal(
      ['sweep', '--source', workersFileOf(stage, users), ...REASON, '--approval', '--id', 'four-eyes'],
      stage.person,
    ).ended;
    expect({ code, asked: screen.includes('to continue') }).toEqual({ code: 0, asked: false });
    await until(
      'it waits for approval',
      async () => (await stage.run('sweep', 'status', 'four-eyes')).document.status === 'waitingForApproval',
    );
    await stage.run('sweep', 'cancel', 'four-eyes', '--watch');
    expect(users.some((user) => isDeleted(stage, user))).toBe(false);
  });

  it('sweep redrive asks for the number of failed users, and needs no second approval', async () => {
    const users = stage.newUsers(2);
    const [bad] = users;
    stage.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      user: bad?.plaidId ?? '',
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
    });
    await responseInTerminal(
      ['sweep', '--source', workersFileOf(stage, users), ...REASON, '--watch', '--id', 'again'],
      stage.person,
      `2${ENTER}`,
    );
    stage.simulators.plaid.faults.remove();
    const no = await responseInTerminal(['sweep', 'redrive', 'again', '--json'], stage.person, `2${ENTER}`);
    expect({ code: no.code, message: oneDocument<Refused>(no.stdout, no.screen).error.message }).toEqual({
      code: 1,
      message: 'Not confirmed. Nothing was started.',
    });
    expect(await startedOn(stage)).not.toContain('again-redrive-1');
    const yes = await responseInTerminal(['sweep', 'redrive', 'again', '--watch', '--json'], stage.person, `1${ENTER}`);
    expect({ code: yes.code, end: oneDocument<SweepEnd>(yes.stdout, yes.screen) }).toMatchObject({
      code: 0,
      end: { sweepId: 'again-redrive-1', status: 'completed' },
    });
  });

  it('schedule create, trigger, backfill and resume ask for the name', async () => {
    const source = workersFileOf(stage, stage.newUsers(1));
    const name = `nightly-${randomUUID()}`;
    const create = [
      'schedule',
      'create',
      name,
      '--cron',
      '0 3 * * *',
      '--source',
      source,
      ...REASON,
      '--paused',
      '--json',
    ];
    const no = await responseInTerminal(create, stage.person, `nightly${ENTER}`);
    expect({ code: no.code, message: oneDocument<Refused>(no.stdout, no.screen).error.message }).toEqual({
      code: 1,
      message: 'Not confirmed. Nothing was created.',
    });
    expect((await stage.run('schedule', 'show', name)).code).toBe(1);
    const yes = await responseInTerminal(create, stage.person, `${name}${ENTER}`);
    expect(yes.code).toBe(0);
    expect(yes.screen).toContain(basename(source));
    const period = ['--from', '2030-01-01T00:00:00Z', '--to', '2030-01-03T00:00:00Z'];
    for (const [action, more] of [
      ['trigger', []],
      ['backfill', period],
      ['resume', []],
    ] as const) {
      const { code, screen } = await responseInTerminal(['schedule', action, name, ...more], stage.person, ENTER);
      expect({ code, asked: screen.includes(`Type the name of the schedule, ${name}`) }).toEqual({
        code: 1,
        asked: true,
      });
    }
    const { document } = await stage.run<{ started: number; paused: boolean }>('schedule', 'show', name);
    expect(document).toMatchObject({ started: 0, paused: true });
    await stage.run('schedule', 'delete', name);
  });

  it('without a terminal it starts immediately, whatever PLAID_ENV says here, until a production worker joins', async () => {
    const [one, two, three] = stage.newUsers(3) as [StageUser, StageUser, StageUser];
    const offboard = (user: StageUser): Promise<{ code: number | null; stdout: string; stderr: string }> =>
      runCli(['offboard', ...idsOf(user), ...REASON, '--json'], { ...stage.person, PLAID_ENV: 'production' });
    expect((await offboard(one)).code).toBe(0);
    const production = await stage.startWorker({ PLAID_ENV: 'production' });
    const refused = await offboard(two);
    expect({ code: refused.code, error: oneDocument<Refused>(refused.stdout).error }).toEqual({
      code: 2,
      error: {
        type: 'Usage',
        field: 'yes',
        message: expect.stringContaining('PRODUCTION (Plaid: production, Plaid: sandbox, Batch: default)') as string,
      },
    });
    expect(stage.simulators.plaid.state().touched).not.toContain(two.plaidId);
    await production.stop();
    expect((await offboard(three)).code).toBe(0);
  });
});
