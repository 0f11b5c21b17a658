import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TaskSearch } from '@temporal-http-tasks/console/internal/search';
import type { OpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { DocumentNode } from '@temporal-http-tasks/openapi/internal/document/document-node';
import { readOpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/read-document';
import type { OpenApiOptions, OpenApiReport, OperationSummary } from '@temporal-http-tasks/openapi/internal/options';
import {
  listOperations,
  namesOf,
  readApi,
  serviceName,
  whyNotServiceName,
} from '@temporal-http-tasks/openapi/internal/read-api';
import type { ReadApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import type { ImportSuffix, SourceFile } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { CommonOptions } from '../program/command';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { asRoute } from '../tasks/catalogue-task';
import { importOptions, keyLines, refusingOptions } from '../tasks/openapi-tasks';
import type { ImportDecisions } from '../tasks/openapi-tasks';
import { print, printExactly, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';

/** The options of `http-tasks import`. */
export interface ImportOptions extends CommonOptions, ImportDecisions {
  search?: string;
  operation?: string[];
  all?: boolean;
  out?: string;
  force?: boolean;
  allowHost?: string[];
}

/** Runs the command. A document that cannot be used is refused before anything is written. */
export async function runImport(io: Io, spec: string, options: ImportOptions): Promise<ExitCode> {
  refuseContradictions(options);
  const decisions = importOptions(options);
  const document = await readOpenApiDocument(spec, { allowHosts: options.allowHost ?? [] });
  const service = serviceName(DocumentNode.root(document), decisions);
  const listed = listOperations(document).map((operation): ListedOperation => ({
    ...operation,
    name: `${service}.${operation.operation}`,
  }));
  if (listed.length === 0)
    throw new Refusal(
      'Document',
      'The document has no operations under paths, so there is nothing to import.',
      '#/paths',
    );
  if (options.operation === undefined && !options.all) {
    printOperations(io, new TaskSearch(listed).find(options.search ?? ''), options);
    return 0;
  }
  if (CATALOGUE_SERVICES.some(({ name }) => name === service)) {
    say(
      io,
      `The package has a service called ${service}, too, and a worker takes only one of each name: choose another with --service.`,
    );
  }
  return options.operation === undefined && options.out === undefined
    ? loadAll(io, document, decisions, options)
    : defineChosen(io, document, decisions, listed, options);
}

function refuseContradictions({ all, operation, search, out, force, service }: ImportOptions): void {
  if (all && operation)
    throw new Refusal('Usage', '--all and --operation exclude each other; give one of them.', 'all');
  if (search !== undefined && (all || operation))
    throw new Refusal('Usage', '--search lists operations; leave out --all and --operation.', 'search');
  if (out === '') throw new Refusal('Usage', '--out must name a folder.', 'out');
  if (out !== undefined && !all && !operation)
    throw new Refusal('Usage', '--out needs --operation, or --all for every operation.', 'out');
  if (force && out === undefined) throw new Refusal('Usage', '--force needs --out.', 'force');
  const wrong = service === undefined ? undefined : whyNotServiceName(service);
  if (wrong !== undefined) throw new Refusal('Usage', `--service ${wrong}.`, 'service');
}

/** Creates every task, as a worker does at startup, and reports the outcome. */
function loadAll(io: Io, document: OpenApiDocument, decisions: OpenApiOptions, { json }: ImportOptions): ExitCode {
  const { report, services } = refusingOptions(() => tasksFromOpenApi(document, decisions));
  if (report.imported === 0) refuseSkipped(report.skipped);
  if (json) printJson(io, report);
  else printReport(io, report, services);
  return 0;
}

async function defineChosen(
  io: Io,
  document: OpenApiDocument,
  decisions: OpenApiOptions,
  listed: readonly ListedOperation[],
  options: ImportOptions,
): Promise<ExitCode> {
  const operations = options.operation?.map((wanted) => nameOf(wanted, listed));
  const api = refusingOptions(() => readApi(document, { ...decisions, ...(operations && { operations }) }));
  // What was requested by name is created completely or not at all.
  if (operations ? api.report.skipped.length > 0 : api.report.imported === 0) refuseSkipped(api.report.skipped);
  if (options.out === undefined) return printSource(io, api, options);
  const files = sourceFiles(api, await importSuffixFor(options.out));
  const { written, kept } = await writeSourceFiles(options.out, files, { force: options.force ?? false });
  if (options.json) {
    printJson(io, { files: written, kept, ...api.report });
    return 0;
  }
  for (const file of written) print(io, `Wrote ${file}`);
  for (const file of kept) say(io, `Kept ${file}, which already exists.`);
  printReport(
    io,
    api.report,
    api.services.map(({ service: one }) => one),
  );
  return 0;
}

function printSource(io: Io, api: ReadApi, { json }: ImportOptions): ExitCode {
  const files = sourceFiles(api);
  if (json) printJson(io, { files: files.map(({ name, text }) => ({ name, text })), ...api.report });
  else for (const { name, text } of files) printExactly(io, `// ${name}\n\n${text}\n`);
  return 0;
}

/** Returns the operation with a given name: its own name, the document's ID, method and path, or the name of the task. */
function nameOf(wanted: string, listed: readonly ListedOperation[]): string {
  const found = listed.filter((one) => [one.name, ...namesOf(one)].includes(asRoute(wanted)));
  if (found.length > 1)
    throw new Refusal(
      'Usage',
      `${JSON.stringify(wanted)} is the method and path of several operations; name one of ` +
        `${found.map(({ operation }) => operation).join(', ')}.`,
      'operation',
    );
  if (found[0]) return found[0].operation;
  const alike = new TaskSearch(listed)
    .find(wanted)
    .slice(0, 5)
    .map(({ operation }) => operation);
  const help = alike.length > 0 && wanted.trim() !== '' ? ` Did you mean ${alike.join(', ')}?` : '';
  throw new Refusal(
    'Usage',
    `The document has no operation ${JSON.stringify(wanted)}.${help} List them without --operation.`,
    'operation',
  );
}

function refuseSkipped(skipped: ReadApi['report']['skipped']): never {
  const [first] = skipped;
  const others = skipped.length > 1 ? ` ${skipped.length - 1} more cannot be tasks either.` : '';
  if (!first) throw new CommandFailure('Failed', 'Nothing was imported.');
  const place = /^The document at (\S+):/.exec(first.why)?.[1];
  throw new Refusal(
    'Document',
    `${first.operation} cannot be a task. ${first.why}${others} Nothing was written.`,
    place,
  );
}

/** An operation in the list. */
interface ListedOperation extends OperationSummary {
  name: string;
  description: string;
}

/** Prints operations as a table, or as JSON. */
function printOperations(io: Io, found: readonly ListedOperation[], { json }: CommonOptions): void {
  const rows = found.map(({ name, operation, operationId, summary, method, path, tags }) => ({
    name,
    operation,
    ...(operationId !== undefined && { operationId }),
    summary,
    method,
    path,
    tags,
  }));
  if (json) printJson(io, rows);
  else if (rows.length === 0) say(io, 'No operation matches. Try fewer words, or leave --search out for all.');
  else
    printTable(
      io,
      ['Operation', 'What it does', 'Method', 'Path'],
      rows.map(({ operation, summary, method, path }) => [operation, summary, method, path]),
    );
}

/** Prints the results of the operations. Hundreds of open questions are grouped by what they are about. */
function printReport(
  io: Io,
  { operations, imported, skipped, decide }: OpenApiReport,
  services: readonly ServiceDefinition[],
): void {
  print(io, `${imported} of ${operations} operations are tasks of ${services.map(({ name }) => name).join(', ')}.`);
  for (const line of keyLines(io, services)) print(io, line);
  if (skipped.length > 0)
    printTable(
      io,
      ['Skipped', 'Why'],
      skipped.map(({ operation, why }) => [operation, why]),
    );
  if (decide.length === 0) return;
  print(io, 'To decide, since the document does not say it (--json lists every one):');
  printTable(io, ['What', 'Operations', 'For example'], rowsOf(decide));
}

function rowsOf(decide: OpenApiReport['decide']): string[][] {
  const byKind = new Map<string, { operation: string; what: string }[]>();
  for (const one of decide) {
    const kind = one.what.split(':', 1)[0] ?? '';
    byKind.set(kind, [...(byKind.get(kind) ?? []), one]);
  }
  return [...byKind].map(([kind, all]) => {
    const [first] = all;
    const count = first?.operation === '*' ? 'all' : String(all.length);
    const example = first?.operation === '*' ? '' : `${first?.operation}: `;
    return [kind, count, `${example}${first?.what.slice(kind.length + 2) ?? ''}`];
  });
}

/** The files that were written, and those that were kept. */
interface WrittenFiles {
  written: string[];
  kept: string[];
}

/**
 * Writes all of the files or none. An existing file is overwritten only with `force`; an existing file of a service is
 * kept otherwise, since other tasks may use it.
 *
 * @throws Refusal naming every file that is in the way.
 */
export async function writeSourceFiles(
  folder: string,
  files: readonly SourceFile[],
  { force }: { force: boolean },
): Promise<WrittenFiles> {
  const kept: string[] = [];
  const wanted: { path: string; text: string; before: string | undefined }[] = [];
  const inTheWay: string[] = [];
  for (const { name, text, shared, exports } of files) {
    const path = join(folder, name);
    const before = await textOf(path);
    if (before === undefined || force) wanted.push({ path, text, before });
    else if (shared && before.includes(`export const ${exports} =`)) kept.push(path);
    else inTheWay.push(path);
  }
  if (inTheWay.length > 0) {
    throw new Refusal(
      'Usage',
      `These files already exist: ${inTheWay.join(', ')}. Nothing was written; give --force to overwrite them.`,
      'out',
    );
  }
  await place(folder, wanted, force);
  return { written: wanted.map(({ path }) => path), kept };
}

/** How files in this folder import each other: the nearest package.json says whether they are ES modules. */
async function importSuffixFor(folder: string): Promise<ImportSuffix> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const text = await readFile(join(at, 'package.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) return /"type"\s*:\s*"module"/.test(text) ? '.js' : '';
    if (dirname(at) === at) return '';
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR')
      throw new Refusal('Usage', `--out: a part of ${dirname(path)} is a file and not a folder.`, 'out');
    throw new Refusal('Usage', `--out: ${path} cannot be read (${code ?? 'unknown error'}).`, 'out');
  }
}

/** Writes every file under another name first, so that none is ever seen half written, and takes back what was placed if one fails. */
async function place(
  folder: string,
  files: readonly { path: string; text: string; before: string | undefined }[],
  force: boolean,
): Promise<void> {
  const mark = randomBytes(6).toString('hex');
  const aside = (path: string): string => `${path}.${mark}.tmp`;
  const placed: (typeof files)[number][] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const { path, text } of files) await writeFile(aside(path), text, { flag: 'wx' });
    for (const file of files) {
      // A link, unlike a renaming, refuses a file that was made meanwhile.
      if (force) await rename(aside(file.path), file.path);
      else await link(aside(file.path), file.path);
      placed.push(file);
    }
  } catch (error) {
    for (const { path, before } of placed)
      await (before === undefined ? rm(path, { force: true }) : writeFile(path, before));
    throw new CommandFailure(
      'Failed',
      `The files cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}). Nothing was changed.`,
    );
  } finally {
    await Promise.all(files.map(({ path }) => rm(aside(path), { force: true })));
  }
}
