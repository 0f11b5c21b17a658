import type { SourceColumns } from '../policy/snapshot-report';
import { USER_COLUMNS } from '../policy/source-spec';
import { NAMED_FIELDS } from '../policy/user-ids';
import { SourceError } from './source';

/** A row's values in the known columns, by this package's column names. */
export type Cells<Column extends string> = Partial<Record<Column, unknown>>;

/** The source's names of known columns. Columns without an entry have this package's name. */
export type Renames<Column extends string> = { readonly [Name in Column]?: string | undefined };

/** Rules for the columns of a source. */
export interface ColumnRules<Column extends string> {
  known: readonly Column[];
  renames: Renames<Column>;
  /** Columns to ignore, by the source's names. @default none */
  ignore?: readonly string[] | undefined;
  /**
   * Whether columns whose names resemble an ID's are ignored instead of refused; for files from which no user is
   * deleted.
   * @default false
   */
  lenient?: boolean | undefined;
  /** Whether the file has to be CSV, for advice. @default false */
  csvOnly?: boolean | undefined;
  /** Whether a name resembles that of an ID of one of the providers. @default none does */
  resembles?: ((name: string) => boolean) | undefined;
  /** Returns the provider of a name that is one for another process only, see `UserColumns`. @default none is */
  providerElsewhere?: ((name: string) => string | undefined) | undefined;
  /** The field that names the source in messages. */
  field: string;
}

/** The providers whose IDs have columns of their own, as a pattern. */
const PROVIDER_NAMES = [...new Set(NAMED_FIELDS.map(({ provider }) => provider))].join('|');

/**
 * Matches names of columns that are likely IDs: providers, the objects that IDs identify, and names used in their APIs.
 */
const ID_NAME = new RegExp(`${PROVIDER_NAMES}|user|item|customid|accesstoken|^token$`);

/** The same for nested fields, where `user` and `item` are too common. */
const NESTED_ID_NAME = new RegExp(`${PROVIDER_NAMES}|customid|accesstoken`);

/** Maximum depth of nested fields to check, and maximum number of fields per object. */
const MAX_LEVELS = 3;
const MAX_FIELDS = 200;

/**
 * Maximum number of ignored columns reported by name. JSON rows that all have different names must not exhaust the
 * memory.
 */
const MAX_NAMES = 50;

/** Tracks which of a source's columns are used and which are ignored. */
export class ColumnNames<Column extends string> {
  readonly #rules: ColumnRules<Column>;
  readonly #columns = new Map<string, Column | undefined>();
  #more = 0;
  #anyKnown = false;

  constructor(rules: ColumnRules<Column>) {
    this.#rules = rules;
  }

