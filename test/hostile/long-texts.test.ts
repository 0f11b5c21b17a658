import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { checkablePattern } from '@temporal-http-tasks/openapi/internal/schema/patterns';
import { CHECKED_FORMATS } from '@temporal-http-tasks/openapi/internal/schema/to-zod';
import { kebabCase } from '@temporal-http-tasks/openapi/internal/operation/names';
import { reasonNote } from 'temporal-http-tasks/internal/policy/input-fields';

const SOURCES = join(__dirname, '..', '..', 'src');
/** It takes apart a query that the operator wrote. */
const TRUSTED = ['query-text.ts'];
const LENGTH = 5_000;
/** A longer text has so many times the length: where time is quadratic, it takes 64 times the time. */
const LONGER = 8;
/** A search of the longer text that takes less CPU time is not worth a second look. */
const SUSPICIOUS_MS = 20;
/** Well over 8, which is in proportion, and well below 64. */
const MOST_RATIO = 22;
/** A step of a search takes longer than one of a plain loop, but only so much. */
const MOST_OF_PLAIN = 25;

/** Every regular expression of the sources. */
function expressions(): [place: string, expression: RegExp][] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|js)$/.test(file) && !TRUSTED.some((name) => file.endsWith(name)))
    .flatMap((file) => {
      const source = ts.createSourceFile(file, readFileSync(join(SOURCES, file), 'utf8'), ts.ScriptTarget.Latest);
      const found: [string, RegExp][] = [];
      const walk = (node: ts.Node): void => {
        if (ts.isRegularExpressionLiteral(node)) {
          const [, text = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? [];
          found.push([`${file}: ${node.text}`, new RegExp(text, flags)]);
        }
        ts.forEachChild(node, walk);
      };
      walk(source);
      return found;
    });
}

/** Characters that quantifiers repeat, alone and by turns with a neighbour, and an end that nothing expects. */
function* texts(length: number): Generator<string> {
  const units = [
    ...' aA1-_.,;:@/\\"\'`{}()[]<>|+*?#$%&=~\t\n\ré',
    '; ',
    'a@',
    '{{',
    '{{secret:',
    '<a>;',
    'a.',
    '-a',
    ' =',
    '"a',
    '\\"',
    '0 ',
    '$a',
    '/*',
    '--',
  ];
  for (const unit of units) yield `${unit.repeat(Math.ceil(length / unit.length)).slice(0, length)}\0`;
}

/** CPU time, so that a machine with other work measures the same; and the least of some tries. */
function leastMs(tries: number, work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let left = tries; left > 0; left -= 1) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

/** Whether work on a longer text takes much more time than in proportion to its length. */
function isSlow(work: (text: string) => unknown, [text, longer]: readonly [string, string]): boolean {
  if (leastMs(1, () => work(longer)) < SUSPICIOUS_MS) return false;
  const once = Math.max(
    leastMs(5, () => work(text)),
    SUSPICIOUS_MS / LONGER,
  );
  return leastMs(2, () => work(longer)) / once > MOST_RATIO;
}

/** A plain scan that takes so many steps for each character. */
function plainSteps(text: string, steps: number): number {
  let sum = 0;
  for (let at = 0; at < text.length; at += 1)
    for (let step = 0; step < steps; step += 1) sum = (sum + text.charCodeAt(at) * step) | 0;
  return sum;
}

