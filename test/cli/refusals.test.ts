import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneDocument, runCli, runJson, startCli } from './run-cli';
import type { Refused } from './run-cli';

const KEYS = { PLAID_CLIENT_ID: 'client-id-canary', PLAID_SECRET: 'plaid-secret-canary' };
const NOWHERE = { TEMPORAL_ADDRESS: '127.0.0.1:1', HTTP_TASKS_SUBJECT_KEY: 'a-subject-key-for-tests' };

describe('a process of its own', () => {
  it.each([
    ['help', ['sweep', '--help'], {}, 0],
    ['a document', ['list', '--json'], {}, 0],
    ['text', ['show', 'plaid.itemRemove'], {}, 0],
    ['a server that is not there', ['offboard', '--batch-user-id', '1', '--reason', 'OTHER'], NOWHERE, 1],
    ['a refusal', ['offboard', '--batch-user-id', '', '--reason', 'OTHER'], {}, 2],
    ['a refusal as a document', ['verify', 'x', '--root', 'abc', '--json'], {}, 2],
  ])('ends with the output and the exit code that a command has among others: %s', async (_, words, env, code) => {
    const own = await startCli(words, env).ended;
    expect(own.code).toBe(code);
    expect(await runCli(words, env)).toEqual(own);
  });
});

