import { USER_COLUMNS } from '../policy/source-spec';
import type { ColumnNames, UserColumn } from '../policy/source-spec';
import { SourceError } from './source';

/** What a row has in the columns that are known, by the names that we give them. */
export type Cells<Column extends string> = Partial<Record<Column, unknown>>;

/** How a source calls the columns that are known; one that is left out keeps our name. */
export type Renames<Column extends string> = { readonly [Name in Column]?: string | undefined };

/** Picks the known columns out of rows that are lists of cells. */
export class Header<Column extends string = UserColumn> {
  readonly #columns: readonly (Column | undefined)[];

  /**
   * @param names The head of the columns, in the order of the cells.
   * @param renames How the source calls the columns.
   * @param field Names the source in messages.
   * @param known The columns that are known.
   * @throws SourceError when no column is known, one is there twice, one that was renamed is missing, or a name is
   * nearly right: to ignore that column would leave half of every user where it is.
   */
  constructor(names: readonly string[], renames: Renames<Column>, field: string, known: readonly Column[]) {
    this.#columns = names.map((name) => known.find((column) => (renames[column] ?? column) === name));
    for (const name of names) refuseNearMissAmong(known, name, renames, field);
    for (const column of known) {
      const count = this.#columns.filter((there) => there === column).length;
      if (count > 1) throw new SourceError(field, `has the column ${renames[column] ?? column} twice.`);
      if (count === 0 && renames[column] !== undefined) {
        throw new SourceError(field, `has no column of the name that columns.${column} gives.`);
      }
    }
    // The names that are there instead are not told: a file without a head line begins with somebody's ids.
    if (!this.#columns.some((column) => column !== undefined)) throw noneOf(known, renames, field);
  }

  get length(): number {
    return this.#columns.length;
  }

  cells(row: readonly unknown[]): Cells<Column> {
    const cells: Cells<Column> = {};
    for (const [index, column] of this.#columns.entries()) {
      if (column !== undefined) cells[column] = row[index];
    }
    return cells;
  }
}

/** The column of ours that a source's name stands for. */
export function columnNamed(name: string, renames: ColumnNames): UserColumn | undefined {
  return USER_COLUMNS.find((column) => (renames[column] ?? column) === name);
}

/** @throws SourceError for a name that differs from a known one only in case, spaces or punctuation. */
export function refuseNearMiss(name: string, renames: ColumnNames, field: string): void {
  refuseNearMissAmong(USER_COLUMNS, name, renames, field);
}

function refuseNearMissAmong<Column extends string>(known: readonly Column[], name: string, renames: Renames<Column>, field: string): void {
  if (known.some((column) => (renames[column] ?? column) === name)) return;
  const meant = known.find((column) => renames[column] === undefined && bare(column) === bare(name));
  if (meant === undefined) return;
  throw new SourceError(field, `a column is nearly called ${meant}, but not quite, so it would be ignored. Write ${meant}, or give its name in columns.${meant}.`);
}

/** What is said about a source in which no column is known. */
export function noKnownColumn(renames: ColumnNames, field: string): SourceError {
  return noneOf(USER_COLUMNS, renames, field);
}

function noneOf<Column extends string>(known: readonly Column[], renames: Renames<Column>, field: string): SourceError {
  const names = known.map((column) => renames[column] ?? column).join(', ');
  return new SourceError(field, `holds no user: it needs at least one of the columns ${names}.`);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
