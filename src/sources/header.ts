import { USER_COLUMNS } from '../policy/source-spec';
import type { ColumnNames, UserColumn } from '../policy/source-spec';
import { SourceError } from './source';
import type { UserCells } from './to-user';

/** Picks the known columns out of rows that are lists of cells. */
export class Header {
  readonly #columns: readonly (UserColumn | undefined)[];

  /**
   * @param names The head of the columns, in the order of the cells.
   * @param renames How the source calls the columns.
   * @param field Names the source in messages.
   * @throws SourceError when no column is known, one is there twice, one that was renamed is missing, or a name is
   * nearly right: to ignore that column would leave half of every user where it is.
   */
  constructor(names: readonly string[], renames: ColumnNames, field: string) {
    this.#columns = names.map((name) => columnNamed(name, renames));
    for (const name of names) refuseNearMiss(name, renames, field);
    for (const column of USER_COLUMNS) {
      const count = this.#columns.filter((known) => known === column).length;
      if (count > 1) throw new SourceError(field, `has the column ${renames[column] ?? column} twice.`);
      if (count === 0 && renames[column] !== undefined) {
        throw new SourceError(field, `has no column of the name that columns.${column} gives.`);
      }
    }
    // The names that are there instead are not told: a file without a head line begins with somebody's ids.
    if (!this.#columns.some((column) => column !== undefined)) throw noKnownColumn(renames, field);
  }

  get length(): number {
    return this.#columns.length;
  }

  cells(row: readonly unknown[]): UserCells {
    const cells: UserCells = {};
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
  if (columnNamed(name, renames) !== undefined) return;
  const meant = USER_COLUMNS.find((column) => renames[column] === undefined && bare(column) === bare(name));
  if (meant === undefined) return;
  throw new SourceError(field, `a column is nearly called ${meant}, but not quite, so it would be ignored. Write ${meant}, or give its name in columns.${meant}.`);
}

/** What is said about a source in which no column is known. */
export function noKnownColumn(renames: ColumnNames, field: string): SourceError {
  const names = USER_COLUMNS.map((column) => renames[column] ?? column).join(', ');
  return new SourceError(field, `holds no user: it needs at least one of the columns ${names}.`);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
