import type { SourceColumns } from '../policy/snapshot-report';
import { USER_COLUMNS } from '../policy/source-spec';
import { SourceError } from './source';

/** What a row has in the columns that are known, by the names that we give them. */
export type Cells<Column extends string> = Partial<Record<Column, unknown>>;

/** How a source calls the columns that are known; one that is left out keeps our name. */
export type Renames<Column extends string> = { readonly [Name in Column]?: string | undefined };

/** What is to be known of the columns of a source. */
export interface ColumnRules<Column extends string> {
  known: readonly Column[];
  renames: Renames<Column>;
  /** Columns that are left out on purpose, by the names that the source gives them. @default none */
  ignore?: readonly string[] | undefined;
  /** Whether columns that resemble an ID's are ignored without asking: a file of which no user is deleted. @default false */
  lenient?: boolean | undefined;
  /** Names the source in messages. */
  field: string;
}

/** Words in the names of columns that are likely IDs: the providers, what their IDs are of, and how their APIs call them. */
const TELLING = /plaid|batch|user|item|customid|accesstoken|^token$/;

/** The same for fields inside others, where `user` and `item` are too common. */
const TELLING_INSIDE = /plaid|batch|customid|accesstoken/;

/** How deep fields inside others are looked at, and how many of each. */
const MOST_LEVELS = 3;
const MOST_FIELDS = 200;

/** Ignored columns that are reported by name; rows of JSON that each have names of their own must not fill the memory. */
const MOST_NAMES = 50;

/** The names of a source's columns: which are used, and which are ignored. */
export class ColumnNames<Column extends string> {
  readonly #rules: ColumnRules<Column>;
  readonly #columns = new Map<string, Column | undefined>();
  #more = 0;
  #anyKnown = false;

  constructor(rules: ColumnRules<Column>) {
    this.#rules = rules;
  }

