import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import type { RowsOptions, Source, SourceRow } from 'temporal-http-tasks/internal/sources/source';

const folders: string[] = [];

/** A folder that is gone after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'http-tasks-sources-'));
  folders.push(folder);
  return folder;
}

/** To be called in `afterAll` by every file that uses this one. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Writes a file into a folder of its own. */
export function fileWith(content: string | Uint8Array, name = 'users.csv'): string {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, content);
  return file;
}

/** All rows of a source, without what is there for a later reading and for reject files. */
export async function rowsOf(
  source: Source,
  options?: RowsOptions,
): Promise<Pick<SourceRow, 'line' | 'user' | 'problem'>[]> {
  return (await allOf(source, options)).map(({ line, user, problem }) => (user ? { line, user } : { line, problem }));
}

/** All rows of a source. */
export async function allOf(source: Source, options?: RowsOptions): Promise<SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const row of source.rows(options)) rows.push(row);
  return rows;
}

/** The rows of a file with this content. */
export async function rowsIn(
  content: string | Uint8Array,
  name?: string,
): Promise<Pick<SourceRow, 'line' | 'user' | 'problem'>[]> {
  return rowsOf(await openLocalFile(fileWith(content, name)));
}

/** What a source rejects with. */
export async function failureOf(reading: Promise<unknown>): Promise<Error> {
  const failure: unknown = await reading.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof Error)) throw new Error('Nothing was refused.');
  return failure;
}