  /**
   * Records a name and returns the known column that it refers to.
   *
   * @throws SourceError for an unused name that resembles an ID's, because ignoring it would omit a part of every user.
   */
  meet(name: string): Column | undefined {
    if (this.#columns.has(name)) return this.#columns.get(name);
    const { ignore = [] } = this.#rules;
    // With a column, whatever is inside it is ignored.
    const isIgnored = ignore.some((one) => name === one || name.startsWith(`${one}.`));
    const column = isIgnored ? undefined : this.#named(name);
    if (column !== undefined) this.#anyKnown = true;
    else if (!isIgnored) this.#refuseNearMiss(name);
    // Not recorded yet: checked again once a column is known.
    if (!this.#anyKnown) return undefined;
    if (this.#columns.size < 20 * MAX_NAMES) this.#columns.set(name, column);
    else this.#more += 1;
    return column;
  }

  /** Whether a known column was found. */
  get anyKnown(): boolean {
    return this.#anyKnown;
  }

  /**
   * The names so far. Ignored ones are reported only together with a known one, because the first line of a file
   * without a header contains IDs.
   */
  get report(): SourceColumns {
    const used: string[] = [];
    const ignored: string[] = [];
    for (const [name, column] of this.#columns) (column === undefined ? ignored : used).push(shown(name));
    if (used.length === 0) return { used, ignored: [] };
    const unreported = ignored.length - MAX_NAMES + this.#more;
    return { used, ignored: unreported > 0 ? [...ignored.slice(0, MAX_NAMES), `… and ${unreported} more`] : ignored };
  }

  /**
   * Throws if, at the end of a source, no row had an ID column that `renames` names.
   *
   * @throws SourceError
   */
  refuseUnmet(): void {
    const { known, renames, ignore = [], field } = this.#rules;
    const met = [...this.#columns.values()];
    const unmet = known.find(
      (column) =>
        (ID_NAME.test(bare(column)) || this.#rules.resembles?.(column)) &&
        renames[column] !== undefined &&
        !ignore.includes(renames[column]) &&
        !met.includes(column),
    );
    if (!this.#anyKnown || unmet === undefined) return;
    throw new SourceError(
      field,
      `no row has the column name given for ${unmet}. Correct the name, or leave the column out with --ignore-column (ignoreColumns in an input).`,
    );
  }

  /** Returns the error for a source without a known column. */
  noneKnown(hint = ''): SourceError {
    const { known, renames, field } = this.#rules;
    const names = known.map((column) => renames[column] ?? column).join(', ');
    return new SourceError(
      field,
      `has no known column: it needs at least one of the columns ${names}.${hint && ` ${hint}`}`,
    );
  }

  #named(name: string): Column | undefined {
    const { known, renames } = this.#rules;
    return known.find((column) => (renames[column] ?? column) === name);
  }

  #refuseNearMiss(name: string): void {
    const { known, renames, field, lenient = false, resembles, providerElsewhere } = this.#rules;
    const meant = known.find((column) => renames[column] === undefined && bare(column) === bare(name));
    if (meant !== undefined) {
      throw new SourceError(
        field,
        `a column is nearly called ${meant} and would be ignored. Rename it to ${meant}, or give its name in columns.${meant}.`,
      );
    }
    // Without a known column the text may be an ID rather than a name.
    if (lenient || !this.#anyKnown || isOther(name, known)) return;
    const provider = providerElsewhere?.(name);
    if (provider !== undefined)
      throw new SourceError(
        field,
        `the column ${shown(name)} would be ignored: another worker of this ledger has the service ${provider}, and this process does not. ` +
          `List its provider file in HTTP_TASKS_PROVIDERS here too, or ignore the column with --ignore-column (ignoreColumns in an input).`,
      );
    if (!resemblesId(name) && !resembles?.(name)) return;
    throw new SourceError(
      field,
      `the column ${shown(name)} would be ignored although its name resembles that of an ID. ` +
        `Rename it to the right column (${known.join(', ')}), or ignore it with --ignore-column (ignoreColumns in an input).`,
    );
  }
}

/** Returns whether an unused name resembles that of an ID. */
export function resemblesId(name: string): boolean {
  return ID_NAME.test(bare(name));
}

/**
 * Returns the dotted paths of unused fields inside a value whose names indicate IDs. Entries of a list have the path of
 * the list.
 *
 * @param path The path of the value, for example `attributes`.
 * @param used The dotted paths that are used.
 */
export function idsInside(
  value: unknown,
  path: string,
  used: readonly string[],
  resembles: (name: string) => boolean = () => false,
  level = 1,
): string[] {
  if (typeof value !== 'object' || value === null || level > MAX_LEVELS || path === '__proto__') return [];
  if (Array.isArray(value)) {
    const found = value.slice(0, MAX_FIELDS).flatMap((entry) => idsInside(entry, path, used, resembles, level + 1));
    return [...new Set(found)];
  }
  return Object.entries(value)
    .slice(0, MAX_FIELDS)
    .flatMap(([name, inner]) => {
      const place = `${path}.${name}`;
      if (used.includes(place)) return [];
      const isId =
        NESTED_ID_NAME.test(bare(name)) ||
        resembles(name) ||
        USER_COLUMNS.some((column) => bare(column) === bare(name) && ID_NAME.test(bare(column)));
      return isId && !used.some((one) => one.startsWith(`${place}.`))
        ? [place]
        : idsInside(inner, place, used, resembles, level + 1);
    });
}

/** Extracts the known columns from rows that are lists of cells. */
export class Header<Column extends string> {
  readonly names: readonly string[];
  /** The name of the first column, for comparison. */
  readonly firstName: string | undefined;
  readonly #met: ColumnNames<Column>;
  readonly #resembles: ColumnRules<Column>['resembles'];
  readonly #columns: readonly (Column | undefined)[];

  /**
   * @param names The column names, in the order of the cells.
   * @param hint What the source looks like, for the error message if no column is known.
   * @throws SourceError when no column is known, a column is duplicated, a renamed column is missing, or an unused name
   * resembles an ID's.
   */
  constructor(names: readonly string[], rules: ColumnRules<Column>, hint = '') {
    const { known, renames, ignore = [], field } = rules;
    this.names = names;
    this.firstName = names[0]?.trim().toLowerCase();
    const columns = new ColumnNames(rules);
    this.#met = columns;
    this.#resembles = rules.resembles;
    // Known ones first, because an unused name is checked only once a column is known.
    for (const name of names) if (known.some((column) => (renames[column] ?? column) === name)) columns.meet(name);
    this.#columns = names.map((name) => columns.meet(name));
    for (const column of known) {
      const count = this.#columns.filter((there) => there === column).length;
      if (count > 1) throw new SourceError(field, `has the column ${renames[column] ?? column} twice.`);
      if (count === 0 && renames[column] !== undefined && !ignore.includes(renames[column])) {
        throw new SourceError(field, `has no column with the name given in columns.${column}.`);
      }
    }
    if (!columns.anyKnown) throw columns.noneKnown(hint);
  }

  get report(): SourceColumns {
    return this.#met.report;
  }

  get length(): number {
    return this.#columns.length;
  }

  /** Returns the known column at an index. */
  columnAt(index: number): Column | undefined {
    return this.#columns[index];
  }

  /**
   * Checks the JSON value of an unused column.
   *
   * @throws SourceError when the name of a field in it resembles an ID's.
   */
  refuseIdsInside(index: number, value: unknown): void {
    for (const inside of idsInside(value, this.names[index] ?? '', [], this.#resembles)) this.#met.meet(inside);
  }

  cells(row: readonly unknown[]): Cells<Column> {
    const cells: Cells<Column> = {};
    for (let index = 0; index < this.#columns.length; index++) {
      const column = this.#columns[index];
      if (column !== undefined) cells[column] = row[index];
    }
    return cells;
  }
}

/**
 * Returns what recognizes the first line of another file by its cells: names of columns in another order, or of other
 * columns. The rows below it would be read in the order of the first line, so that IDs would go to the wrong provider.
 */
export function otherHead(
  columns: { readonly names: readonly string[]; kindOf: (column: string) => string },
  renames: Renames<string>,
): (cells: Cells<string>) => boolean {
  const nameOf = (column: string): string => (renames[column] ?? column).toLowerCase();
  const namesOf = (some: readonly string[]): Set<string> => new Set(some.flatMap((column) => [column, nameOf(column)]));
  const isId = (column: string): boolean => /^ids?$/.test(columns.kindOf(column));
  const [all, ids] = [namesOf(columns.names), namesOf(columns.names.filter(isId))];
  return (cells) => {
    const named = Object.entries(cells).flatMap(([column, cell]) => {
      const text = typeof cell === 'string' ? cell.trim().toLowerCase() : '';
      return all.has(text) ? [{ column, text }] : [];
    });
    const isOtherId = named.some(({ column, text }) => isId(column) && ids.has(text) && text !== nameOf(column));
    return isOtherId || named.length > 1;
  };
}

/** Returns whether a name is a user column that is not used in this kind of file, for example a file of holds. */
function isOther(name: string, known: readonly string[]): boolean {
  return USER_COLUMNS.some((column) => column === name) && !known.includes(name);
}

function bare(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}

/** Returns a name in a safe form for messages, because names of JSON fields may be anything. */
function shown(name: string): string {
  if (name === '') return '(no name)';
  // A value used as a name, as in {"user@example.com": 1}.
  if (/@|\d{5}/.test(name)) return '(a name that may be a value)';
  const text = name.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
  return text.length > 64 ? `${text.slice(0, 63)}…` : text;
}
