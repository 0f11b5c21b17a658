import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import type { Option } from 'commander';
import fc from 'fast-check';
import { processIo } from '@temporal-http-tasks/cli/internal/program/io';
import { scheduleCommand } from '@temporal-http-tasks/cli/internal/schedule/command';
import { SCHEDULE_OPTIONS, readSchedule, readScheduledInput } from '@temporal-http-tasks/cli/internal/schedule/options';
import type { CreateOptions } from '@temporal-http-tasks/cli/internal/schedule/options';
import { sweepCommand } from '@temporal-http-tasks/cli/internal/sweep/command';
import {
  readSourceArgument,
  readWantedSweep,
  SWEEP_OPTIONS,
} from '@temporal-http-tasks/cli/internal/sweep/sweep-options';
import type { SweepOptions } from '@temporal-http-tasks/cli/internal/sweep/sweep-options';
import { wantsJson } from '@temporal-http-tasks/cli/internal/program/program';

function parse<Options extends object>(options: readonly Option[], words: readonly string[]): Options {
  const program = new Command('http-tasks').enablePositionalOptions().version('1', '--version').exitOverride();
  const command = program
    .command('do')
    .option('--json')
    .action(() => undefined);
  for (const option of options) command.addOption(option);
  program.parse(['do', ...words], { from: 'user' });
  return command.opts<Options>();
}

const sweep = (...words: string[]): SweepOptions => parse<SweepOptions>(SWEEP_OPTIONS, words);
const schedule = (...words: string[]): CreateOptions => parse<CreateOptions>(SCHEDULE_OPTIONS, words);

const STRANGE = [
  '',
  ' ',
  ' a ',
  '-x',
  '-',
  '--',
  '--json',
  '--help',
  '--watch',
  '--weird=1',
  '0',
  '007',
  '1e3',
  'null',
  'a b',
  '@file',
  'ü\n',
];

const SWEEP_FLAGS = [
  '--source',
  '--reason',
  '--note',
  '--on-failure',
  '--batch-mode',
  '--deadline',
  '--concurrency',
  '--rate',
  '--tolerance',
  '--max-users',
  '--granularity',
  '--bad-rows',
  '--reject-file',
  '--id',
  '--format',
  '--input',
];
const SCHEDULE_FLAGS = [
  '--cron',
  '--every',
  '--timezone',
  '--jitter',
  '--catchup-window',
  '--overlap',
  '--note',
  '--reason-note',
  '--source',
  '--reason',
];

const nameOf = (flag: string): string =>
  flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

describe('an option of sweep or schedule takes its argument literally', () => {
  it.each(STRANGE)('%j behind any of them', (value) => {
    for (const flag of SWEEP_FLAGS) {
      expect(sweep(flag, value)).toEqual({ [nameOf(flag)]: value });
      expect(sweep(`${flag}=${value}`)).toEqual({ [nameOf(flag)]: value });
    }
    for (const flag of SCHEDULE_FLAGS) expect(schedule(flag, value)).toEqual({ skipDone: true, [nameOf(flag)]: value });
  });

  it('holds for any text', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SWEEP_FLAGS), fc.string({ unit: 'grapheme' }), (flag, value) => {
        expect(sweep(flag, value)).toEqual({ [nameOf(flag)]: value });
      }),
    );
  });

  it('is refused when given twice', () => {
    for (const flag of SWEEP_FLAGS) expect(() => sweep(flag, 'a', flag, 'b')).toThrow(`${flag} is given twice`);
  });
});

