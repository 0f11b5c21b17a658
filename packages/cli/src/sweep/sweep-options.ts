import { Option } from 'commander';
import type { Command } from 'commander';
import { z } from 'zod';
import { sourceSpec } from 'temporal-http-tasks/internal/policy/source-spec';
import { DEFAULT_BAD_ROWS, offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { toTolerance } from 'temporal-http-tasks/internal/policy/tolerance';
import type { Tolerance } from 'temporal-http-tasks/internal/policy/tolerance';
import type { FileFormat } from 'temporal-http-tasks/internal/sources/file-records';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { YES_HELP, literalOption, repeatedOption } from '../command';
import type { CommonOptions } from '../command';
import { defined } from '../defined';
import { Refusal } from '../errors';
import { readJsonInput } from '../json-input';
import type { TemporalOptions } from '../temporal-options';
import { PLAN_OPTIONS, addPlanOptions, flagOf, planFromOptions } from './plan-options';
import type { PlanOptions } from './plan-options';
import { readSourceArgument } from './source-argument';
import { checkedSweepId, newSweepId } from './sweep-id';

/** Who is swept, for every command that takes a source. */
export interface SourceOptions {
  source?: string;
  skipDone?: boolean;
  badRows?: string;
  ignoreColumn?: readonly string[];
  allowPlaceholders?: string;
  input?: string;
}

/** What `http-tasks sweep` takes. */
export interface SweepOptions extends CommonOptions, TemporalOptions, PlanOptions, SourceOptions {
  format?: string;
  rejectFile?: string;
  id?: string;
  watch?: boolean;
  yes?: boolean;
}

/** Adds the options that make the input of `offboardUsers`, and those about a file here. */
export function addSweepOptions(command: Command): Command {
  command.addOption(literalOption('--source <source>', 'who: a file here, file:PATH or query:NAME (see above)'));
  addPlanOptions(command, { noteFlag: '--note' });
  return addSourceOptions(command)
    .addOption(
      new Option(
        '--skip-done',
        'leave out rows with closed_at whose user was offboarded after that time, as the receipts show; others are done again',
      ),
    )
    .addOption(literalOption('--format <format>', 'csv or jsonl, for a file here whose name does not tell'))
    .addOption(
      literalOption('--reject-file <file>', 'keep the rows of a file here that cannot be users, with their lines'),
    )
    .addOption(literalOption('--id <id>', 'the id of the sweep (else made of the time)'))
    .addOption(new Option('--watch', 'follow the sweep to its end'))
    .addOption(new Option('--yes', YES_HELP));
}

/** Adds what is left of {@link SourceOptions} besides `--source` and the choice about users who are done. */
export function addSourceOptions(command: Command): Command {
  return command
    .addOption(
      literalOption(
        '--bad-rows <n>',
        `refuse a source with more rows than this that cannot be users: a number, or a share (else ${DEFAULT_BAD_ROWS}); a sweep with any such row is partial`,
      ),
    )
    .addOption(
      repeatedOption(
        '--ignore-column <name>',
        'a column that is not used although its name resembles that of an ID; may be repeated',
      ),
    )
    .addOption(
      literalOption(
        '--allow-placeholders <list>',
        'texts such as null,undefined,0 that are IDs in this source (else rows with one are rejected)',
      ),
    )
    .addOption(
      literalOption(
        '--input <json>',
        "the workflow's whole input as JSON, or @file; of the options above only --source, --ignore-column and --allow-placeholders may stand beside it",
      ),
    );
}

const { badRows, skipDone } = offboardUsersInput.shape;
const sourceChoices = z.strictObject({ badRows, skipDone });

/** A file here, and how it is read into the ledger. */
export interface LocalFile {
  file: string;
  format?: FileFormat;
  ignoreColumns?: readonly string[];
  allowPlaceholders?: readonly string[];
  badRows: Tolerance;
  skipDone: boolean;
  rejectFile?: string;
}

/** A checked wish for a sweep. */
export interface WantedSweep {
  sweepId: string;
  /** Names the sweep itself as its snapshot when there is a local file. */
  input: OffboardUsersInput;
  local?: LocalFile;
  /** Whether the id was the person's choice: it may be one that exists. */
  isOwnId: boolean;
}

/**
 * The checked sweep that these options ask for. Nothing is read but the file of `--input`.
 *
 * @throws InvalidInputError naming the path of the field, for example `reason.code`.
 * @throws Refusal for options that do not go together.
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
    return { sweepId, isOwnId, local, input: checked({ ...plan, snapshot: sweepId }) };
  }
  const misplaced = (['format', 'rejectFile'] as const).find((name) => options[name] !== undefined);
  if (misplaced !== undefined)
    throw new Refusal('Usage', `${flagOf(misplaced)} is for a file on this machine; leave it out.`, misplaced);
  return {
    sweepId,
    isOwnId,
    input: checked(source ? { ...fields, source: { ...source.configured, ...sourceRules(options) } } : fields),
  };
}

const { ignoreColumns, allowPlaceholders } = sourceSpec.shape;
const rules = z.strictObject({ ignoreColumns, allowPlaceholders });

/**
 * What the options say about the columns and cells of a source.
 *
 * @throws InvalidInputError
 * @throws Refusal without a source that they could be about.
 */
export function sourceRules({
  source,
  ignoreColumn,
  allowPlaceholders: allowed,
}: SourceOptions & { source?: string }): z.output<typeof rules> {
  const given = defined({ ignoreColumns: ignoreColumn, allowPlaceholders: allowed?.split(',') });
  const [first] = Object.keys(given);
  if (source === undefined && first !== undefined) {
    throw new Refusal(
      'Usage',
      `${first === 'ignoreColumns' ? '--ignore-column' : '--allow-placeholders'} is about the source that --source names; in --input it is source.${first}.`,
      first,
    );
  }
  return parseInput('a source', rules, given);
}

/** The fields of the input without its source, unless that stands in `--input`. */
export async function fieldsFrom(options: PlanOptions & SourceOptions): Promise<Record<string, unknown>> {
  const { input, skipDone, badRows } = options;
  if (input === undefined) return defined({ ...planFromOptions(options), skipDone, badRows });
  const beside = [...PLAN_OPTIONS, 'skipDone' as const, 'badRows' as const].find((name) => options[name] !== undefined);
  if (beside !== undefined) {
    throw new Refusal('Usage', `Give --input or ${flagOf(beside)}, not both: write it into the input.`);
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
  const { format, rejectFile } = options;
  if (format !== undefined && format !== 'csv' && format !== 'jsonl') {
    throw new Refusal('Usage', `--format must be csv or jsonl, not "${format}".`, 'format');
  }
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
