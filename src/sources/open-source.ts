import path from 'node:path';
import type { SourceSettings } from '../config/database-settings';
import type { TaskSender } from '../http/send-task';
import { asSentence, didYouMean } from '../tasks/nearest';
import type { SourceColumns } from '../policy/snapshot-report';
import { sourceSpec, targetUser } from '../policy/source-spec';
import type { ColumnNames, SourceSpec } from '../policy/source-spec';
import type { TargetUser } from '../policy/target-reference';
import type { Catalogue } from '../providers/catalogue';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { fileRecords, readerFor } from './file-records';
import type { FileFormat, FileRow, UserFile } from './file-records';
import { findAnywhere, findInFolder, formatOf } from './find-file';
import { idsInside, otherHead, resemblesId } from './header';
import { allowedPlaceholders, userProblem } from './id-rules';
import type { AllowedPlaceholders } from './id-rules';
import { PageSource } from './page-source';
import type { RecordReader } from './record-splitter';
import { positionOf, Progress } from './progress';
import { QuerySource } from './query-source';
import { SourceError } from './source';
import type { GoodRow, GroupedSource, RowsOptions, Source, SourcePosition, SourceRow } from './source';
import { toUser } from './to-user';
import type { UserCells } from './to-user';
import { UserColumns } from './user-columns';

/** A source supplied by the host. Its rows may be anything and are checked like those of other sources. */
export class CustomSource implements Source {
  readonly #source: Source;
  readonly #allowed: AllowedPlaceholders;
  readonly #known: UserColumns;

  constructor(source: Source, allowed: AllowedPlaceholders, known = UserColumns.BASIC) {
    this.#source = source;
    this.#allowed = allowed;
    this.#known = known;
  }

  get kind(): string {
    return this.#source.kind;
  }

  get refusesEmpty(): boolean {
    return this.#source.refusesEmpty ?? false;
  }

  get columns(): SourceColumns | undefined {
    return this.#source.columns;
  }

  describe(): string {
    return this.#source.describe();
  }