describe('the input of a sweep', () => {
  it('has the fields that the options set, as they were typed', async () => {
    const { input, sweepId } = await readWantedSweep(
      sweep(
        ...[
          '--source',
          'query:nightly',
          '--reason',
          'OTHER',
          '--note',
          '--weird',
          '--on-failure',
          'stop',
          '--batch-mode',
          'skip',
        ],
        ...[
          '--remove-plaid-user',
          '--not-found-is-fine',
          '--deadline',
          '90s',
          '--dry-run',
          '--concurrency',
          '8',
          '--rate',
          '600',
        ],
        ...[
          '--tolerance',
          '1%',
          '--max-users',
          '5',
          '--granularity',
          'chunk',
          '--approval',
          '--skip-done',
          '--bad-rows',
          '3',
          '--id',
          ' my id ',
        ],
      ),
    );
    expect(sweepId).toBe(' my id ');
    expect(input).toEqual({
      source: { query: 'nightly' },
      reason: { code: 'OTHER', note: '--weird' },
      onFailure: 'stop',
      batch: { mode: 'skip' },
      plaid: { removeUser: true },
      notFoundIsFine: true,
      deadline: '90s',
      dryRun: true,
      concurrency: 8,
      rate: 600,
      tolerance: '1%',
      maxUsers: 5,
      granularity: 'chunk',
      approval: true,
      skipDone: true,
      badRows: '3',
    });
  });

  it('says nothing that was not asked for', async () => {
    const { input } = await readWantedSweep(sweep('--source', 'file:a.csv', '--reason', 'OTHER'));
    expect(input).toEqual({ source: { file: 'a.csv' }, reason: { code: 'OTHER' } });
  });

  it('names the sweep itself as its snapshot for a file here, which keeps what is about the file', async () => {
    const wanted = await readWantedSweep(
      sweep(
        '--source',
        './u.csv',
        '--reason',
        'OTHER',
        '--skip-done',
        '--bad-rows',
        '2%',
        '--reject-file',
        '-r',
        '--format',
        'jsonl',
      ),
    );
    expect(wanted.input).toEqual({ snapshot: wanted.sweepId, reason: { code: 'OTHER' } });
    expect(wanted.local).toEqual({
      file: './u.csv',
      format: 'jsonl',
      badRows: { percent: 2 },
      skipDone: true,
      rejectFile: '-r',
    });
    expect(wanted.sweepId).toMatch(/^sweep-\d{8}-\d{6}-[0-9a-f]{8}$/);
  });

  it('comes whole from --input, which excludes every argument but --source', async () => {
    const compensation = { task: 'http.request', input: { url: 'https://tickets.example.com' } };
    const fields = JSON.stringify({ reason: { code: 'OTHER' }, compensation, skipDone: true });
    expect((await readWantedSweep(sweep('--input', fields, '--source', 'query:q'))).input).toMatchObject({
      source: { query: 'q' },
      compensation,
      skipDone: true,
    });
    const local = await readWantedSweep(sweep('--input', fields, '--source', 'u.csv'));
    expect(local.input).toEqual({ snapshot: local.sweepId, reason: { code: 'OTHER' }, compensation });
    expect(local.local?.skipDone).toBe(true);
    await expect(
      readWantedSweep(sweep('--input', '{"source":{"query":"q"}}', '--source', 'query:q')),
    ).rejects.toMatchObject({ type: 'Usage', field: 'source' });
    await expect(readWantedSweep(sweep('--input', fields, '--dry-run'))).rejects.toThrow('--input or --dry-run');
  });

  it.each([
    ['no source', [], 'source'],
    ['an empty source', ['--source', ''], 'source'],
    ['a query that can have no such name', ['--source', '-x'], 'source.query'],
    ['an empty query', ['--source', 'query:'], 'source.query'],
    ['an empty file of the worker', ['--source', 'file:'], 'source.file'],
    ['a concurrency that is no number', ['--source', 'q', '--concurrency', ' 4'], 'concurrency'],
    ['a concurrency of none', ['--source', 'q', '--concurrency', '0'], 'concurrency'],
    ['half a chunk', ['--source', 'q', '--concurrency', '1.5'], 'concurrency'],
    ['a rate of none', ['--source', 'q', '--rate', '0'], 'rate'],
    ['an empty rate', ['--source', 'q', '--rate', ''], 'rate'],
    ['a tolerance that is none', ['--source', 'q', '--tolerance', 'some'], 'tolerance'],
    ['a tolerance above all', ['--source', 'q', '--tolerance', '101%'], 'tolerance'],
    ['a limit of none', ['--source', 'q', '--max-users', '0'], 'maxUsers'],
    ['an unknown granularity', ['--source', 'q', '--granularity', 'item'], 'granularity'],
    ['an unknown mode', ['--source', 'q', '--batch-mode', ''], 'batch.mode'],
    ['a note with an address', ['--source', 'q', '--note', 'ask joe@example.com'], 'reason.note'],
    ['bad rows that are none', ['--source', 'q', '--bad-rows', '-1'], 'badRows'],
    ['bad rows of a file here that are none', ['--source', './u.csv', '--bad-rows', ''], 'badRows'],
    ['a format that is none', ['--source', './u.csv', '--format', 'xlsx'], 'format'],
    ['a reject file for a query', ['--source', 'q', '--reject-file', 'r.csv'], 'rejectFile'],
    ['an empty id', ['--source', 'q', '--id', ''], 'id'],
    ['an id that cannot be typed', ['--source', 'q', '--id', 'a\u0007'], 'id'],
  ])('with %s is refused by its path, before anything is contacted', async (_, words, field) => {
    await expect(readWantedSweep(sweep('--reason', 'OTHER', ...words))).rejects.toMatchObject({ field });
  });

  it.each([
    [['--reason', 'CUSTOMER_ACCOUNT_CLOSED'], /^--reason must be one of .*; did you mean CONSUMER_ACCOUNT_CLOSED\?$/],
    [['--reason', 'OTHER', '--on-failure', 'halt'], /^--on-failure must be one of continue, stop\.$/],
    [['--reason', 'OTHER', '--batch-mode', 'gdrp'], /^--batch-mode must be one of .*; did you mean gdpr\?$/],
    [['--reason', 'OTHER', '--verify-removals', 'some'], /^--verify-removals must be one of all, unsure\.$/],
    [['--reason', 'OTHER', '--granularity', 'item'], /^--granularity must be one of user, chunk\.$/],
    [['--reason', 'OTHER', '--law', 'GDPR'], /^--law must be one of gdpr, ccpa, none; did you mean gdpr\?$/],
    [['--reason', 'OTHER', '--concurrency', '1.5'], /^--concurrency must be a whole number\.$/],
    [['--reason', 'WHY', '--law', 'us'], /^--reason must be one of .*; --law must be one of .*\.$/],
  ])('with a wrong word is refused by the option, with the allowed words: %j', async (words, message) => {
    const given = sweep('--source', 'q', ...words);
    await expect(readWantedSweep(given)).rejects.toMatchObject({
      name: 'Refusal',
      message: expect.stringMatching(message),
    });
  });

  it('without a reason is refused by its path', async () => {
    await expect(readWantedSweep(sweep('--source', 'q'))).rejects.toMatchObject({ field: 'reason' });
    await expect(readWantedSweep(sweep('--source', 'q', '--note', 'x'))).rejects.toMatchObject({
      field: 'reason.code',
    });
  });
});

