/** A configured query, split at its parameters. */
export interface QueryText {
  /** The text around the parameters; one more part than parameters. */
  readonly parts: readonly string[];
  /** The parameters in the order of the text. */
  readonly parameters: readonly QueryParameter[];
}

/** The databases that sources can use. */
export type QueryDialect = 'postgres' | 'libsql';

/**
 * The parameters of a configured query: the nominal time of a Schedule's run, and the nominal time of the last run before
 * it that finished all of its users.
 */
export const QUERY_PARAMETERS = ['scheduledTime', 'previousScheduledTime'] as const;

/** One of {@link QUERY_PARAMETERS}; written with a leading colon in the query. */
export type QueryParameter = (typeof QUERY_PARAMETERS)[number];

/** Placeholders of the database itself, which are not parameters of a query. */
const FOREIGN: Readonly<Record<QueryDialect, RegExp>> = {
  postgres: /(?<foreign>\$\d+)/,
  libsql: /(?<foreign>[$@#][A-Za-z_]\w*|\?\d*)/,
};

/**
 * Matches first what makes a colon, semicolon or placeholder meaningless (comments, strings, casts), then these by
 * name.
 */
function tokens(dialect: QueryDialect): RegExp {
  const patterns = [
    /--[^\n]*/, // a comment to the end of the line
    /\/\*(?:[^*]|\*(?!\/))*\*\//, // a comment
    /\b[eE]'(?:[^'\\]|\\[^]|'')*'/, // Postgres: a text with escapes
    /'(?:[^']|'')*'/,
    /"(?:[^"]|"")*"/,
    /\$(?<tag>[A-Za-z_]\w*)?\$[^]*?\$\k<tag>\$/, // Postgres: a text in dollars
    /::/, // Postgres: a cast
    /(?<named>:[A-Za-z_]\w*)/,
    FOREIGN[dialect],
    /(?<end>;)/,
  ];
  return new RegExp(patterns.map(({ source }) => source).join('|'), 'g');
}

/** A query that starts with a reading keyword, possibly after comments and parentheses. */
const READS = /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:select|with|values|table)\b/i;
const ONLY_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*$/;

/**
 * Parses a query; returns what is wrong with it as a string. Parameter values are never inserted into the text; the
 * database receives them separately. The database has to enforce that the query changes nothing.
 */
export function parseQuery(text: string, dialect: QueryDialect): QueryText | string {
  if (!READS.test(text)) return 'must be one query that only reads, beginning with SELECT, WITH, VALUES or TABLE.';
  const parts: string[] = [];
  const parameters: QueryParameter[] = [];
  let from = 0;
  for (const {
    0: { length },
    index,
    groups = {},
  } of text.matchAll(tokens(dialect))) {
    const parameter = QUERY_PARAMETERS.find((name) => groups['named'] === `:${name}`);
    const other = groups['foreign'] ?? (parameter === undefined ? groups['named'] : undefined);
    if (other !== undefined)
      return `has the unknown parameter ${other}; allowed are ${QUERY_PARAMETERS.map((name) => `:${name}`).join(' and ')}.`;
    if (groups['end'] !== undefined) {
      // Some drivers run a second statement and others ignore it; neither is what a reader of the setting expects.
      if (!ONLY_COMMENTS.test(text.slice(index + 1)))
        return 'contains text after a semicolon; it must be a single query.';
      return { parts: [...parts, text.slice(from, index)], parameters };
    }
    if (parameter === undefined) continue;
    parts.push(text.slice(from, index));
    parameters.push(parameter);
    from = index + length;
  }
  return { parts: [...parts, text.slice(from)], parameters };
}
