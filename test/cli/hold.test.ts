import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { SERVICE_OF_ID, subjectsEverywhere, workerViews } from '@temporal-http-tasks/cli/internal/users/user-subjects';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { amount } from '../support/amount';
import { runCli, runJson } from './run-cli';
import type { CliEnv, Refused } from './run-cli';

const SUBJECT_KEY = 'a-subject-key-for-tests';
const hasher = createSubjectHasher(SUBJECT_KEY);

interface HoldDocument {
  holdId: string;
  subjects: string[];
  reason?: string;
  environments: Record<string, string[]> | 'unknown';
  setBy?: string;
  change?: string;
  setAgain?: boolean;
}

interface CheckDocument {
  held: boolean;
  environments: Record<string, { held: boolean; holds: string[] }>;
  holds: HoldDocument[];
}

async function freshLedger(): Promise<Record<'HTTP_TASKS_LEDGER_URL' | 'HTTP_TASKS_SUBJECT_KEY', string>> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-ledger-'));
  return { HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
}

async function csvFile(...lines: string[]): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-holds-')), 'held.csv');
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

async function check(env: CliEnv, ...args: string[]): Promise<CheckDocument> {
  const { code, document } = await runJson<CheckDocument>(['hold', 'check', ...args], env);
  expect(code).toBe(0);
  return document;
}

/** A hold as version 0.1.0 wrote it. */
async function oldHold(
  env: Awaited<ReturnType<typeof freshLedger>>,
  holdId: string,
  subjects: string[],
): Promise<void> {
  const ledger = await openLedger({ url: env.HTTP_TASKS_LEDGER_URL, subjectKey: SUBJECT_KEY });
  await ledger.addHold({ holdId, subjects, reason: 'old case' });
  await ledger.close();
}

it('holds can name users at every service of the catalogue whose tasks name users', () => {
  const services = new Set<string>(
    CATALOGUE.filter(({ subjectFields }) => subjectFields.length > 0).map(({ service }) => service.name),
  );
  expect(services).toEqual(new Set(Object.values(SERVICE_OF_ID).map(({ name }) => name)));
});

it('hashes ids as the workers do, in every environment of each service', () => {
  const ids = { plaidUserId: 'usr_1', plaidUserToken: 'user-x', batchUserId: '1' };
  const everywhere = subjectsEverywhere(ids, hasher).map(({ subject }) => subject);
  const ofWorkers = [...Object.keys(plaidService.environments), 'default'].flatMap((environment) =>
    userSubjects(ids, { plaid: environment }, hasher),
  );
  expect(new Set(everywhere)).toEqual(new Set(ofWorkers));
  for (const { environment, subjects } of workerViews(ids, hasher)) {
    expect(new Set(subjects)).toEqual(
      new Set(userSubjects(ids, { plaid: environment === 'without plaid' ? 'default' : environment }, hasher)),
    );
  }
});

describe('hold check', () => {
  it('reports for a worker in each environment, with the holds that stop it', async () => {
    const env = await freshLedger();
    expect(await check(env, '--plaid-user-id', 'usr_1')).toEqual({
      held: false,
      environments: { sandbox: { held: false, holds: [] }, production: { held: false, holds: [] } },
      holds: [],
    });
    await runJson(['hold', 'add', '--id', 'wide', '--plaid-user-id', 'usr_1', '--reason', 'case 1'], env);
    await runJson(['hold', 'add', '--id', 'narrow', '--plaid-user-id', 'usr_1', '--environment', 'production'], env);
    expect(await check(env, '--plaid-user-id', 'usr_1')).toEqual({
      held: true,
      environments: { sandbox: { held: true, holds: ['wide'] }, production: { held: true, holds: ['narrow', 'wide'] } },
      holds: [
        expect.objectContaining({ holdId: 'narrow', environments: { plaid: ['production'] } }),
        expect.objectContaining({
          holdId: 'wide',
          reason: 'case 1',
          environments: { plaid: ['sandbox', 'production'] },
        }),
      ],
    });
    await runJson(['hold', 'remove', '--id', 'wide'], env);
    expect(await check(env, '--plaid-user-id', 'usr_1')).toMatchObject({
      held: false,
      environments: { sandbox: { held: false }, production: { held: true } },
    });
    expect((await runCli(['hold', 'check', '--plaid-user-id', 'usr_1'], env)).stdout).toContain(
      'Held only for a worker in production. Not held for one in sandbox.',
    );
  });

  it('finds a hold by an id at another provider, also for a worker without keys of Plaid', async () => {
    const env = await freshLedger();
    await runJson(['hold', 'add', '--batch-user-id', '1001'], env);
    const everywhere = { sandbox: { held: true }, production: { held: true }, 'without plaid': { held: true } };
    expect(await check(env, '--plaid-user-id', 'usr_1', '--batch-user-id', '1001')).toMatchObject({
      held: true,
      environments: everywhere,
    });
    await runJson(['hold', 'add', '--plaid-user-id', 'usr_2', '--environment', 'production'], env);
    const narrow = { sandbox: { held: false }, production: { held: true }, 'without plaid': { held: true } };
    expect(await check(env, '--plaid-user-id', 'usr_2', '--batch-user-id', '1002')).toMatchObject({
      held: false,
      environments: narrow,
    });
  });

  it('checks every row of a file', async () => {
    const env = await freshLedger();
    await runJson(['hold', 'add', '--plaid-user-id', 'usr_1', '--id', 'h1'], env);
    await runJson(['hold', 'add', '--plaid-user-id', 'usr_2', '--id', 'h2', '--environment', 'sandbox'], env);
    const file = await csvFile('plaid_user_id', 'usr_1', 'usr_2', 'usr_3');
    const { code, document } = await runJson(['hold', 'check', '--file', file], env);
    expect({ code, document }).toEqual({
      code: 0,
      document: {
        held: 1,
        heldInPart: 1,
        notHeld: 1,
        rows: [
          { line: 2, held: true, heldIn: ['sandbox', 'production'], holds: ['h1'] },
          { line: 3, held: false, heldIn: ['sandbox'], holds: ['h2'] },
          { line: 4, held: false, heldIn: [], holds: [] },
        ],
      },
    });
    expect(
      await runJson<Refused>(['hold', 'check', '--file', await csvFile('plaid_user_id,reason', 'usr_1,', ',x')], env),
    ).toMatchObject({ code: 2, document: { error: { field: 'file' } } });
  });
});

