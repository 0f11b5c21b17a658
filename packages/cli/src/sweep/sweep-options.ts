import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Option } from 'commander';
import { sourceSpec } from 'temporal-http-tasks/internal/policy/source-spec';
import { DEFAULT_BAD_ROWS, offboardUsersInput, toTolerance } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { OffboardUsersInput, Tolerance } from 'temporal-http-tasks/internal/policy/sweep-input';
import { STANDARD_INPUT } from 'temporal-http-tasks/internal/sources/file-bytes';
import type { FileFormat } from 'temporal-http-tasks/internal/sources/file-records';
import { looksLikeFile } from 'temporal-http-tasks/internal/sources/find-file';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { z } from 'zod';
import { flag, flagOf, literalOption, oneOf, repeatedOption, YES_OPTION } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { sayingHow } from '../offboard/how-options';
import { defined, readJsonInput } from '../tasks/json-input';
import type { TemporalOptions } from '../temporal/options';
import { PLAN_NAMES, planFromOptions, planOptions } from './plan-options';
import type { PlanOptions } from './plan-options';

const MOST_CHARACTERS = 200;

/** Returns a unique ID with the time of the start: `sweep-20301231-235959-k3v9q1`. */
export function newSweepId(now = new Date()): string {
  const [, date = '', time = ''] = /^(.{8})T(.{6})/.exec(now.toISOString().replace(/[-:]/g, '')) ?? [];
  return `sweep-${date}-${time}-${randomBytes(4).toString('hex')}`;
}

/**
 * Checks a given ID, which is also the workflow's.
 *
 * @throws Refusal for one that could not be typed or would be too long.
 */
export function checkedSweepId(id: string, name = '--id'): string {
  if (id === '' || id.length > MOST_CHARACTERS || /\p{C}/u.test(id)) {
    throw new Refusal(
      'Usage',
      `${name} must have 1 to ${MOST_CHARACTERS} characters, none of them a control character.`,
      name === '--id' ? 'id' : 'name',
    );
  }
  return id;
}

/**
 * What `--source` names: a local file or `-`, which the command reads itself, or something that the worker has
 * configured.
 */
export type SourceArgument = { local: string } | { configured: { file: string } | { query: string } };

const FILE = /^file:(.*)$/s;
const QUERY = /^query:(.*)$/s;

/**
 * `file:PATH` and `query:NAME` name what the worker has, and `-` is standard input. Anything else is a local file if it
 * exists or looks like one (a `/`, or a known ending), so that a misspelt file is never taken for something else. Any
 * other word is a configured query.
 *
 * @throws Refusal when it is empty.
 */
export function readSourceArgument(argument: string): SourceArgument {
  if (argument === '')
    throw new Refusal(
      'Task.InvalidInput',
      'source: must not be empty; an empty source never means all users.',
      'source',
    );
  if (argument === STANDARD_INPUT) return { local: argument };
  const file = FILE.exec(argument)?.[1];
  if (file !== undefined) return { configured: { file } };
  const query = QUERY.exec(argument)?.[1];
  if (query !== undefined) return { configured: { query } };
  return existsSync(argument) || looksLikeFile(argument) ? { local: argument } : { configured: { query: argument } };
}

/** For `--help` of every command with `--source`. */
export const SOURCE_HELP = [
  'The form of --source decides: an existing file, or anything with a / or the ending .csv, .jsonl or',
  '.ndjson (also with .gz), is a file on this machine; - is standard input, with --format; file:PATH is one',
  "below the worker's HTTP_TASKS_SOURCE_DIR;",
  'query:NAME, or any other word, is a query that the worker has configured (HTTP_TASKS_SOURCE_<NAME>_URL and _QUERY).',
].join(' ');

/** The users of a sweep, for every command that takes a source. */
export interface SourceOptions {
  source?: string;
  skipDone?: boolean;
  badRows?: string;
  ignoreColumn?: readonly string[];
  allowPlaceholders?: string;
  account?: string;
  input?: string;
}

/** The options of `http-tasks sweep`. */
export interface SweepOptions extends CommonOptions, TemporalOptions, PlanOptions, SourceOptions {
  format?: string;
  rejectFile?: string;
  id?: string;
  watch?: boolean;
  yes?: boolean;
}

/** The options of {@link SourceOptions} other than `--source` and those about users who are done. */
export const SOURCE_OPTIONS: readonly Option[] = [
  literalOption(
    '--bad-rows <n>',
    'refuse a source with more rows than this that cannot be users: a number, or a share (else ' +
      `${DEFAULT_BAD_ROWS}); a sweep with any such row is partial`,
  ),
  literalOption('--account <name>', 'the account of the users for whom the source has no cell in the column account'),
  repeatedOption(
    '--ignore-column <name>',
    'a column that is not used although its name resembles that of an ID; may be repeated',
  ),
  literalOption(
    '--allow-placeholders <list>',
    'texts such as null,undefined,0 that are IDs in this source (else rows with one are rejected)',
  ),
  literalOption(
    '--input <json>',
    "the workflow's whole input as JSON, or @file; of the options above only --source, --account, " +
      '--ignore-column and --allow-placeholders may be combined with it',
  ),
];

/** The options of the input of `offboardUsers`, and those for a local file. */
export const SWEEP_OPTIONS: readonly Option[] = [
  literalOption('--source <source>', 'the users: a local file, file:PATH or query:NAME (see above)'),
  ...planOptions('--note'),
  ...SOURCE_OPTIONS,
  new Option(
    '--skip-done',
    'leave out rows with closed_at whose user was offboarded after that time, according to the receipts; others are offboarded again',
  ),
  literalOption('--format <format>', 'csv or jsonl, for a local file whose name does not show it'),
  literalOption('--reject-file <file>', 'write the rows of a local file that cannot be users, with their lines'),
  literalOption('--id <id>', 'the ID of the sweep (else made from the time)'),
  flag('--watch', 'follow the sweep to its end'),
  YES_OPTION,
];

