import { canonical } from '@temporal-http-tasks/evidence/internal/verifier/encoding';
import { withSum } from './bundle-stage';

/** A source of numbers from 0 up to and without `below`. */
export type Draw = (below: number) => number;

/** Returns a source of numbers that is the same for the same seed (mulberry32). */
export function drawFrom(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Mutation = (lines: string[], draw: Draw, other: readonly string[]) => string;

/** Every way in which a bundle is changed, by name. Each returns the changed text. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'changes a value': (lines, draw) => changed(lines, draw, (line) => canonical(line)),
  'changes a value of the header and its sum': (lines, draw) =>
    joined([withSum(mutated(JSON.parse(lines[0] ?? '') as Json, draw), canonical), ...lines.slice(1)]),
  'changes a member of the head and the sum': (lines, draw) => {
    const header = JSON.parse(lines[0] ?? '') as Json & { head: Json };
    return joined([withSum({ ...header, head: mutated(header.head, draw) }, canonical), ...lines.slice(1)]);
  },
  'changes a character': (lines, draw) => {
    const text = joined(lines);
    const at = draw(text.length);
    const character = String.fromCharCode(32 + draw(95));
    return text.slice(0, at) + (character === text[at] ? '~' : character) + text.slice(at + 1);
  },
  'removes characters': (lines, draw) => {
    const text = joined(lines);
    const at = draw(text.length - 1);
    return text.slice(0, at) + text.slice(at + 1 + draw(5));
  },
  'cuts it off': (lines, draw) => joined(lines).slice(0, draw(joined(lines).length)),
  'removes lines': (lines, draw) => joined(lines.filter((_, index) => index === 0 || draw(4) > 0)),
  'removes the header': (lines) => joined(lines.slice(1)),
  'swaps two lines': (lines, draw) => {
    const swapped = [...lines];
    const at = draw(lines.length - 1);
    [swapped[at], swapped[at + 1]] = [lines[at + 1] ?? '', lines[at] ?? ''];
    return joined(swapped);
  },
  'repeats a line': (lines, draw) => {
    const at = draw(lines.length);
    return joined([...lines.slice(0, at + 1), lines[at] ?? '', ...lines.slice(at + 1)]);
  },
  'inserts a line of another bundle': (lines, draw, other) => {
    const at = draw(lines.length);
    return joined([...lines.slice(0, at), other[draw(other.length)] ?? '', ...lines.slice(at)]);
  },
  'takes the header of another bundle': (lines, _draw, other) => joined([other[0] ?? '', ...lines.slice(1)]),
  'takes the head of another bundle': (lines, _draw, other) => {
    const [own, theirs] = [lines[0], other[0]].map((line) => JSON.parse(line ?? '') as Json);
    return joined([withSum({ ...own, head: theirs?.['head'] }, canonical), ...lines.slice(1)]);
  },
  'makes the tree smaller': (lines, draw) => {
    const header = JSON.parse(lines[0] ?? '') as Json & { head: { receipts: number } };
    const head = { ...header.head, receipts: draw(header.head.receipts) };
    return joined([withSum({ ...header, head }, canonical), ...lines.slice(1)]);
  },
  'spells a number otherwise': (lines, draw) =>
    replaced(
      lines,
      draw,
      /[:,](\d+)(?=[,}\]])/g,
      (digits) => [`${digits}.0`, `${digits}e0`, `0${digits}`][draw(3)] ?? '',
    ),
  'spells a text otherwise': (lines, draw) =>
    replaced(
      lines,
      draw,
      /"([A-Za-z][A-Za-z0-9]*)"/g,
      (word) => `\\u00${word.charCodeAt(0).toString(16)}${word.slice(1)}`,
    ),
  'spells a date otherwise': (lines, draw) =>
    replaced(lines, draw, /(\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z)/g, (date) =>
      date.replace('.', '.000').replace('Z', '+00:00'),
    ),
  'spells a hash otherwise': (lines, draw) => replaced(lines, draw, /"([0-9a-f]{64})"/g, (hash) => hash.toUpperCase()),
  'adds a space': (lines, draw) => replaced(lines, draw, /([,:])"/g, (sign) => `${sign} `),
  'adds a member': (lines, draw) => {
    const at = draw(lines.length);
    return joined(lines.map((line, index) => (index === at ? `${line.slice(0, -1)},"more":1}` : line)));
  },
  'repeats a member': (lines, draw) => {
    const at = draw(lines.length);
    const first = /^\{("[a-z]+":(?:"[^"]*"|\d+),)/;
    return joined(lines.map((line, index) => (index === at ? line.replace(first, '{$1$1') : line)));
  },
  'reorders members': (lines, draw) => {
    const at = draw(lines.length);
    const turned = (line: string) => canonical(Object.fromEntries(Object.entries(JSON.parse(line) as Json).reverse()));
    return joined(lines.map((line, index) => (index === at ? turned(line) : line)));
  },
  'ends lines otherwise': (lines, draw) => {
    const at = draw(lines.length);
    return joined(lines.map((line, index) => (index === at ? `${line}\r` : line)));
  },
  'adds an empty line': (lines) => `${joined(lines)}\n`,
  'leaves out the last line break': (lines) => joined(lines).slice(0, -1),
  'begins with a byte order mark': (lines) => `\ufeff${joined(lines)}`,
};

type Json = Record<string, unknown>;

export function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function changed(lines: readonly string[], draw: Draw, write: (line: Json) => string): string {
  const at = draw(3) === 0 ? 0 : draw(lines.length);
  return joined(lines.map((line, index) => (index === at ? write(mutated(JSON.parse(line) as Json, draw)) : line)));
}

function replaced(lines: readonly string[], draw: Draw, pattern: RegExp, replace: (found: string) => string): string {
  const text = joined(lines);
  const found = [...text.matchAll(pattern)];
  const match = found[draw(found.length)];
  if (match === undefined) return `${text}x`;
  const [whole, part = ''] = match;
  return text.slice(0, match.index) + whole.replace(part, () => replace(part)) + text.slice(match.index + whole.length);
}

/** Returns the value with one scalar in it, at any depth, replaced by another. */
function mutated(value: Json, draw: Draw): Json {
  const places: ((copy: unknown) => void)[] = [];
  const copy = structuredClone(value);
  collect(copy, places, draw);
  places[draw(places.length)]?.(copy);
  return copy;
}

function collect(value: unknown, places: ((copy: unknown) => void)[], draw: Draw): void {
  if (typeof value !== 'object' || value === null) return;
  const record = value as Record<string, unknown>;
  for (const [name, member] of Object.entries(record)) {
    if (typeof member === 'object' && member !== null) {
      collect(member, places, draw);
      places.push(() => {
        if (Array.isArray(member) && member.length > 0) member.splice(draw(member.length), 1);
        else record[name] = null;
      });
    } else places.push(() => (record[name] = otherThan(member, draw)));
  }
}

function otherThan(value: unknown, draw: Draw): unknown {
  if (typeof value === 'number')
    return [value + 1, Math.max(0, value - 1) === value ? 7 : value - 1, 2 ** 53, null][draw(4)];
  if (typeof value === 'boolean') return !value;
  if (value === null) return ['', 0, false, 'x'][draw(4)];
  const text = typeof value === 'string' ? value : '';
  const at = draw(text.length);
  const flipped = text[at] === '0' ? '1' : '0';
  return [`${text.slice(0, at)}${flipped}${text.slice(at + 1)}`, text.slice(1), `${text} `, null][
    text === '' ? 2 : draw(4)
  ];
}