describe('hold add', () => {
  it.each([
    [
      ['--plaid-user-id', 'usr_1', '--environment', 'prod'],
      '"prod" is not an environment of Plaid; allowed: sandbox, production.',
    ],
    [
      ['--plaid-user-id', 'usr_1', '--batch-user-id', '1', '--environment', 'default'],
      'is not an environment of Plaid',
    ],
    [['--batch-user-id', '1', '--environment', 'production'], 'is not an environment of Batch; allowed: default.'],
    [['--plaid-user-id', 'usr_1', '--by', ''], '--by must have'],
    [['--plaid-user-id', 'usr_1', '--file', 'x.csv'], 'Give --file or IDs of a user, not both.'],
    [['--file', 'x.csv', '--id', 'h'], 'the column hold_id does'],
    [['--file', 'no-such-file.csv'], 'does not exist'],
  ])('refuses %j', async (args, message) => {
    const { code, document } = await runJson<Refused>(['hold', 'add', ...args], await freshLedger());
    expect({ code, message: document.error.message }).toEqual({
      code: 2,
      message: expect.stringContaining(message) as string,
    });
  });

  it('keeps who set it, and by default the user of the process', async () => {
    const env = await freshLedger();
    const { document: mine } = await runJson<HoldDocument>(['hold', 'add', '--batch-user-id', '1'], env);
    expect(mine.setBy).toBe(userInfo().username);
    const { document: hers } = await runJson<HoldDocument>(
      ['hold', 'add', '--batch-user-id', '2', '--by', 'Ann (legal)'],
      env,
    );
    expect(hers.setBy).toBe('Ann (legal)');
    await runJson(['hold', 'remove', '--id', hers.holdId, '--by', 'Bob', '--reason', 'closed'], env);
    const { document: log } = await runJson(['hold', 'log', '--id', hers.holdId], env);
    expect(log).toEqual([
      expect.objectContaining({ change: 'set', by: 'Ann (legal)', subjects: 1 }),
      expect.objectContaining({ change: 'lifted', by: 'Bob', why: 'closed', environments: { batch: ['default'] } }),
    ]);
    expect((await runCli(['hold', 'log'], env)).stdout).toMatch(/lifted\s+│ Bob/);
  });

  it.each([
    [['--batch-user-id', '\u00a01'], 'batchUserId begins or ends with white space'],
    [['--id', 'batch.userId=1\u200b'], 'begins or ends with white space or an invisible character'],
    [['--batch-user-id', 'null'], 'batchUserId is a placeholder'],
  ])('says that %j is unlikely to be an ID, which would hold no one', async (ids, words) => {
    const env = await freshLedger();
    for (const command of ['add', 'check']) {
      const { code, stderr } = await runCli(['hold', command, ...ids], env);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(words) as string });
    }
  });

  it('says which calls it does not cover', async () => {
    const env = await freshLedger();
    const byId = await runCli(['hold', 'add', '--plaid-user-id', 'usr_1'], env);
    expect(byId.stderr).toContain('Not covered: calls that name this user by a user token.');
    expect(byId.stderr).toContain('Not covered: plaid.itemRemove');
    const byToken = await runCli(['hold', 'add', '--plaid-user-token', 'user-sandbox-1'], env);
    expect(byToken.stderr).toContain('Not covered: calls that name this user by a user ID.');
    expect((await runCli(['hold', 'add', '--batch-user-id', '1'], env)).stderr).toBe('');
    expect(await check(env, '--plaid-user-token', 'user-sandbox-2')).toMatchObject({ held: false });
  });

  it('extends the hold of an id by a user who has all its ids, and refuses another user', async () => {
    const env = await freshLedger();
    const add = (...args: string[]) => runJson<HoldDocument & Refused>(['hold', 'add', '--id', 'h', ...args], env);
    await add('--plaid-user-id', 'usr_1');
    expect((await add('--plaid-user-id', 'usr_1', '--plaid-user-token', 'user-x')).document.change).toBe('extended');
    expect((await add('--plaid-user-id', 'usr_1')).document.change).toBe('unchanged');
    const refused = await add('--plaid-user-id', 'usr_2');
    expect(refused).toMatchObject({
      code: 2,
      document: { error: { field: 'id', message: expect.stringContaining('names other IDs') as string } },
    });
    expect(await check(env, '--plaid-user-id', 'usr_2')).toMatchObject({ held: false });
    expect(await check(env, '--plaid-user-token', 'user-x')).toMatchObject({ held: true });
  });
});