const { badRows, skipDone } = offboardUsersInput.shape;
const sourceChoices = z.strictObject({ badRows, skipDone });

/** A local file, and how it is read into the ledger. */
export interface LocalFile {
  file: string;
  format?: FileFormat;
  ignoreColumns?: readonly string[];
  allowPlaceholders?: readonly string[];
  account?: string | undefined;
  badRows: Tolerance;
  skipDone: boolean;
  rejectFile?: string;
}

/** A checked request for a sweep. */
export interface WantedSweep {
  sweepId: string;
  /** Has the sweep itself as its snapshot for a local file. */
  input: OffboardUsersInput;
  local?: LocalFile;
  /** Whether the ID was given: it may exist already. */
  isOwnId: boolean;
}

/**
 * Returns the checked sweep that these options request. Only the file of `--input` is read.
 *
 * @throws InvalidInputError naming the path of the field, for example `reason.code`.
 * @throws Refusal for options that cannot be combined.
 */
export async function readWantedSweep(options: SweepOptions): Promise<WantedSweep> {
  const isOwnId = options.id !== undefined;
  const sweepId = options.id === undefined ? newSweepId() : checkedSweepId(options.id);
  const fields = await fieldsFrom(options);
  const source = options.source === undefined ? undefined : readSourceArgument(options.source);
  if (!source) sourceRules(options);
  if (source && 'local' in source) {
    const { badRows, skipDone, ...plan } = fields;
    const local = localFile(source.local, options, { badRows, skipDone });
    return {
      sweepId,
      isOwnId,
      local,
      input: sayingHow(options, 'sweep', () => checked({ ...plan, snapshot: sweepId })),
    };
  }
  const misplaced = (['format', 'rejectFile'] as const).find((name) => options[name] !== undefined);
  if (misplaced !== undefined)
    throw new Refusal('Usage', `${flagOf(misplaced)} is for a file on this machine; leave it out.`, misplaced);
  return {
    sweepId,
    isOwnId,
    input: sayingHow(options, 'sweep', () =>
      checked(source ? { ...fields, source: { ...source.configured, ...sourceRules(options) } } : fields),
    ),
  };
}

const FILE_FORMATS = ['csv', 'jsonl'] as const satisfies readonly FileFormat[];

const { ignoreColumns, allowPlaceholders, account } = sourceSpec.shape;
const rules = z.strictObject({ ignoreColumns, allowPlaceholders, account });

const FLAG_OF: Readonly<Record<string, string>> = {
  ignoreColumns: '--ignore-column',
  allowPlaceholders: '--allow-placeholders',
  account: '--account',
};

/**
 * Returns the options about the columns and cells of a source.
 *
 * @throws InvalidInputError
 * @throws Refusal without a source that they could apply to.
 */
export function sourceRules({
  source,
  ignoreColumn,
  allowPlaceholders: allowed,
  account: named,
}: SourceOptions & { source?: string }): z.output<typeof rules> {
  const given = defined({ ignoreColumns: ignoreColumn, allowPlaceholders: allowed?.split(','), account: named });
  const [first] = Object.keys(given);
  if (source === undefined && first !== undefined) {
    throw new Refusal(
      'Usage',
      `${FLAG_OF[first] ?? first} is about the source that --source names; in --input it is source.${first}.`,
      first,
    );
  }
  return parseInput('a source', rules, given);
}

/** Returns the fields of the input without its source, unless `--input` has it. */
export async function fieldsFrom(options: PlanOptions & SourceOptions): Promise<Record<string, unknown>> {
  const { input, skipDone, badRows } = options;
  if (input === undefined) return defined({ ...planFromOptions(options), skipDone, badRows });
  const conflicting = [...PLAN_NAMES, 'skipDone' as const, 'badRows' as const].find(
    (name) => options[name] !== undefined,
  );
  if (conflicting !== undefined) {
    throw new Refusal('Usage', `Give --input or ${flagOf(conflicting)}, not both: write it in the input.`);
  }
  const fields = await readJsonInput('--input', input);
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new Refusal('Task.InvalidInput', 'The input of offboardUsers must be a JSON object.');
  }
  const origin = (['source', 'snapshot', 'redriveOf'] as const).find((name) => name in fields);
  if (options.source !== undefined && origin !== undefined) {
    throw new Refusal('Usage', `Give --source or ${origin} in --input, not both.`, 'source');
  }
  return fields as Record<string, unknown>;
}

/** @throws InvalidInputError */
export function checked(input: unknown): OffboardUsersInput {
  return parseInput('offboardUsers', offboardUsersInput, input);
}

function localFile(file: string, options: SweepOptions, given: { badRows: unknown; skipDone: unknown }): LocalFile {
  const { rejectFile } = options;
  const format = options.format === undefined ? undefined : oneOf('--format', options.format, FILE_FORMATS);
  // These two belong to a source; the workflow gets a snapshot and refuses them.
  const { badRows = DEFAULT_BAD_ROWS, skipDone = false } = parseInput('offboardUsers', sourceChoices, defined(given));
  return {
    file,
    badRows: toTolerance(badRows),
    skipDone,
    ...sourceRules(options),
    ...(format !== undefined && { format }),
    ...(rejectFile !== undefined && { rejectFile }),
  };
}
