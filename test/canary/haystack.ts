import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * The forms in which a secret could lie somewhere: as it is, percent-encoded, escaped for JSON once or twice, and in
 * base64 wherever it begins. Written apart from the product's own list, which must not judge itself.
 */
export function formsOf(needle: string): string[] {
  const escaped = JSON.stringify(needle).slice(1, -1);
  const percent = encodeURIComponent(needle);
  const everyByte = [...Buffer.from(needle)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  return [
    ...new Set([
      needle,
      percent,
      percent.toLowerCase(),
      percent.replaceAll('%20', '+'),
      everyByte,
      escaped,
      JSON.stringify(escaped).slice(1, -1),
      ...base64Of(needle),
    ]),
  ];
}

function base64Of(needle: string): string[] {
  const bytes = Buffer.from(needle);
  return [0, 1, 2].flatMap((offset) => {
    // Cut to whole groups of three bytes: what stands before and after does not change those.
    const inner = bytes.subarray((3 - offset) % 3);
    const whole = inner.subarray(0, inner.length - (inner.length % 3));
    return [whole.toString('base64'), whole.toString('base64url')];
  });
}

/** Named texts to search. */
export type Haystack = Record<string, string>;

/** Where which needle was found, in any form: `history: plaidSecret`. Names only, so that a failing test leaks nothing. */
export function findAll(haystack: Haystack, needles: Readonly<Record<string, string>>): string[] {
  return Object.entries(needles).flatMap(([name, needle]) => {
    const forms = formsOf(needle);
    return Object.entries(haystack)
      .filter(([, text]) => forms.some((form) => text.includes(form)))
      .map(([place]) => `${place}: ${name}`);
  });
}

/** Every text inside a value: keys, strings, and bytes read as UTF-8 (payloads of Temporal are bytes of JSON). */
export function textIn(value: unknown): string {
  const found: string[] = [];
  const walk = (part: unknown): void => {
    if (typeof part === 'string') found.push(part);
    else if (part instanceof Uint8Array)
      found.push(Buffer.from(part).toString('utf8'), Buffer.from(part).toString('base64'));
    else if (Array.isArray(part)) part.forEach(walk);
    else if (typeof part === 'object' && part !== null) {
      for (const [key, inner] of Object.entries(part)) {
        found.push(key);
        walk(inner);
      }
    }
  };
  walk(value);
  return found.join('\n');
}

/** All bytes of a database: the file, its write-ahead log and its index. */
export async function bytesOfDatabase(file: string): Promise<string> {
  const folder = path.dirname(file);
  const names = (await readdir(folder)).filter((name) => name.startsWith(path.basename(file)));
  const contents = await Promise.all(names.map((name) => readFile(path.join(folder, name))));
  return contents.map((content) => content.toString('utf8')).join('\n');
}