describe('a hold of version 0.1.0', () => {
  it('is listed as one of an unknown environment, still holds for its hash, and is set again with its ids', async () => {
    const env = await freshLedger();
    await oldHold(env, 'old', [
      hasher.subject('plaid', 'sandbox', 'usr_1'),
      hasher.subject('batch', 'default', '1001'),
    ]);
    const ids = ['--plaid-user-id', 'usr_1', '--batch-user-id', '1001'];
    const listed = await runJson<HoldDocument[]>(['hold', 'list'], env);
    expect(listed.document).toEqual([
      expect.objectContaining({ holdId: 'old', environments: 'unknown', setAgain: true }),
    ]);
    expect(listed.stderr).toContain('1 of them: environment unknown.');
    expect((await runCli(['hold', 'list'], env)).stdout).toContain('environment unknown (0.1.0): set it again');
    expect(await check(env, '--plaid-user-id', 'usr_1')).toMatchObject({
      held: false,
      environments: { sandbox: { held: true }, production: { held: false } },
    });
    const added = await runJson<HoldDocument>(['hold', 'add', '--plaid-user-id', 'usr_1'], env);
    expect(added.stderr).toContain('Hold old of version 0.1.0 also names this user');
    expect(await runJson(['hold', 'add', '--id', 'old', '--plaid-user-id', 'usr_1'], env)).toMatchObject({ code: 2 });
    expect((await runJson<HoldDocument>(['hold', 'add', '--id', 'old', ...ids], env)).document.change).toBe('extended');
    await runJson(['hold', 'remove', '--id', added.document.holdId], env);
    expect(await check(env, ...ids)).toMatchObject({
      held: true,
      holds: [
        { holdId: 'old', reason: 'old case', environments: { plaid: ['sandbox', 'production'], batch: ['default'] } },
      ],
    });
  });

  it('is set again by the column hold_id of a file', async () => {
    const env = await freshLedger();
    await oldHold(env, 'old', [hasher.subject('plaid', 'production', 'usr_1')]);
    const file = await csvFile('hold_id,plaid_user_id', 'old,usr_1');
    expect((await runJson(['hold', 'add', '--file', file], env)).document).toEqual({
      rows: 1,
      set: 0,
      extended: 1,
      unchanged: 0,
    });
    expect(await check(env, '--plaid-user-id', 'usr_1')).toMatchObject({ held: true });
  });
});

