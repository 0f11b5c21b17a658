/** A configured query, taken apart at its parameters. */
export interface QueryText {
  /** What stands between the parameters: one part more than there are parameters. */
  readonly parts: readonly string[];
}

/** The databases that a source can be in. */
export type QueryDialect = 'postgres' | 'libsql';

/** The one parameter of a configured query. */
export const SCHEDULED_TIME = ':scheduledTime';

/** Where a colon, a semicolon or a placeholder means nothing; and then, by name, where it means something. */
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
    dialect === 'postgres' ? /(?<foreign>\$\d+)/ : /(?<foreign>[$@#][A-Za-z_]\w*|\?\d*)/,
    /(?<end>;)/,
  ];
  return new RegExp(patterns.map(({ source }) => source).join('|'), 'g');
}

/** Comments and brackets may stand in front. */
const READS = /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:select|with|values|table)\b/i;
const ONLY_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*$/;

/**
 * Takes a query apart; answers what is wrong with it as text. The value of `:scheduledTime` is never put into the text
 * of the query: the database gets it beside the query. That the query changes nothing is for the database to enforce.
 */
export function parseQuery(text: string, dialect: QueryDialect): QueryText | string {
  if (!READS.test(text)) return 'must be one query that reads, so it begins with SELECT, WITH, VALUES or TABLE.';
  const parts: string[] = [];
  let from = 0;
  for (const { 0: { length }, index, groups = {} } of text.matchAll(tokens(dialect))) {
    const other = groups['foreign'] ?? (groups['named'] === SCHEDULED_TIME ? undefined : groups['named']);
    if (other !== undefined) return `holds the parameter ${other}; the only one there is is ${SCHEDULED_TIME}.`;
    if (groups['end'] !== undefined) {
      // Some drivers run what follows and others pass over it; neither is what a reader of the setting expects.
      if (!ONLY_COMMENTS.test(text.slice(index + 1))) return 'holds something behind a semicolon; it must be one single query.';
      return { parts: [...parts, text.slice(from, index)] };
    }
    if (groups['named'] === undefined) continue;
    parts.push(text.slice(from, index));
    from = index + length;
  }
  return { parts: [...parts, text.slice(from)] };
}
