import { Command } from 'commander';
import fc from 'fast-check';
import { offboardCommand } from '@temporal-http-tasks/cli/internal/offboard/command';
import { OFFBOARD_OPTIONS, readOffboardInput } from '@temporal-http-tasks/cli/internal/offboard/command';
import type { OffboardOptions } from '@temporal-http-tasks/cli/internal/offboard/command';
import { processIo } from '@temporal-http-tasks/cli/internal/program/io';
import { wantsJson } from '@temporal-http-tasks/cli/internal/program/program';
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

describe('the command as it is published', () => {
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