  /** @throws SourceError for a row that is not a valid user. */
  async *rows(options?: RowsOptions): AsyncGenerator<SourceRow, void, undefined> {
    for await (const row of this.#source.rows(options)) {
      if (row.user === undefined) {
        yield row;
        continue;
      }
      const { position, line } = row;
      const user = userOf(row.user, line, this.#known);
      const wrong = userProblem(user, this.#allowed);
      yield wrong === undefined
        ? { position, line, user }
        : { position, line, problem: `${wrong.field} ${wrong.problem}` };
    }
  }
}

/** Validates a host's row. Unknown fields are ignored, except those whose name resembles an ID's, which are refused. */
function userOf(given: unknown, line: number, known: UserColumns): TargetUser {
  try {
    return parseInput(
      `row ${line}`,
      targetUser,
      typeof given === 'object' && given !== null ? ofAUser(given, line, known) : given,
    );
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new SourceError('custom', `row ${line} is not a user: ${error.message}`);
  }
}

function ofAUser(given: object, line: number, known: UserColumns): Record<string, unknown> {
  const isGiven = ([name, value]: [string, unknown]): boolean => {
    if (name in targetUser.shape) return value !== undefined && value !== null && value !== '';
    if (resemblesId(name) || known.resembles(name)) return true;
    const [inside] = idsInside(value, name, [], (inner) => known.resembles(inner));
    if (inside === undefined) return false;
    throw new SourceError(
      'custom',
      `row ${line}: the field ${inside} would be ignored although its name resembles that of an ID. ` +
        `Give the ID in its own field, or leave ${name} out of the row.`,
    );
  };
  return Object.fromEntries(Object.entries(given).filter(isGiven));
}

/** Users from a list in the input that was already validated. */
export class InlineSource implements Source {
  readonly kind = 'inline';
  readonly refusesEmpty = true;
  readonly #users: readonly TargetUser[];
  readonly #allowed: AllowedPlaceholders;

  constructor(users: readonly TargetUser[], allowed: AllowedPlaceholders) {
    this.#users = users;
    this.#allowed = allowed;
  }

  describe(): string {
    return `a list of ${this.#users.length} users`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const progress = new Progress('inline', after);
    for (const [index, user] of this.#users.entries()) {
      signal?.throwIfAborted();
      const position = progress.pass(JSON.stringify(user));
      if (position === undefined) continue;
      const wrong = userProblem(user, this.#allowed);
      yield wrong === undefined
        ? { position, line: index + 1, user }
        : { position, line: index + 1, problem: `source.inline.${index}.${wrong.field} ${wrong.problem}` };
    }
    progress.end();
  }
}

/** Users from a CSV or JSONL file, optionally gzipped. Each reading starts at its beginning. */
export class FileSource implements GroupedSource {
  readonly kind: string;
  readonly refusesEmpty = true;
  readonly #shown: string;
  readonly #resolve: () => Promise<UserFile>;
  readonly #allowed: ReturnType<typeof allowedPlaceholders>;
  /** Of the last reading. */
  #reader: RecordReader | undefined;

  /**
   * @param shown The file name as configured, for messages.
   * @param resolve Finds the file. Called for each reading, because it may have been replaced.
   * @param allowPlaceholders Placeholders that are valid IDs in this source.
   */
  constructor(
    shown: string,
    format: UserFile['format'],
    resolve: () => Promise<UserFile>,
    allowPlaceholders?: readonly string[],
  ) {
    this.kind = format;
    this.#shown = shown;
    this.#resolve = resolve;
    this.#allowed = allowedPlaceholders(allowPlaceholders);
  }

  get columns(): SourceColumns | undefined {
    return this.#reader?.report;
  }

  describe(): string {
    return `the ${this.kind.toUpperCase()} file ${this.#shown}`;
  }

  async *rows(options?: RowsOptions): AsyncGenerator<SourceRow, void, undefined> {
    for await (const group of this.rowGroups(options)) yield* group;
  }

  async *rowGroups({ after, signal }: RowsOptions = {}): AsyncGenerator<Iterable<SourceRow>, void, undefined> {
    const file = await this.#resolve();
    const reader = readerFor(file);
    this.#reader = reader;
    const progress = new Progress('file', after);
    const rules = { ...reader.rules, allowed: this.#allowed, ...(file.known && { columns: file.known }) };
    const isHead = otherHead(file.known ?? UserColumns.BASIC, file.columns);
    const isRenamed = Object.keys(file.columns).length > 0;
    const userOf = (cells: UserCells, line: number): ReturnType<typeof toUser> => {
      const user = toUser(cells, rules, file.columns);
      // A good row can have names only where columns are renamed.
      if (file.format === 'csv' && ('problem' in user || isRenamed) && isHead(cells)) throw concatenated(line);
      return user;
    };
    for await (const records of fileRecords(file, reader, signal)) yield rowsOf(records, progress, userOf);
    progress.end();
  }
}

function concatenated(line: number): SourceError {
  return new SourceError(
    'file',
    `line ${line} names columns, and in another way than the first line; were files concatenated? Give each file on its own.`,
  );
}

function* rowsOf(
  records: Iterable<FileRow>,
  progress: Progress,
  userOf: (cells: UserCells, line: number) => ReturnType<typeof toUser>,
): Generator<SourceRow, void, undefined> {
  for (const { line, record, cells, problem } of records) {
    if (!progress.isNew(record.plain ?? record.bytes)) continue;
    const { count, sum } = progress;
    const row = cells === undefined ? { problem } : userOf(cells, line);
    yield 'user' in row
      ? // A signed number takes no memory of its own.
        new UserOfFile(line, row.user, count, sum | 0)
      : { position: positionOf(count, sum), line, problem: row.problem, raw: record.bytes };
  }
}

/** A row whose position is made into a text only if it is needed: for one row of a block. */
class UserOfFile implements GoodRow {
  constructor(
    readonly line: number,
    readonly user: TargetUser,
    readonly count: number,
    readonly sum: number,
  ) {}

  get position(): SourcePosition {
    return positionOf(this.count, this.sum);
  }
}

/**
 * Creates a host's own source from options, which come from a workflow's input and are untrusted. It should throw
 * {@link SourceError} for invalid options.
 */
export type SourceFactory = (
  options: unknown,
  context: { scheduledTime?: string | undefined; previousScheduledTime?: string | undefined },
) => Source | Promise<Source>;

/** Options for reading a file. */
interface FileOptions {
  format?: FileFormat | undefined;
  columns?: ColumnNames | undefined;
  ignoreColumns?: readonly string[] | undefined;
  allowPlaceholders?: readonly string[] | undefined;
  /** The columns of a user. @default those of the providers that come with the package */
  known?: UserColumns | undefined;
  /** The input for the file `-`. @default the standard input of this process */
  input?: AsyncIterable<unknown> | undefined;
}

/** The dependencies of sources. */
export interface SourceContext {
  settings: SourceSettings;
  catalogue: Catalogue;
  sender: TaskSender;
  /** The Schedule's nominal time or the start time, in ISO form; bound to `:scheduledTime` of queries. */
  scheduledTime?: string | undefined;
  /** The nominal time of the previous run, see `SweepLedger.joinSeries`; bound to `:previousScheduledTime`. */
  previousScheduledTime?: string | undefined;
  /** The columns of a user. @default those of the providers that come with the package */
  known?: UserColumns | undefined;
  /** The host's own sources, by `custom.name`. @default none */
  custom?: Readonly<Record<string, SourceFactory>> | undefined;
}

/**
 * Opens the source that an input describes, without reading rows. Only what the operator configured is accessible:
 * files below `HTTP_TASKS_SOURCE_DIR`, queries by name, and pages by a task that only reads.
 *
 * @throws InvalidInputError naming the field, when the description is invalid.
 * @throws SourceError when the source does not exist or is not allowed.
 */
export async function openSource(spec: unknown, context: SourceContext): Promise<Source> {
  const checked: SourceSpec = parseInput('a source', sourceSpec, spec);
  const { inline, file, query, pages, custom } = checked;
  if (inline) return new InlineSource(inline, allowedPlaceholders(checked.allowPlaceholders));
  const { known } = context;
  refuseUnknownColumns(checked, known);
  if (file !== undefined) return openFolderFile(file, { ...checked, known }, context.settings);
  if (query !== undefined) return openQuery(query, { ...checked, known }, context);
  if (pages) return new PageSource(pages, context, { ...checked, known });
  return new CustomSource(await openCustom(custom, context), allowedPlaceholders(checked.allowPlaceholders), known);
}

/**
 * Opens a file anywhere on this machine, for a command that a local user runs.
 *
 * @throws SourceError when it does not exist or its format is unknown.
 */
export async function openLocalFile(file: string, options: FileOptions = {}): Promise<Source> {
  return openFile(file, options, () => findAnywhere(file));
}

async function openFolderFile(file: string, options: FileOptions, settings: SourceSettings): Promise<Source> {
  return openFile(path.normalize(file), options, () => findInFolder(file, settings.folder));
}

async function openFile(
  shown: string,
  options: FileOptions,
  find: () => Promise<Pick<UserFile, 'path' | 'flags'>>,
): Promise<Source> {
  const { columns = {}, ignoreColumns, allowPlaceholders, known, input } = options;
  refuseUnknownColumns({ columns }, known);
  const format = options.format ?? formatOf(shown);
  const resolve = async (): Promise<UserFile> => ({
    ...(await find()),
    format,
    columns,
    known,
    ignoreColumns,
    input,
  });
  await resolve();
  return new FileSource(shown, format, resolve, allowPlaceholders);
}

function openQuery(
  name: string,
  options: SourceSpec & { known?: UserColumns | undefined },
  { settings, scheduledTime, previousScheduledTime }: SourceContext,
): Source {
  const query = settings.query(name);
  if (query) return new QuerySource(query, { scheduledTime, previousScheduledTime }, options);
  const known = settings.queryNames.join(', ') || 'none';
  throw new SourceError(
    'query',
    `unknown query; known: ${known}. The operator adds one as HTTP_TASKS_SOURCE_<NAME>_URL and HTTP_TASKS_SOURCE_<NAME>_QUERY.`,
  );
}

/** @throws SourceError for a name of a column that no provider has. */
function refuseUnknownColumns(
  { columns = {}, pages }: Pick<SourceSpec, 'columns' | 'pages'>,
  { names }: UserColumns = UserColumns.BASIC,
): void {
  for (const [field, given] of [
    ['columns', columns],
    ['pages.fields', pages?.fields ?? {}],
  ] as const) {
    const unknown = Object.keys(given).find((column) => !names.includes(column));
    if (unknown !== undefined)
      throw new SourceError(
        `${field}.${unknown}`,
        asSentence(`unknown column; allowed: ${names.join(', ')}${didYouMean(unknown, names)}`),
      );
  }
}

async function openCustom(
  given: SourceSpec['custom'],
  { custom = {}, scheduledTime, previousScheduledTime }: SourceContext,
): Promise<Source> {
  const factory = given && Object.hasOwn(custom, given.name) ? custom[given.name] : undefined;
  if (!factory)
    throw new SourceError('custom.name', `unknown source; known: ${Object.keys(custom).join(', ') || 'none'}.`);
  return factory(given?.options, { scheduledTime, previousScheduledTime });
}