describe('a command line that is refused', () => {
  it.each([
    ['no command', [], 'Usage', undefined],
    ['an unknown command', ['ofboard'], 'Usage', undefined],
    ['an operand too many', ['offboard', 'user'], 'Usage', undefined],
    ['a missing operand', ['show'], 'Usage', undefined],
    ['a task that does not exist', ['show', 'plaid.userItemRemove'], 'Usage', 'task'],
    ['a call without its input', ['call', 'plaid.userItemsGet'], 'Usage', 'input'],
    ['an input that is no JSON', ['call', 'plaid.userItemsGet', '--input', '{user_id:1}'], 'Usage', undefined],
    ['an input file that is not there', ['offboard', '--input', '@/nowhere/at/all.json'], 'Usage', undefined],
    ['--input beside another option', ['offboard', '--dry-run', '--input', '{}'], 'Usage', undefined],
    ['a port that is no number', ['simulate', '--plaid-port', ' 4010'], 'Usage', undefined],
    ['a port that is none', ['simulate', '--batch-port', '65536'], 'Usage', undefined],
    ['a hold on nobody', ['hold', 'add'], 'Task.InvalidInput', 'user'],
    ['a hold on an empty id', ['hold', 'add', '--batch-user-id', ''], 'Task.InvalidInput', 'user.batchUserId'],
    ['a user and a hold id together', ['hold', 'remove', '--id', 'x', '--batch-user-id', '1'], 'Usage', undefined],
    ['a sweep of nobody', ['sweep', '--reason', 'OTHER'], 'Task.InvalidInput', 'source'],
    ['an option before a sub-command of sweep', ['sweep', '--dry-run', 'status', 'x'], 'Usage', undefined],
    ['an unknown sub-command of sweep', ['sweep', 'stop', 'x'], 'Usage', undefined],
    ['a sweep without its id', ['sweep', 'status'], 'Usage', undefined],
    ['an approval of no number', ['sweep', 'approve', 'x', '--by', 'alice'], 'Usage', 'total'],
    ['an approval by nobody', ['sweep', 'approve', 'x', '--total', '1', '--by', ''], 'Usage', 'by'],
    ['a rate that is none', ['sweep', 'rate', 'x', 'fast'], 'Usage', 'calls'],
    ['a schedule without a time', ['schedule', 'create', 'x', '--source', 'q', '--reason', 'OTHER'], 'Usage', 'cron'],
    [
      'a schedule of a file here',
      ['schedule', 'create', 'x', '--every', '1h', '--source', './u.csv', '--reason', 'OTHER'],
      'Task.InvalidInput',
      'source',
    ],
    ['a backfill from no time', ['schedule', 'backfill', 'x', '--to', '2030-01-01T00:00:00Z'], 'Usage', 'from'],
    [
      'a backfill backwards',
      ['schedule', 'backfill', 'x', '--from', '2030-01-02T00:00:00Z', '--to', '2030-01-01T00:00:00Z'],
      'Usage',
      'to',
    ],
    ['a verification of nothing', ['verify'], 'Usage', 'sweep'],
    ['a root that is none', ['verify', 'x', '--root', 'abc'], 'Usage', 'root'],
    ['a bundle that is not there', ['verify', '--bundle', '/nowhere/at/all'], 'Usage', 'bundle'],
    ['a bundle that is none', ['verify', '--bundle', __filename], 'Usage', 'bundle'],
    ['a ledger without a subject key', ['hold', 'list'], 'Settings', 'HTTP_TASKS_SUBJECT_KEY'],
    ['a worker without settings', ['worker'], 'Settings', 'PLAID_CLIENT_ID'],
  ])('(%s) exits 2 with exactly one document on stdout', async (_, words, type, field) => {
    const { code, document } = await runJson<Refused>(words);
    expect({ code, type: document.error.type, field: document.error.field }).toEqual({ code: 2, type, field });
    expect(document.error.message).not.toBe('');
    expect(Object.keys(document)).toEqual(['error']);
  });

  it('says why on stderr, and nothing on stdout, without --json', async () => {
    const { code, stdout, stderr } = await runCli(['offboard', '--batch-user-id', '', '--reason', 'OTHER']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('user.batchUserId: must not be empty');
  });

  it.each([
    [['offboard', '--batch-user-id', '1', '--reason', 'OTHERS'], /^--reason must be one of .*; did you mean OTHER\?$/],
    [['list-runs', '--status', 'waiting'], /^--status must be one of running, .*, not "waiting"\.$/],
    [
      ['snippet', 'plaid.userItemsGet', '--lang', 'CURL'],
      /^--lang must be one of .*, not "CURL"; did you mean curl\?$/,
    ],
    [['faults', '--only', 'users'], /^--only must be one of .*, not "users"/],
    [
      ['schedule', 'create', 'x', '--every', '1h', '--overlap', 'skip-one', '--source', 'q', '--reason', 'OTHER'],
      /^--overlap must be one of skip, .*, not "skip-one"/,
    ],
    [
      ['register', 'add', '--plaid-user-id', '1', '--received-at', '2026-11-03', '--law', 'us'],
      /law.* must be one of gdpr, /,
    ],
  ])('says which words are allowed: %j', async (words, message) => {
    const { code, document } = await runJson<Refused>(words, { HTTP_TASKS_SUBJECT_KEY: 'a-subject-key-for-tests' });
    expect({ code, message: document.error.message }).toEqual({ code: 2, message: expect.stringMatching(message) });
  });

  it('names all missing settings of the worker together, before it connects', async () => {
    const { code, stderr } = await runCli(['worker'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(code).toBe(2);
    for (const setting of [
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
      'BATCH_REST_API_KEY',
      'BATCH_API_KEYS',
      'HTTP_TASKS_SUBJECT_KEY',
    ]) {
      expect(stderr).toContain(`${setting}: is missing`);
    }
  });

  it('does not repeat the text of a broken --input, which may be a token', async () => {
    const { code, stdout, stderr } = await runCli(['offboard', '--input', 'user-sandbox-canary', '--json']);
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain('canary');
  });

  it('refuses a Plaid environment that does not exist, by the name of its setting', async () => {
    const { code, document } = await runJson<Refused>(['offboard', '--plaid-user-id', 'u', '--reason', 'OTHER'], {
      ...NOWHERE,
      PLAID_ENV: 'development',
    });
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'PLAID_ENV' });
    expect(document.error.message).toContain('sandbox, production');
  });
});

describe('a command that cannot do its work', () => {
  it('says in one sentence, with exit 1, that no Temporal server responds', async () => {
    const { code, document } = await runJson<Refused>(
      ['offboard', '--batch-user-id', '1', '--reason', 'OTHER'],
      NOWHERE,
    );
    expect({ code, type: document.error.type }).toEqual({ code: 1, type: 'TemporalUnavailable' });
    expect(document.error.message).toContain('No Temporal server responds at 127.0.0.1:1');
  });

  it('takes --address before TEMPORAL_ADDRESS', async () => {
    const { stderr } = await runCli(
      ['offboard', '--batch-user-id', '1', '--reason', 'OTHER', '--address', '127.0.0.1:2'],
      NOWHERE,
    );
    expect(stderr).toContain('127.0.0.1:2');
  });

  it('reads the server from a profile of the configuration file', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-profile-')), 'temporal.toml');
    await writeFile(file, '[profile.elsewhere]\naddress = "127.0.0.1:3"\nnamespace = "other"\n');
    const { TEMPORAL_ADDRESS: _, ...env } = NOWHERE;
    const words = ['offboard', '--batch-user-id', '1', '--reason', 'OTHER', '--profile', 'elsewhere'];
    const { stderr } = await runCli(words, { ...env, TEMPORAL_CONFIG_FILE: file });
    expect(stderr).toContain('127.0.0.1:3, namespace other');
  });

  it('does not print a stack', async () => {
    const { stderr } = await runCli(['worker'], {
      ...NOWHERE,
      ...KEYS,
      HTTP_TASKS_SERVICES: 'plaid',
      HTTP_TASKS_LEDGER_URL: 'file::memory:',
    });
    expect(stderr).toContain('No Temporal server responds at 127.0.0.1:1');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('help', () => {
  const COMMANDS = [
    ['worker'],
    ['simulate'],
    ['list'],
    ['show'],
    ['call'],
    ['offboard'],
    ['receipts'],
    ['verify'],
    ...['add', 'check', 'list', 'remove', 'log'].map((name) => ['hold', name]),
    ['sweep'],
    ...['status', 'watch', 'results', 'list', 'release', 'pause', 'resume', 'rate', 'approve', 'cancel', 'redrive'].map(
      (name) => ['sweep', name],
    ),
    ...['create', 'show', 'list', 'trigger', 'pause', 'resume', 'backfill', 'delete'].map((name) => ['schedule', name]),
  ];

  it.each(COMMANDS.map((words) => [words]))('of %j ends with an example and exits 0', async (words) => {
    const { code, stdout } = await runCli([...words, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--json');
    expect(stdout).toMatch(new RegExp(`Examples:\\n  \\$ .*http-tasks ${words.join(' ')}`));
  });
});

describe('list and show', () => {
  it('list exactly the five fields of every task', async () => {
    const { code, document } = await runJson<Record<string, string>[]>(['list']);
    expect(code).toBe(0);
    expect(document).toHaveLength(14);
    expect(document).toContainEqual({
      name: 'plaid.userItemsRemove',
      summary: 'Remove Items of a user',
      method: 'POST',
      path: '/user/items/remove',
      effect: 'irreversible',
    });
  });

  it('list only what a query matches, and an empty list for nothing', async () => {
    const { document } = await runJson<{ name: string }[]>(['list', 'BATCH bulk']);
    expect(document.map(({ name }) => name)).toEqual(['batch.customDataBulkDelete']);
    expect((await runJson(['list', 'no-such-thing'])).document).toEqual([]);
  });

  it('show fields with types, effect, settling, failures by code and limits', async () => {
    const { document } = await runJson<Record<string, unknown>>(['show', 'plaid.itemRemove']);
    expect(document).toMatchObject({
      name: 'plaid.itemRemove',
      effect: 'irreversible',
      settle: { by: 'resend', basis: 'assumed' },
      input: {
        type: 'object',
        required: ['access_token'],
        properties: { access_token: { type: 'string' } },
        additionalProperties: false,
      },
      sensitive: ['access_token'],
      rateLimits: [{ requestsPerMinute: 2_000 }],
    });
    expect(document['failures']).toContainEqual(
      expect.objectContaining({ code: 'INVALID_API_KEYS', failure: 'Task.Unauthorized' }),
    );
  });

  it('print tables without colours into a pipe', async () => {
    const { stdout } = await runCli(['show', 'batch.customDataDelete'], { TERM: 'xterm-256color' });
    expect(stdout).toContain('Task.Rejected');
    expect(stdout).toContain('Changes: deletes data. Safe to retry: yes.');
    expect(stdout).not.toContain('\u001b[');
    expect(oneDocument<unknown[]>((await runCli(['list', '--json'])).stdout)).toHaveLength(14);
  });
});
