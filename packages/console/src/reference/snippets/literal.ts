const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const INDENT = '  ';
/** Maximum length of a list or an object on one line, in characters. */
const MOST_CHARACTERS = 44;

/** Formats a JSON value as readable TypeScript; `indent` is that of the line it is in. */
export function literal(value: unknown, indent = ''): string {
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const inner = indent + INDENT;
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const entries = Array.isArray(value)
    ? value.map((entry) => literal(entry, inner))
    : Object.entries(value).map(([key, entry]) => `${propertyName(key)}: ${literal(entry, inner)}`);
  if (entries.length === 0) return open + close;
  const line = Array.isArray(value) ? `[${entries.join(', ')}]` : `{ ${entries.join(', ')} }`;
  if (line.length <= MOST_CHARACTERS && !line.includes('\n')) return line;
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join('')}${indent}${close}`;
}

/** In brackets, `__proto__` is an ordinary field. */
function propertyName(key: string): string {
  if (key === '__proto__') return "['__proto__']";
  return IDENTIFIER.test(key) ? key : text(key);
}

function text(value: string): string {
  const json = JSON.stringify(value).slice(1, -1);
  return `'${json.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