  /**
   * Takes note of a name; returns the column of ours that it stands for.
   *
   * @throws SourceError for a name that is ignored although it resembles one of an ID, because then a part of every user
   *   would be left out.
   */
  meet(name: string): Column | undefined {
    if (this.#columns.has(name)) return this.#columns.get(name);
    const { ignore = [] } = this.#rules;
    const column = ignore.includes(name) ? undefined : this.#named(name);
    if (column !== undefined) this.#anyKnown = true;
    else if (!ignore.includes(name)) this.#refuseNearMiss(name);
    // Looked at again once a column is known.
    if (!this.#anyKnown) return undefined;
    if (this.#columns.size < 20 * MOST_NAMES) this.#columns.set(name, column);
    else this.#more += 1;
    return column;
  }

  /** Whether a column of ours was met. */
  get anyKnown(): boolean {
    return this.#anyKnown;
  }

  /** The names so far. Those that are ignored are told only beside one that is known, since a file without a head line begins with IDs. */
  get report(): SourceColumns {
    const used: string[] = [];
    const ignored: string[] = [];
    for (const [name, column] of this.#columns) (column === undefined ? ignored : used).push(shown(name));
    if (used.length === 0) return { used, ignored: [] };
    const untold = ignored.length - MOST_NAMES + this.#more;
    return { used, ignored: untold > 0 ? [...ignored.slice(0, MOST_NAMES), `… and ${untold} more`] : ignored };
  }

  /**
   * Refuses a source that is read to its end and in which no row has an ID column of the name that `renames` gives.
   *
   * @throws SourceError
   */
  refuseUnmet(): void {
    const { known, renames, ignore = [], field } = this.#rules;
    const met = [...this.#columns.values()];
    const unmet = known.find(
      (column) =>
        TELLING.test(bare(column)) &&
        renames[column] !== undefined &&
        !ignore.includes(renames[column]) &&
        !met.includes(column),
    );
    if (!this.#anyKnown || unmet === undefined) return;
    throw new SourceError(
      field,
      `no row has the name that is given for ${unmet}. Correct the name, or leave the column out with --ignore-column (ignoreColumns in an input).`,
    );
  }

  /** What is said about a source in which no column is known. */
  noneKnown(hint = ''): SourceError {
    const { known, renames, field } = this.#rules;
    const names = known.map((column) => renames[column] ?? column).join(', ');
    return new SourceError(
      field,
      `has no column that is known: it needs at least one of the columns ${names}.${hint && ` ${hint}`}`,
    );
  }

  #named(name: string): Column | undefined {
    const { known, renames } = this.#rules;
    return known.find((column) => (renames[column] ?? column) === name);
  }

  #refuseNearMiss(name: string): void {
    const { known, renames, field, lenient = false } = this.#rules;
    const meant = known.find((column) => renames[column] === undefined && bare(column) === bare(name));
    if (meant !== undefined) {
      throw new SourceError(
        field,
        `a column is nearly called ${meant}, but not quite, so it would be ignored. Write ${meant}, or give its name in columns.${meant}.`,
      );
    }
    // Without a known column there is no telling whether it is a name or an ID.
    if (lenient || !this.#anyKnown || isOther(name, known) || !resemblesId(name)) return;
    throw new SourceError(
      field,
      `the column ${shown(name)} would be ignored although its name resembles that of an ID. ` +
        `Rename it to the column that it is (${known.join(', ')}), or ignore it with --ignore-column (ignoreColumns in an input).`,
    );
  }
}

/** Whether a name that is not used resembles that of an ID. */
export function resemblesId(name: string): boolean {
  return TELLING.test(bare(name));
}

/**
 * Returns the dotted paths of fields inside a value that nothing uses and whose names say that they are IDs.
 *
 * @param path Where the value is, for example `attributes`.
 * @param used The dotted paths that are used.
 */
export function idsInside(value: unknown, path: string, used: readonly string[], level = 1): string[] {
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    level > MOST_LEVELS ||
    path === '__proto__'
  )
    return [];
  return Object.entries(value)
    .slice(0, MOST_FIELDS)
    .flatMap(([name, inner]) => {
      const place = `${path}.${name}`;
      if (used.includes(place)) return [];
      const isTelling =
        TELLING_INSIDE.test(bare(name)) ||
        USER_COLUMNS.some((column) => bare(column) === bare(name) && TELLING.test(bare(column)));
      return isTelling && !used.some((one) => one.startsWith(`${place}.`))
        ? [place]
        : idsInside(inner, place, used, level + 1);
    });
}

/** Picks the known columns out of rows that are lists of cells. */
export class Header<Column extends string> {
  readonly names: readonly string[];
  readonly report: SourceColumns;
  readonly #columns: readonly (Column | undefined)[];

  /**
   * @param names The head of the columns, in the order of the cells.
   * @param hint What the source looks like, for the message when no column is known.
   * @throws SourceError when no column is known, one is there twice, one that was renamed is missing, or a name that is
   *   not used resembles an ID's.
   */
  constructor(names: readonly string[], rules: ColumnRules<Column>, hint = '') {
    const { known, renames, ignore = [], field } = rules;
    this.names = names;
    const columns = new ColumnNames(rules);
    // Known ones first, so that a name which is refused is told only beside a known one.
    for (const name of names) if (known.some((column) => (renames[column] ?? column) === name)) columns.meet(name);
    this.#columns = names.map((name) => columns.meet(name));
    for (const column of known) {
      const count = this.#columns.filter((there) => there === column).length;
      if (count > 1) throw new SourceError(field, `has the column ${renames[column] ?? column} twice.`);
      if (count === 0 && renames[column] !== undefined && !ignore.includes(renames[column])) {
        throw new SourceError(field, `has no column of the name that columns.${column} gives.`);
      }
    }
    if (!columns.anyKnown) throw columns.noneKnown(hint);
    this.report = columns.report;
  }

  get length(): number {
    return this.#columns.length;
  }

  /** The column of ours at an index. */
  columnAt(index: number): Column | undefined {
    return this.#columns[index];
  }

  cells(row: readonly unknown[]): Cells<Column> {
    const cells: Cells<Column> = {};
    for (const [index, column] of this.#columns.entries()) {
      if (column !== undefined) cells[column] = row[index];
    }
    return cells;
  }
}

/** Whether a file of another kind, say of holds, has a column of a file of users that means nothing in it. */
function isOther(name: string, known: readonly string[]): boolean {
  return USER_COLUMNS.some((column) => column === name) && !known.includes(name);
}

function bare(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}

/** Names of JSON fields may be anything. */
function shown(name: string): string {
  if (name === '') return '(no name)';
  // Where values became names, as in {"user@example.com": 1}.
  if (/@|\d{5}/.test(name)) return '(a name that may be a value)';
  const text = name.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
  return text.length > 64 ? `${text.slice(0, 63)}…` : text;
}
