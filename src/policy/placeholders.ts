/**
 * Texts that programs write in place of a missing value, normalized by {@link bare}. They come from databases,
 * languages and spreadsheets, and from product analytics tools, which refuse them as user IDs because applications
 * really send them.
 */
const PLACEHOLDERS = new Set([
  ...[
    '',
    'null',
    'nil',
    'none',
    'nothing',
    'undefined',
    'undef',
    'void',
    'dbnull',
    'nan',
    'n/a',
    'n.a.',
    'na',
    'n/d',
    'nd',
    '\\n',
  ],
  ...['-', '--', '---', '–', '—', '.', '..', '...', '?', '??', '???', '_', '*', '0', '-0', '-1'],
  ...[
    'unknown',
    'empty',
    'blank',
    'missing',
    'unset',
    'not set',
    'not available',
    'not applicable',
    'default',
    'tbd',
    'todo',
  ],
  ...['true', 'false', 'infinity', '-infinity', '+infinity', 'inf', '-inf', '+inf'],
  ...['ref!', 'value!', 'name?', 'div/0!', 'num!', 'null!', 'n/a!', 'getting_data', 'spill!', 'calc!', 'error!'],
  ...[
    'anonymous',
    'anon',
    'guest',
    'not_authenticated',
    'distinct_id',
    'distinctid',
    'id',
    'email',
    'user_id',
    'userid',
    'uid',
    'uuid',
  ],
  ...[
    'nv',
    'nat',
    '-nan',
    '+nan',
    'not provided',
    'not_set',
    'not-set',
    'no_value',
    'no value',
    'redacted',
    '***',
    '\\0',
    '$null$',
    '&nbsp;',
  ],
  '00000000-0000-0000-0000-000000000000',
]);

const WRAPPED = [
  /^\((.*)\)$/su,
  /^<(.*)>$/su,
  /^\[(.*)\]$/su,
  /^\{(.*)\}$/su,
  /^"(.*)"$/su,
  /^'(.*)'$/su,
  /^`(.*)`$/su,
];

// Built from a text, since workflow bundles expand a class of characters in a literal to 8 KB of ranges.
const LETTER = '\\p{L}';
const EMPTY = 'null|undefined|none|nan|nil|n/a';

const PATTERNS = [
  // The text of an object or the name of a variable, written instead of its value, also behind a prefix.
  /\[object \w+\]/u,
  /^[^1-9]*[_:|-]undefined$|^undefined[_:|-][^1-9]*$|^[a-z]{2,8}[_:]null$/u,
  /^(?:\{\{.*\}\}|\$\{.*\}|<%.*%>|%[a-z_]+%)$/su,
  // How spreadsheets and databases shorten long numbers, and how they write whole ones as decimals: 1.23E+11, 1001.0.
  /^[+-]?\d+(?:[.,]\d+)?e[+-]\d+$/u,
  // Java and others omit the sign: 1.2345678E7. Without a fraction it may be a hexadecimal ID.
  /^[+-]?\d+[.,]\d+e\d+$/u,
  // A decimal number of so many digits that it lost some, or that it cannot be an ID.
  /^[+-]?(?=[\d.]{17,}$)\d+\.\d+$/u,
  /^[+-]?1\.#\w+$/u,
  // The errors of spreadsheets in any language: #WERT!, #BEZUG!, #NOM?.
  new RegExp(`^#[${LETTER}\\d/_. ]+[!?]$`, 'u'),
  new RegExp(`^(?:${EMPTY})(?:[^${LETTER}\\d]*(?:${EMPTY}))*[^${LETTER}\\d]*$`, 'u'),
  /^(?:0{8,}|0{8}-?0{4}-?0{4}-?0{4}-?0{12}|f{8}-?f{4}-?f{4}-?f{4}-?f{12})$/u,
  // How objects, buffers, functions and byte strings are written by mistake.
  /^(?:object object|system\.\w+|[\w$]+(?:\.[\w$]+)+@[0-9a-f]{4,8}|<buffer\b.*>|function\b[^{]*\{.*\}|b'.*')$/su,
  /^[+-]?\d+\.0+$/u,
  // Lines and footers of exports: -----, =====, (2 rows affected).
  /^[!-/:-@[-`{-~\s]{2,}$/u,
  new RegExp(`^\\(\\d+ [${LETTER} ]+\\)$`, 'u'),
];

/**
 * Returns whether a text is one that a program writes when a value is missing or lost: `null`, `#N/A`, `[object
 * Object]`, `1.23E+11`. Case and white space around it do not matter.
 */
export function isPlaceholder(text: string): boolean {
  const name = placeholderName(text);
  return PLACEHOLDERS.has(bare(name)) || PATTERNS.some((pattern) => pattern.test(name));
}

/** Returns the form in which all spellings of one placeholder are equal. */
export function placeholderName(text: string): string {
  return text.trim().toLowerCase();
}

/** Removes the brackets, quotes and number signs around a name: `(null)`, `<nil>`, `#N/A`. */
function bare(name: string): string {
  let inner = name;
  for (let unwrapped = true; unwrapped;) {
    const wrapped: string | undefined = WRAPPED.map((form) => form.exec(inner)?.[1]).find(
      (found) => found !== undefined,
    );
    unwrapped = wrapped !== undefined || inner.startsWith('#');
    inner = (wrapped ?? inner.replace(/^#/, '')).trim();
  }
  return inner;
}
