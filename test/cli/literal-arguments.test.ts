import { Command } from 'commander';
import fc from 'fast-check';
import { offboardCommand } from '@temporal-http-tasks/cli/internal/offboard/command';
import { OFFBOARD_OPTIONS, readOffboardInput } from '@temporal-http-tasks/cli/internal/offboard/command';
import type { OffboardOptions } from '@temporal-http-tasks/cli/internal/offboard/command';
import { processIo } from '@temporal-http-tasks/cli/internal/program/io';
import { runCommandLine, wantsJson } from '@temporal-http-tasks/cli/internal/program/program';
import { defineCommand, defineGroup, subcommand } from '@temporal-http-tasks/cli/internal/program/command';
import { flag, literalOption } from '@temporal-http-tasks/cli/internal/program/command';
import { oneDocument, runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

/** Parses words as the real program does: a command below a root. */
function parse(...words: string[]): OffboardOptions {
  const program = new Command('http-tasks').enablePositionalOptions().version('1', '--version').exitOverride();
  const command = program
    .command('offboard')
    .option('--json')
    .action(() => undefined);
  for (const option of OFFBOARD_OPTIONS) command.addOption(option);
  program.parse(['offboard', ...words], { from: 'user' });
  return command.opts<OffboardOptions>();
}

const STRANGE = [
  '',
  ' ',
  ' a ',
  '-x',
  '-',
  '--',
  '--json',
  '--help',
  '--version',
  '--weird=1',
  '0',
  '007',
  '1e3',
  'null',
  'a b',
  '@file',
  'ü\n',
];

describe('an option takes its argument literally', () => {
  it.each(STRANGE)('%j is the value of --batch-user-id, --note and --reference', (value) => {
    const options = parse('--batch-user-id', value, '--note', value, '--reference', value, '--json');
    expect(options).toEqual({ batchUserId: value, note: value, reference: value, json: true });
  });

  it.each(STRANGE)('%j is the value behind an equals sign', (value) => {
    expect(parse(`--batch-user-id=${value}`)).toEqual({ batchUserId: value });
  });

  it('holds for any text and for every option that takes one', () => {
    const flags = [
      '--plaid-user-id',
      '--plaid-user-token',
      '--batch-user-id',
      '--reference',
      '--item-ids',
      '--reason',
      '--note',
      '--on-failure',
      '--batch-mode',
      '--deadline',
      '--input',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...flags), fc.string({ unit: 'grapheme' }), (flag, value) => {
        const name = flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
        expect(parse(flag, value)).toEqual({ [name]: value });
      }),
    );
  });

  it('carries ids, note and items unchanged into the input', async () => {
    const options = parse(
      '--plaid-user-id',
      ' 1 ',
      '--batch-user-id',
      '-x',
      '--note',
      '--weird',
      '--item-ids',
      'a,-b, c ',
      '--reason',
      'OTHER',
    );
    expect(await readOffboardInput(options)).toEqual({
      user: { plaidUserId: ' 1 ', batchUserId: '-x' },
      reason: { code: 'OTHER', note: '--weird' },
      itemIds: ['a', '-b', ' c '],
    });
  });

  it('turns flags into the fields they set', async () => {
    const options = parse(
      '--plaid-user-id',
      'u',
      '--reason',
      'OTHER',
      '--remove-plaid-user',
      '--not-found-is-fine',
      '--dry-run',
      '--batch-mode',
      'skip',
      '--on-failure',
      'stop',
      '--deadline',
      '90s',
    );
    expect(await readOffboardInput(options)).toEqual({
      user: { plaidUserId: 'u' },
      reason: { code: 'OTHER' },
      plaid: { removeUser: true },
      notFoundIsFine: true,
      dryRun: true,
      batch: { mode: 'skip' },
      onFailure: 'stop',
      deadline: '90s',
    });
  });

  it.each([
    ['an empty Batch id', ['--batch-user-id', ''], 'user.batchUserId'],
    ['an empty Plaid id', ['--plaid-user-id='], 'user.plaidUserId'],
    ['an empty token', ['--plaid-user-token', ''], 'user.plaidUserToken'],
    ['both ids of Plaid', ['--plaid-user-id', 'a', '--plaid-user-token', 'b'], 'user.plaidUserToken'],
    ['an empty item id', ['--plaid-user-id', 'a', '--item-ids', 'x,'], 'itemIds.1'],
    ['an unknown mode', ['--batch-user-id', 'a', '--batch-mode', 'all'], 'batch.mode'],
    ['an unknown way to go on', ['--batch-user-id', 'a', '--on-failure', ''], 'onFailure'],
    ['a deadline that is none', ['--batch-user-id', 'a', '--deadline', 'soon'], 'deadline'],
    ['a note with an address', ['--batch-user-id', 'a', '--note', 'ask joe@example.com'], 'reason.note'],
    ['no id at all', [], 'user'],
  ])('%s is refused by its path, before anything is contacted', async (_, words, field) => {
    await expect(readOffboardInput(parse('--reason', 'OTHER', ...words))).rejects.toMatchObject({ field });
  });

  it('is refused when given twice, without repeating either value', () => {
    const twice = (): unknown => parse('--plaid-user-token', 'token-one', '--plaid-user-token', 'token-two');
    expect(twice).toThrow('--plaid-user-token is given twice');
    expect(twice).not.toThrow(/token-one|token-two/);
  });

  it('asks for JSON only where --json is not the argument of an option', () => {
    const program = new Command();
    offboardCommand(program.command('offboard'), processIo());
    expect(wantsJson(program, ['offboard', '--note', '--json'])).toBe(false);
    expect(wantsJson(program, ['offboard', '--note', '--json', '--json'])).toBe(true);
    expect(wantsJson(program, ['offboard', '--note=x', '--bogus', '--json'])).toBe(true);
    expect(wantsJson(program, ['offboard', '--', '--json'])).toBe(false);
  });
});

