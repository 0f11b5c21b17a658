import path from 'node:path';
import type { SourceSettings } from '../config/database-settings';
import type { TaskSender } from '../http/send-task';
import { sourceSpec } from '../policy/source-spec';
import type { ColumnNames, SourceSpec } from '../policy/source-spec';
import type { Catalogue } from '../tasks/catalogue';
import { parseInput } from '../tasks/parse-input';
import { CustomSource } from './custom-source';
import type { FileFormat, UserFile } from './file-records';
import { FileSource } from './file-source';
import { findAnywhere, findInFolder, formatOf } from './find-file';
import { allowedPlaceholders } from './id-rules';
import { InlineSource } from './inline-source';
import { PageSource } from './page-source';
import { QuerySource } from './query-source';
import { didYouMean } from '../policy/nearest';
import { SourceError } from './source';
import type { Source } from './source';
import { UserColumns } from './user-columns';

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
  return new CustomSource(await openCustom(custom, context), allowedPlaceholders(checked.allowPlaceholders));
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
  const { columns = {}, ignoreColumns, allowPlaceholders, known } = options;
  refuseUnknownColumns({ columns }, known);
  const format = options.format ?? formatOf(shown);
  const resolve = async (): Promise<UserFile> => ({ ...(await find()), format, columns, known, ignoreColumns });
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
        `unknown column; allowed: ${names.join(', ')}${didYouMean(unknown, names)}.`,
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
