import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { checkablePattern } from '../../src/openapi/schema/patterns';
import { kebabCase } from '../../src/openapi/operation/names';
import { reasonNote } from '../../src/tasks/plaid/fields';

const SOURCES = join(__dirname, '..', '..', 'src');
/** It takes apart a query that the operator wrote. */
const TRUSTED = ['query-text.ts'];
const LENGTH = 20_000;
/** A search that takes less is not worth a second look. */
const SUSPICIOUS_MS = 20;
/** Four times the text takes four times the time, or sixteen times where it is quadratic; a busy machine blurs that. */
const MOST_RATIO = 8;

/** Every regular expression that stands in the sources. */
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
  const units = [...' aA1-_.,;:@/\\"\'`{}()[]<>|+*?#$%&=~\t\n\ré', '; ', 'a@', '{{', '{{secret:', '<a>;', 'a.', '-a', ' =', '"a', '\\"', '0 ', '$a', '/*', '--'];
  for (const unit of units) yield `${unit.repeat(Math.ceil(length / unit.length)).slice(0, length)}\0`;
}

/** The least of some tries, since a machine may be busy. */
function leastMs(tries: number, work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let left = tries; left > 0; left -= 1) {
    const start = performance.now();
    work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** Whether work on four times the text takes much more than four times the time. */
function isSlow(work: (text: string) => unknown, [text, longer]: readonly [string, string]): boolean {
  if (leastMs(1, () => work(text)) < SUSPICIOUS_MS) return false;
  const once = leastMs(3, () => work(text));
  return once >= SUSPICIOUS_MS && leastMs(2, () => work(longer)) / once > MOST_RATIO;
}

describe('A long text made to be searched for ever', () => {
  const longer = [...texts(4 * LENGTH)];
  const pairs = [...texts(LENGTH)].map((text, place) => [text, longer[place]!] as const);

  it('takes no regular expression of the sources longer than in proportion to its length', () => {
    const all = expressions();
    expect(all.length).toBeGreaterThan(200);
    const slow = all.filter(([, expression]) => pairs.some((pair) => isSlow((text) => text.replace(expression, ''), pair)));
    expect(slow.map(([place]) => place)).toEqual([]);
  });

  it('is what this test would see', () => {
    expect(pairs.some((pair) => isSlow((text) => / +$/.test(text), pair))).toBe(true);
  });

  it('makes neither a remark nor the id of an operation take long, however long it is', () => {
    for (const unit of ['a', 'A', '1', '@', 'a@', '1 ', '-']) {
      const pair = [unit.repeat(100_000), unit.repeat(400_000)] as const;
      expect({ unit, slow: isSlow((text) => reasonNote.safeParse(text), pair) }).toEqual({ unit, slow: false });
      expect({ unit, slow: isSlow(kebabCase, pair) }).toEqual({ unit, slow: false });
    }
  });

  it.each(['^(a+)+$', 'a+$', '^a*a*$', '^(a|a)*b', '^(a?){25}a{25}$', `^${'a?'.repeat(25)}${'a'.repeat(25)}$`, '(x+x+)+y', '^(?=.*a)(?=.*b).*$', '^a|b+c', '^(a{1,9}){1,9}$'])(
    'is not searched for %s, which a document may have: that is left to the provider',
    (pattern) => expect(checkablePattern(pattern)).toBeUndefined(),
  );

  it.each(['^[A-Z]{3}$', '^[a-z0-9-]+$', '^(USD|EUR|GBP)$', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}$', '^\\d{4}-\\d{2}$', '^https?://', 'abc', '^[^+*?{(|]+$', '^\\+\\*$', '^(?:ab)?c$', '^a+?b'])(
    'is searched for %s',
    (pattern) => expect(checkablePattern(pattern)).toBeInstanceOf(RegExp),
  );
});