describe('hold add --file', () => {
  it('sets a hold for each row, with its own reason, and nothing more when it is given again', async () => {
    const env = await freshLedger();
    const file = await csvFile(
      'name,plaid_user_id,plaid_user_token,plaid_access_token,batch_user_id,reason,hold_id',
      'Ann,usr_1,user-sandbox-1,,"10,01",,',
      'Bob,usr_2,,,,case 2,bob',
      'Cid,,,access-sandbox-1,,,',
      'Bob,usr_2,,,,case 2,bob',
    );
    const first = await runJson(['hold', 'add', '--file', file, '--reason', 'case 1', '--by', 'Ann'], env);
    expect(first).toMatchObject({ code: 0, document: { rows: 4, set: 3, extended: 0, unchanged: 1 } });
    expect(first.stderr).toContain('2 rows have a plaid_user_id and no plaid_user_token');
    expect((await runJson(['hold', 'add', '--file', file, '--reason', 'case 1'], env)).document).toEqual({
      rows: 4,
      set: 0,
      extended: 0,
      unchanged: 4,
    });
    const { document: holds } = await runJson<HoldDocument[]>(['hold', 'list'], env);
    expect(holds).toHaveLength(3);
    expect(holds.map(({ reason, setBy }) => [reason, setBy]).sort()).toEqual([
      ['case 1', 'Ann'],
      ['case 1', 'Ann'],
      ['case 2', 'Ann'],
    ]);
    for (const ids of [
      ['--batch-user-id', '10,01'],
      ['--plaid-user-token', 'user-sandbox-1'],
      ['--plaid-user-id', 'usr_2'],
      ['--plaid-access-token', 'access-sandbox-1'],
    ]) {
      expect(await check(env, ...ids)).toMatchObject({ held: true });
    }
  });

  it('reports every bad row by line, without a value, and sets nothing', async () => {
    const env = await freshLedger();
    await runJson(['hold', 'add', '--id', 'taken', '--plaid-user-id', 'usr_0'], env);
    const file = await csvFile(
      'plaid_user_id,batch_user_id,reason,hold_id',
      'usr_1,,,',
      ',,only a reason,',
      'usr_2',
      'NULL,,,',
      ' usr_3,,,',
      'usr_4,,,one',
      'usr_5,,,one',
      `usr_6,,${'x'.repeat(501)},`,
    );
    const { code, document, stderr } = await runJson<Refused>(['hold', 'add', '--file', file], env);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'file' });
    expect(document.error.message).toContain('6 rows are wrong, so no hold was set; the first: line 3: names no user');
    expect([...stderr.matchAll(/^line (\d+):/gm)].map(([, line]) => line)).toEqual(['3', '4', '5', '6', '8', '9']);
    expect(stderr).not.toMatch(/usr_/);
    const conflict = await runJson<Refused>(
      ['hold', 'add', '--file', await csvFile('hold_id,plaid_user_id', 'free,usr_1', 'taken,usr_2')],
      env,
    );
    expect(conflict).toMatchObject({
      code: 2,
      document: { error: { message: expect.stringContaining('line 3: a hold of this hold_id exists') as string } },
    });
    expect((await runJson<HoldDocument[]>(['hold', 'list'], env)).document.map(({ holdId }) => holdId)).toEqual([
      'taken',
    ]);
  });

  it.each([
    ['a file without a row', ['plaid_user_id'], 'has no row'],
    ['an empty file', [], 'has no row'],
    ['a file without a known column', ['name', 'Ann'], 'at least one of the columns'],
    [
      'a column that is nearly called as one of ours',
      ['Plaid User ID,batch_user_id', 'usr_1,2'],
      'nearly called plaid_user_id',
    ],
  ])('refuses %s', async (_, lines, message) => {
    const { code, document } = await runJson<Refused>(
      ['hold', 'add', '--file', await csvFile(...lines)],
      await freshLedger(),
    );
    expect({ code, message: document.error.message }).toEqual({
      code: 2,
      message: expect.stringContaining(message) as string,
    });
  });

  it('narrows the services of a mixed file that have several environments', async () => {
    const env = await freshLedger();
    const file = await csvFile('plaid_user_id,batch_user_id', 'usr_1,', ',1001');
    expect((await runJson(['hold', 'add', '--file', file, '--environment', 'production'], env)).document).toMatchObject(
      { set: 2 },
    );
    expect(await check(env, '--plaid-user-id', 'usr_1')).toMatchObject({
      environments: { sandbox: { held: false }, production: { held: true } },
    });
    expect(await check(env, '--batch-user-id', '1001')).toMatchObject({ held: true });
    expect(await runJson(['hold', 'add', '--file', file, '--environment', 'prod'], env)).toMatchObject({ code: 2 });
  });

  it('takes very many users', async () => {
    const users = amount(20_000, { whole: 100_000 });
    const env = await freshLedger();
    const file = await csvFile('plaid_user_id', ...Array.from({ length: users }, (_, number) => `usr_${number}`));
    expect((await runJson(['hold', 'add', '--file', file], env)).document).toEqual({
      rows: users,
      set: users,
      extended: 0,
      unchanged: 0,
    });
    expect(await check(env, '--plaid-user-id', `usr_${users - 1}`)).toMatchObject({ held: true });
    expect((await runJson(['hold', 'check', '--file', file], env)).document).toMatchObject({
      held: users,
      heldInPart: 0,
      notHeld: 0,
    });
    expect((await runJson<HoldDocument[]>(['hold', 'list'], env)).document).toHaveLength(users);
  }, 300_000);
});