describe('--source', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'http-tasks-source-'));
  const existing = path.join(folder, 'users');
  writeFileSync(existing, '');

  it.each([
    ['users.csv', { local: 'users.csv' }],
    ['users.CSV.gz', { local: 'users.CSV.gz' }],
    ['users.jsonl', { local: 'users.jsonl' }],
    ['users.ndjson.gz', { local: 'users.ndjson.gz' }],
    ['./nightly', { local: './nightly' }],
    ['/nowhere/at/all', { local: '/nowhere/at/all' }],
    [existing, { local: existing }],
    ['nightly', { configured: { query: 'nightly' } }],
    ['query:users.csv', { configured: { query: 'users.csv' } }],
    ['query:nightly', { configured: { query: 'nightly' } }],
    ['file:in/users.csv', { configured: { file: 'in/users.csv' } }],
    ['file:file:x', { configured: { file: 'file:x' } }],
    ['./query:x', { local: './query:x' }],
    [' users ', { configured: { query: ' users ' } }],
  ])('%j is %j', (argument, expected) => {
    expect(readSourceArgument(argument)).toEqual(expected);
  });
});

describe('a schedule', () => {
  const source = ['--source', 'query:closed', '--reason', 'OTHER'];

  it('leaves out users who are done, unless asked otherwise, and skips overlaps', async () => {
    const options = schedule('--cron', ' 0 3 * * * ', ...source);
    expect(await readScheduledInput(options)).toEqual({
      source: { query: 'closed' },
      reason: { code: 'OTHER' },
      skipDone: true,
    });
    expect(await readScheduledInput(schedule('--every', '24h', ...source, '--no-skip-done'))).toMatchObject({
      skipDone: false,
    });
    expect(readSchedule(options)).toEqual({
      spec: { cronExpressions: [' 0 3 * * *  # 0 3 * * *'] },
      policies: { overlap: 'SKIP', pauseOnFailure: false },
      state: { paused: false },
    });
  });

  it('takes everything that a schedule can have', async () => {
    const words = [
      '--every',
      '30 minutes',
      '--timezone',
      'Europe/Paris',
      '--jitter',
      '5m',
      '--catchup-window',
      '1h',
      '--pause-on-failure',
    ];
    const options = schedule(
      ...words,
      '--overlap',
      'buffer-all',
      '--note',
      '-n',
      '--paused',
      '--reason-note',
      'closed',
      ...source,
    );
    expect(readSchedule(options)).toEqual({
      spec: { intervals: [{ every: 1_800_000 }], timezone: 'Europe/Paris', jitter: 300_000 },
      policies: { overlap: 'BUFFER_ALL', pauseOnFailure: true, catchupWindow: 3_600_000 },
      state: { paused: true, note: '-n' },
    });
    expect((await readScheduledInput(options)).reason).toEqual({ code: 'OTHER', note: 'closed' });
  });

  it('takes the whole input of its runs, with its own setting about users who are done', async () => {
    const input = JSON.stringify({
      source: { inline: [{ batchUserId: '1' }] },
      reason: { code: 'OTHER' },
      skipDone: false,
    });
    expect(await readScheduledInput(schedule('--every', '1h', '--input', input))).toMatchObject({
      source: { inline: [{ batchUserId: '1' }] },
      skipDone: false,
    });
  });

  it.each([
    ['no time', [], 'cron'],
    ['two times', ['--cron', '0 3 * * *', '--every', '1h'], 'every'],
    ['a duration that is none', ['--every', 'night'], 'every'],
    ['an interval of nothing', ['--every', '0s'], 'every'],
    ['a jitter that is none', ['--every', '1h', '--jitter', ''], 'jitter'],
    ['a window that is too short', ['--every', '1h', '--catchup-window', '1s'], 'catchupWindow'],
    ['an overlap that is none', ['--every', '1h', '--overlap', 'Skip'], 'overlap'],
    ['an empty time zone', ['--every', '1h', '--timezone', ''], 'timezone'],
  ])('with %s is refused by its option', async (_, words, field) => {
    const options = schedule(...words, ...source);
    await expect(Promise.resolve().then(() => readSchedule(options))).rejects.toMatchObject({ field });
  });

  it.each([
    ['a file on this machine', ['--source', 'users.csv'], 'HTTP_TASKS_SOURCE_DIR'],
    ['a snapshot', ['--input', '{"snapshot":"x","reason":{"code":"OTHER"}}'], 'source'],
  ])('cannot have %s as its source', async (_, words, told) => {
    const options = schedule('--every', '1h', ...(words.includes('--input') ? [] : ['--reason', 'OTHER']), ...words);
    await expect(readScheduledInput(options)).rejects.toThrow(told);
  });
});

describe('--json among sub-commands', () => {
  it('is asked for only where it is not an argument', () => {
    const program = new Command();
    sweepCommand(program.command('sweep'), processIo());
    scheduleCommand(program.command('schedule'), processIo());
    expect(wantsJson(program, ['sweep', 'status', 'id', '--json'])).toBe(true);
    expect(wantsJson(program, ['sweep', '--json', 'status', 'id'])).toBe(true);
    expect(wantsJson(program, ['sweep', 'approve', 'id', '--by', '--json'])).toBe(false);
    expect(wantsJson(program, ['sweep', '--source', '--json'])).toBe(false);
    expect(wantsJson(program, ['schedule', 'pause', 'x', '--note', '--json'])).toBe(false);
    expect(wantsJson(program, ['schedule', 'create', 'x', '--bogus', '--json'])).toBe(true);
  });
});
