/**
 * Returns the position of the first key that its object has had before; undefined if there is none. JSON.parse keeps the
 * last of several equal keys, so that what the others say would be missing without a word.
 *
 * @param text Valid JSON.
 */
export function repeatedKeyAt(text: string): number | undefined {
  /** The keys of each open object; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (keys && isBeforeColon(text, end)) {
          const written = text.slice(at + 1, end - 1);
          const key = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written;
          if (keys.has(key)) return at;
          keys.add(key);
        }
        at = end - 1;
        break;
      }
      default:
    }
  }
  return undefined;
}

/** Returns the position behind the closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    at = text.indexOf('"', at);
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}

function isBeforeColon(text: string, end: number): boolean {
  let at = end;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at] === ':';
}