describe('A long text made to be searched forever', () => {
  const longer = [...texts(LONGER * LENGTH)];
  const pairs = [...texts(LENGTH)].map((text, place) => [text, longer[place]!] as const);

  it('takes no regular expression of the sources longer than in proportion to its length', () => {
    const all = expressions();
    expect(all.length).toBeGreaterThan(200);
    const slow = all.filter(([, expression]) =>
      pairs.some((pair) => isSlow((text) => text.replace(expression, ''), pair)),
    );
    expect(slow.map(([place]) => place)).toEqual([]);
  });

  it('is what this test would see', () => {
    expect(pairs.some((pair) => isSlow((text) => / +$/.test(text), pair))).toBe(true);
  });

  it('makes neither a remark nor the id of an operation take long, however long it is', () => {
    for (const unit of ['a', 'A', '1', '@', 'a@', '1 ', '-']) {
      const pair = [unit.repeat(50_000), unit.repeat(LONGER * 50_000)] as const;
      expect({ unit, slow: isSlow((text) => reasonNote.safeParse(text), pair) }).toEqual({ unit, slow: false });
      expect({ unit, slow: isSlow(kebabCase, pair) }).toEqual({ unit, slow: false });
    }
  });

  it.each([
    ...[
      'a{50000}b',
      '(?:a{1000}){100}b',
      '(?=a{30000}b)',
      '(.{20000})\\1',
      '^(a*)\\1b',
      '^a*a{1000}b',
      '^(?<x>a*)\\k<x>b',
      '^(?!a*b)a',
      '(?<=a*)b',
      '^a*(?:a|b){9}c',
      '^(?:a?)*b',
      '(?i:a{900})b',
    ],
    ...[
      'a{300}{2}b',
      '\\u{61}{9000}b',
      '[^]{400}b',
      '((((a{10}){10}){10}){10})b',
      '(?:a{0,30}){3}b',
      '^(?:a|b)*(?:a|b)*c',
      '^a*|a*$',
      '(?:^a*){2}b',
      '^(?:(?:a*)?b)+$',
    ],
    ...[
      '^(a+)+$',
      'a+$',
      '^a*a*$',
      '^(a|a)*b',
      '^(a?){25}a{25}$',
      `^${'a?'.repeat(25)}${'a'.repeat(25)}$`,
      '(x+x+)+y',
      '^(?=.*a)(?=.*b).*$',
      '^a|b+c',
      '^(a{1,9}){1,9}$',
      '^((((a))))*b',
      '^((a)(b))*$',
    ],
  ])('is not searched for %s, which a document may have: that is left to the provider', (pattern) =>
    expect(checkablePattern(pattern)).toBeUndefined(),
  );

  it.each([
    '^[A-Z]{3}$',
    '^[a-z0-9-]+$',
    '^(USD|EUR|GBP)$',
    '^[0-9a-f]{8}(-[0-9a-f]{4}){3}$',
    '^\\d{4}-\\d{2}$',
    '^https?://',
    'abc',
    '^[^+*?{(|]+$',
    '^\\+\\*$',
    '^(?:ab)?c$',
    '^a+?b',
  ])('is searched for %s', (pattern) => expect(checkablePattern(pattern)).toBeInstanceOf(RegExp));

  it.each([
    '\\Aab\\z',
    '^[\\w-]+\\Z',
    "^[\\p{L}\\'-]+\\@$",
    '^[[:alpha:]]+$',
    '^[[:^digit:]_]$',
    '/^ab$/i',
    '/^ab$/',
    'ab$/u',
  ])('is not searched for %s, which is written for another language', (pattern) =>
    expect(checkablePattern(pattern)).toBeUndefined(),
  );

  it.each(['^\\-?\\@\\_x$', '^[\\p{L}-]$', '^/a$', '^a\\$/', '^\\\\p$'])('is searched for %s', (pattern) =>
    expect(checkablePattern(pattern)).toBeInstanceOf(RegExp),
  );

  /** One of each class of pattern that is checked, at the limit of its class. */
  const LIMITS = [
    'a{39}b',
    '[a-z]{38}1',
    '(?:a?){3}b',
    '(a|aa){2}c',
    '^a*a{36}b',
    '^a*?a{36}b',
    '^[^b]*(?:a?){3}b',
    '^(?:ab)*c',
    '^(a)*b',
    '^(.){2,}x',
    '^(?<all>[\\s\\S]*)x',
    '^\\p{L}+$',
    '^a{0,200}a{0,200}b',
    '^(a{1,9}){1,4}b',
    '^.{1,5000}$',
    '\\b\\w{5}\\b',
    'a|b|c',
  ];

  it.each(LIMITS)('a text of a megabyte is searched for %s in time that grows as the text does', (pattern) => {
    const checked = checkablePattern(pattern);
    expect(checked).toBeInstanceOf(RegExp);
    // In the same run, by a machine as busy: a character of the text costs no more than a number of plain steps.
    const plain = leastMs(3, () => plainSteps('a'.repeat(1_000_000), 40));
    for (const unit of ['a', 'ab', 'a1', 'aaaaaaaaa-', '\u{1f600}']) {
      const [text, longer] = [1_000_000 / LONGER, 1_000_000].map(
        (length) => `${unit.repeat(Math.ceil(length / unit.length)).slice(0, length)}\0`,
      ) as [string, string];
      expect({ unit, slow: isSlow((one) => checked!.test(one), [text, longer]) }).toEqual({ unit, slow: false });
      expect(leastMs(2, () => checked!.test(longer)) / plain).toBeLessThan(MOST_OF_PLAIN);
    }
  });

  it('a text for which the engine has no room is left to the provider', () => {
    const checked = checkablePattern('^(a)*b');
    expect(() => /^(a)*b/.test('a'.repeat(20_000_000))).toThrow('Maximum call stack size exceeded');
    expect(checked!.test('a'.repeat(20_000_000))).toBe(true);
    expect(checked!.test('aaa')).toBe(false);
  });

  it.each(['date', 'date-time', 'uuid', 'ipv4', 'ipv6', 'byte'] as const)(
    'a text of a megabyte is checked for the format %s in time that grows as the text does',
    (format) => {
      const schema = CHECKED_FORMATS[format]();
      for (const unit of ['a', '1', '0', ':', '1.', '2026-01-01T', 'AAAA', '=', '-', 'f:']) {
        const pair = [1_000_000 / LONGER, 1_000_000].map((length) =>
          unit.repeat(Math.ceil(length / unit.length)).slice(0, length),
        ) as [string, string];
        expect({ unit, slow: isSlow((text) => schema.safeParse(text), pair) }).toEqual({ unit, slow: false });
      }
    },
  );
});