describe('an argument may begin with a dash', () => {
  /** Runs words with a program that has arguments, and returns those it got; or the exit code of a refusal. */
  async function argumentsOf(...words: string[]): Promise<unknown> {
    let got: unknown;
    const definition = {
      examples: [],
      options: [literalOption('--note <text>', ''), flag('--all', '')],
      run: (_: unknown, options: unknown, args: readonly string[]) =>
        Promise.resolve(void (got = [options, ...args])).then(() => 0 as const),
    };
    const show = subcommand('show <id> [other]', { summary: '', ...definition });
    const commands = [
      { usage: 'receipts [id]', summary: '', load: () => Promise.resolve(defineCommand(definition)) },
      { usage: 'seal', summary: '', load: () => Promise.resolve(defineCommand(definition)) },
      { usage: 'rate', summary: '', load: () => Promise.resolve(defineGroup('', [show])) },
      {
        usage: 'sweep',
        summary: '',
        load: () => Promise.resolve(defineCommand({ ...definition, commands: [show] })),
      },
    ];
    const code = await runCommandLine(words, processIo(), { name: 'program', description: '', commands });
    return got ?? code;
  }

  const REFERENCE = '-m_ZEHA1AHNNLCKCiZPsopTW';
  const IDS = [REFERENCE, '--mZEHA1AHNNLCKCiZPsopTW', '-12', '-abc', '-a b', '-=-', '-_-', '-x=1', '-éa'];

  beforeEach(() => {
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each(IDS)('%j', async (id) => {
    expect(await argumentsOf('receipts', id)).toEqual([{}, id]);
    expect(await argumentsOf('receipts', id, '--note', id, '--all')).toEqual([{ note: id, all: true }, id]);
    expect(await argumentsOf('receipts', '--all', '--note', '--all', id)).toEqual([{ note: '--all', all: true }, id]);
    expect(await argumentsOf('receipts', '--', id)).toEqual([{}, id]);
    for (const group of ['rate', 'sweep']) {
      expect(await argumentsOf(group, 'show', id, REFERENCE)).toEqual([{}, id, REFERENCE]);
      expect(await argumentsOf(group, 'show', 'first', '--json', id)).toEqual([{ json: true }, 'first', id]);
    }
    expect(await argumentsOf('sweep', '--json', 'show', id)).toEqual([{ json: true }, id]);
  });

  it.each(['--bogus', '--bogus=1', '-json', '-note', '-x', '--abcdefghijklmnopqrstuvw'])(
    '%j stays an unknown option',
    async (word) => {
      expect(await argumentsOf('receipts', word)).toBe(2);
      expect(await argumentsOf('rate', 'show', word)).toBe(2);
      expect(await argumentsOf('receipts', '--', word)).toEqual([{}, word]);
    },
  );

  it('which a command without arguments refuses', async () => {
    expect(await argumentsOf('seal', REFERENCE)).toBe(2);
    expect(await argumentsOf(REFERENCE)).toBe(2);
  });
});

describe('the command as it is published', () => {
  it.each([
    ['a note', 'note', ['offboard', '--plaid-user-id', 'u', '--reason', 'OTHER', '--note', '--dry-run']],
    ['an ID', 'plaid-user-id', ['offboard', '--plaid-user-id', '--reason', 'OTHER', '--dry-run']],
    ['a repeated option', 'id', ['offboard', '--id', '--dry-run', '--reason', 'OTHER']],
    ['a source', 'source', ['sweep', '--reason', 'OTHER', '--source', '--dry-run']],
    ['a name', 'requested-by', ['sweep', 'redrive', 'some-sweep', '--requested-by', '--approval']],
    ['a note of a schedule', 'note', ['schedule', 'create', 'nightly', '--every', '1h', '--note', '--paused']],
  ])('refuses %s without its value, in place of which a safeguard would be taken', async (_, field, words) => {
    const { code, document } = await runJson<Refused>(words);
    expect(document.error).toMatchObject({ type: 'Usage', field });
    expect(document.error.message).toContain(`--${field} has no value`);
    expect(code).toBe(2);
  });

  it.each(['--dry-run=true', '--dry-run=false', '--yes='])('refuses %s: a flag has no value', async (word) => {
    const { code, document } = await runJson<Refused>(['offboard', '--plaid-user-id', 'u', '--reason', 'OTHER', word]);
    expect(document.error.message).toMatch(/^--(dry-run|yes) takes no value: write /);
    expect(code).toBe(2);
  });

  it.each([
    [['console', '--host', ''], 'host'],
    [['receipts', '--user', ''], 'user'],
    [['list-runs', '--sweep', ''], 'sweep'],
    [['hold', 'log', '--hold', ''], 'hold'],
    [['hold', 'list', '--id', ''], 'id'],
    [['hold', 'check', '--id', 'some-hold'], 'id'],
    [['register', 'add', '--id', 'some-hold'], 'id'],
    [['sweep', 'status', 'x', '--namespace', ''], 'TEMPORAL_NAMESPACE'],
    [['sweep', 'status', 'x', '--namespace', 'nä me'], 'TEMPORAL_NAMESPACE'],
    [['sweep', 'status', 'x', '--profile', ''], 'TEMPORAL_PROFILE'],
    [['offboard', '--plaid-user-id', 'u', '--reason', 'OTHER', '--deadline', '2020-01-01T00:00:00Z'], 'deadline'],
    [['offboard', '--input', '@'], undefined],
  ])('refuses %j, which would be ignored or mean another place', async (words, field) => {
    const { code, document } = await runJson<Refused>(words);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field });
  });

  it('names an option whole whose argument is missing', async () => {
    const { stdout, stderr } = await runCli(['list', '--json', '--openapi', 'x', '--key']);
    expect(oneDocument<Refused>(stdout, stderr).error.message).toContain("'--key <scheme=setting>'");
  });

  it.each([
    [['sweep', 'stauts', 'x'], 'status'],
    [['sweep', 'result', 'x', '--failed'], 'results'],
    [['register', 'extnd', 'x', '--why', 'y'], 'extend'],
    [['hold', 'chek', '--plaid-user-id', 'u'], 'check'],
  ])('refuses %j by naming the command that was probably meant', async (words, meant) => {
    const { code, document } = await runJson<Refused>(words);
    expect(document.error.message).toMatch(new RegExp(`has no command "${words[1]}".*did you mean ${meant}\\?$`));
    expect(code).toBe(2);
  });

  it.each([
    ['an empty id', ['offboard', '--batch-user-id', '', '--reason', 'OTHER'], 'Task.InvalidInput', 'user.batchUserId'],
    [
      'a value that looks like an option',
      ['offboard', '--batch-user-id', '-x', '--reason', '--weird'],
      'Task.InvalidInput',
      'reason.code',
    ],
    ['an unknown option', ['offboard', '--bogus'], 'Usage', undefined],
    ['a missing argument', ['offboard', '--note', 'x', '--batch-user-id'], 'Usage', undefined],
    [
      'a field that does not exist',
      ['offboard', '--input', '{"user":{"batchUserId":"1"},"reason":{"code":"OTHER"},"bogus":1}'],
      'Task.InvalidInput',
      'bogus',
    ],
  ])('refuses %s with exit 2 and names it', async (_, words, type, field) => {
    // --json first: what follows must not hide it.
    const [command = '', ...rest] = words;
    const { code, stdout, stderr } = await runCli([command, '--json', ...rest]);
    const { error } = oneDocument<Refused>(stdout, stderr);
    expect({ code, type: error.type, field: error.field }).toEqual({ code: 2, type, field });
  });

  it('reads --json behind an option that is not known', async () => {
    const { code, document } = await runJson<Refused>(['offboard', '--bogus=secret-value']);
    expect(code).toBe(2);
    expect(document.error.message).toContain('--bogus');
    expect(document.error.message).not.toContain('secret-value');
  });
});
