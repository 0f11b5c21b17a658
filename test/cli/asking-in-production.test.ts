import { join } from 'node:path';
import { oneDocument, runCli } from './run-cli';
import type { CliEnv, Refused, RunningCli } from './run-cli';
import { openStage } from './sweep-stage';
import type { StageUser, SweepStage } from './sweep-stage';
import { CTRL_C, responseInTerminal } from './terminal';
import { REASON, idsOf, inLedger, isDeleted, startedOn, workersFileOf } from './asking-stage';

jest.setTimeout(240_000);

describe('without a terminal, with a worker in production whose addresses are on this machine', () => {
  let stage: SweepStage;
  let worker: RunningCli;
  let sandbox: CliEnv;

  beforeAll(async () => {
    stage = await openStage();
    worker = await stage.startWorker({ PLAID_ENV: 'production' });
    sandbox = { ...stage.person, PLAID_ENV: 'sandbox' };
  });
  afterAll(async () => {
    await worker.stop();
    await stage.close();
  });

  it('nothing starts without --yes, whatever PLAID_ENV says here: exit 2, saying what to do', async () => {
    const users = stage.newUsers(1);
    const [user] = users as [StageUser];
    const file = stage.fileOf(users);
    const worksFile = workersFileOf(stage, users);
    for (const args of [
      ['offboard', ...idsOf(user), ...REASON],
      ['sweep', '--source', file, ...REASON, '--id', 'refused'],
      ['sweep', '--source', worksFile, ...REASON, '--id', 'refused'],
      ['sweep', '--source', worksFile, ...REASON, '--id', 'refused', '--approval'],
      ['schedule', 'create', 'refused', '--every', '1h', '--source', worksFile, ...REASON],
    ]) {
      const { code, stdout } = await runCli([...args, '--json'], sandbox);
      const { error } = oneDocument<Refused>(stdout);
      expect({ args, code, type: error.type, field: error.field }).toEqual({
        args,
        code: 2,
        type: 'Usage',
        field: 'yes',
      });
      expect(error.message).toMatch(
        /PRODUCTION \(Plaid: production, Batch: default\)\. Give --yes .* Nothing was started\./,
      );
    }
    expect(await startedOn(stage)).toEqual([]);
    expect(await inLedger(stage, 'refused')).toBeUndefined();
    expect(stage.simulators.plaid.state().touched).toEqual([]);
    expect((await runCli(['schedule', 'show', 'refused', '--json'], sandbox)).code).toBe(1);
  });

  it('a dry run starts, and so does everything with --yes', async () => {
    const users = stage.newUsers(2);
    const [one] = users as [StageUser];
    expect((await runCli(['offboard', ...idsOf(one), ...REASON, '--dry-run', '--json'], sandbox)).code).toBe(0);
    expect(
      (
        await runCli(
          ['sweep', '--source', workersFileOf(stage, users), ...REASON, '--dry-run', '--watch', '--json'],
          sandbox,
        )
      ).code,
    ).toBe(0);
    expect(isDeleted(stage, one)).toBe(false);
    expect((await runCli(['offboard', ...idsOf(one), ...REASON, '--yes', '--json'], sandbox)).code).toBe(0);
    expect(
      (
        await runCli(
          ['sweep', '--source', workersFileOf(stage, users), ...REASON, '--yes', '--watch', '--json'],
          sandbox,
        )
      ).code,
    ).toBe(0);
    expect(users.every((user) => isDeleted(stage, user))).toBe(true);
  });

  it('a terminal shows PRODUCTION', async () => {
    const [user] = stage.newUsers(1) as [StageUser];
    const { code, screen } = await responseInTerminal(['offboard', ...idsOf(user), ...REASON], sandbox, CTRL_C);
    expect({ code, shown: screen.includes('PRODUCTION (Plaid: production, Batch: default)') }).toEqual({
      code: 1,
      shown: true,
    });
  });

  it('a command that cannot read the record of the workers needs --yes too', async () => {
    const [user] = stage.newUsers(1) as [StageUser];
    const { HTTP_TASKS_LEDGER_URL: _, ...without } = sandbox;
    for (const [env, why] of [
      [without, 'HTTP_TASKS_LEDGER_URL is not set here'],
      [{ ...without, HTTP_TASKS_LEDGER_URL: `file:${join(stage.folder, 'another.db')}` }, 'file not found'],
    ] as const) {
      const { code, stdout } = await runCli(['offboard', ...idsOf(user), ...REASON, '--json'], env);
      expect({ code, message: oneDocument<Refused>(stdout).error.message }).toEqual({
        code: 2,
        message: expect.stringContaining(why) as string,
      });
    }
    expect(isDeleted(stage, user)).toBe(false);
  });
});
