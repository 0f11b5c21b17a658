import { JsonNumber } from './exact-json';
import type { Cells, Header } from './header';
import { SourceError } from './source';
import { UserColumns } from './user-columns';
import type { ColumnKind } from './user-columns';
import type { SqlType } from './sql-rows';

/** What each kind of column accepts. Other types also have a text form, but not that of an ID. */
const WANTED: Readonly<Record<ColumnKind, string>> = {
  id: 'a text, a uuid or a whole number',
  ids: 'a text, a list of texts, uuids or whole numbers, or a JSON list of texts',
  label: 'a text, a uuid, a number or a time',
  moment: 'a text or a timestamp with time zone',
};

/** Converts cells by the types of a query's columns. */
export class ColumnTypes {
  readonly #types: ReadonlyMap<string, SqlType>;
  readonly #columns: UserColumns;

  /**
   * @param types Absent for a database that reports the type of each value instead.
   * @throws SourceError naming the column and its type, when its values cannot be IDs.
   */
  constructor(header: Header<string>, types: readonly SqlType[] = [], columns = UserColumns.BASIC) {
    this.#columns = columns;
    const found = types.flatMap((type, index) => {
      const column = header.columnAt(index);
      return column === undefined ? [] : [[column, type] as const];
    });
    for (const [column, type] of found) {
      if (takes(columns.kindOf(column), type)) continue;
      throw new SourceError(
        'query',
        `the column ${column} has the type ${type.name}, which is not supported; it must be ${WANTED[columns.kindOf(column)]}.`,
      );
    }
    this.#types = new Map(found);
  }

  /** Converts the cells of one row in place and returns them. `toUser` checks that a numeric is whole. */
  read(cells: Cells<string>): Cells<string> {
    for (const [column, { kind, isList }] of this.#types) {
      const cell = cells[column];
      if (kind === 'padded')
        cells[column] = isList && Array.isArray(cell) ? cell.map(withoutPadding) : withoutPadding(cell);
      else if (kind === 'numeric' && this.#columns.kindOf(column) === 'id' && typeof cell === 'string')
        cells[column] = new JsonNumber(cell);
      else if (kind === 'json' && typeof cell === 'string') cells[column] = JSON.parse(cell);
    }
    return cells;
  }
}

function takes(wanted: ColumnKind, { kind, isList }: SqlType): boolean {
  if (wanted === 'ids')
    return kind === 'text' || kind === 'padded' || kind === 'integer' || (kind === 'json' && !isList);
  if (isList || kind === 'json' || kind === 'other') return false;
  if (wanted === 'moment') return kind === 'text' || kind === 'moment';
  return wanted === 'label' || (kind !== 'time' && kind !== 'moment');
}

/** Removes the blanks with which a char(n) is padded. */
function withoutPadding(cell: unknown): unknown {
  if (typeof cell !== 'string') return cell;
  let end = cell.length;
  while (cell[end - 1] === ' ') end -= 1;
  return cell.slice(0, end);
}
