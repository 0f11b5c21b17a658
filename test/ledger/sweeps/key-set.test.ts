import { createHash } from 'node:crypto';
import {
  KeySet,
  KEY_WORDS,
  pageOf,
  PARTS,
  partsOf,
  RunFilter,
  runOf,
  textOf,
  wordsOf,
} from 'temporal-http-tasks/internal/ledger/sweeps/key-set';

const CHARACTERS = 16;

function keyNumber(number: number): string {
  return createHash('sha256').update(String(number)).digest('base64url').slice(0, CHARACTERS);
}

function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => keyNumber(from + index));
}

function splitIn(text: string): string[] {
  return text.match(/.{16}/g) ?? [];
}

describe('a set of duplicate keys', () => {
  it('has exactly the keys that were added, in their order, as a Set does', () => {
    const [set, model] = [new KeySet(), new Set<string>()];
    const given = keys(0, 20_000).flatMap((key, index) => (index % 3 === 0 ? [key, keyNumber(index * 2)] : [key]));
    const wrong = given.filter((key) => {
      const isNew = !model.has(key);
      model.add(key);
      return set.add(key) !== isNew;
    });
    expect(wrong).toEqual([]);
    expect(set.size).toBe(model.size);
    expect(splitIn(textOf(set.words(0, set.size)))).toEqual([...model]);
    expect(keys(0, 60_000).filter((key) => set.has(key) !== model.has(key))).toEqual([]);
  });

  it('forgets the keys that were added first, and keeps the others', () => {
    const set = new KeySet();
    for (const key of keys(0, 10_000)) set.add(key);
    set.removeFirst(9_900);
    expect(splitIn(textOf(set.words(0, set.size)))).toEqual(keys(9_900, 10_000));
    expect(keys(0, 10_000).filter((key) => set.has(key))).toEqual(keys(9_900, 10_000));
    expect(set.add(keyNumber(0))).toBe(true);
  });

  it('distinguishes keys that differ in any character, and takes those with nothing but the first or last one', () => {
    const base = keyNumber(1);
    const set = new KeySet();
    expect(set.add(base)).toBe(true);
    for (let at = 0; at < CHARACTERS; at++) {
      const other = base.charAt(at) === 'A' ? '_' : 'A';
      expect(set.has(base.slice(0, at) + other + base.slice(at + 1))).toBe(false);
    }
    for (const key of ['A'.repeat(CHARACTERS), '_'.repeat(CHARACTERS), `A${'-'.repeat(CHARACTERS - 1)}`]) {
      expect([set.has(key), set.add(key), set.has(key), set.add(key)]).toEqual([false, true, true, false]);
      expect(textOf(wordsOf(key))).toBe(key);
    }
    expect(set.has(`${base}and more`)).toBe(true);
  });

  it.each([
    '',
    'too-short',
    `.${'A'.repeat(15)}`,
    `${'A'.repeat(15)}.`,
    `AAAAAAAA\u00e9AAAAAAA`,
    `AAAA\u4100AAAAAAAAAAA`,
  ])('refuses %j', (key) => {
    expect(() => new KeySet().has(key)).toThrow('A duplicate key is base64url.');
  });

  it('refuses a text that is not of keys', () => {
    for (const text of [`..${'A'.repeat(14)}`, `${'A'.repeat(16)}.,${'B'.repeat(14)}`])
      expect(() => wordsOf(text)).toThrow('A duplicate key is base64url.');
  });
});

describe('a run of keys', () => {
  it('is divided into parts, each with the keys that begin alike', () => {
    const words = wordsOf(keys(0, 30_000).join(''));
    const parts = partsOf(words);
    expect(parts).toHaveLength(PARTS);
    expect(parts.flatMap(splitIn).sort()).toEqual(keys(0, 30_000).sort());
    const begins = parts.map((text) => splitIn(text).map((key) => (wordsOf(key)[0] ?? 0) >>> 19));
    expect(begins.filter((some, part) => some.some((begin) => begin !== part))).toEqual([]);
  });

  it('is named by the filter for each of its keys, and for few others', () => {
    const filter = new RunFilter();
    const [runs, size] = [20, 5_000];
    for (let run = 0; run < runs; run++) filter.add(run, wordsOf(keys(run * size, (run + 1) * size).join('')));
    const some = wordsOf(keys(0, runs * size).join(''));
    const missed = keys(0, runs * size).filter((key, number) => {
      const pages = new Set<number>();
      const page = pageOf(Math.floor(number / size), (some[number * KEY_WORDS] ?? 0) >>> 19);
      return !filter.addPages(key, pages) || !pages.has(page);
    });
    expect(missed).toEqual([]);
    const others = keys(runs * size, runs * size + 10_000).filter((key) => filter.addPages(key, new Set()));
    expect(others.length).toBeLessThan(100);
    expect([runOf(pageOf(7)), runOf(pageOf(7, PARTS - 1)), runOf(pageOf(8))]).toEqual([7, 7, 8]);
  });
});
