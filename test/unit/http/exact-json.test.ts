import fc from 'fast-check';
import {
  isExactNumber,
  parseKeepingDigits,
  parseNotingNumbers,
  pathOfUnsafeInteger,
} from 'temporal-http-tasks/internal/http/exact-json';

describe('JSON that is parsed without changing a number', () => {
  it.each<[text: string, value: unknown]>([
    ['{"id":9007199254740993}', { id: '9007199254740993' }],
    ['{"id":9007199254740992}', { id: '9007199254740992' }],
    ['{"id":9007199254740991}', { id: 9007199254740991 }],
    ['[7615917337495251231, -7615917337495251231]', ['7615917337495251231', '-7615917337495251231']],
    ['{"a":{"b":[{"c":123456789012345678901234567890}]}}', { a: { b: [{ c: '123456789012345678901234567890' }] } }],
    ['1e400', '1e400'],
    ['-1e-400', '-1e-400'],
    ['0.1234567890123456789', '0.1234567890123456789'],
    ['123456789.00000000001', '123456789.00000000001'],
    ['[0.1, 12.50, 1e5, 1.5E3, 1e-7, -0, 0.0, 5e-324]', [0.1, 12.5, 100_000, 1_500, 1e-7, -0, 0, 5e-324]],
    ['{"text":"9007199254740993 1e400","id":1}', { text: '9007199254740993 1e400', id: 1 }],
    ['{"a":1,"a":2,"b":9007199254740993}', { a: 2, b: '9007199254740993' }],
    ['null', null],
  ])('%s', (text, value) => {
    expect(parseKeepingDigits(text)).toEqual(value);
  });

  it('is what JSON.parse makes of it wherever JavaScript writes every number back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const hasUnsafe = pathOfUnsafeInteger(JSON.parse(text)) !== undefined;
        if (!hasUnsafe) expect(parseKeepingDigits(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps every digit of every whole number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (id) => {
        const { id: read } = parseKeepingDigits(`{"id":${id}}`) as { id: number | string };
        expect(String(read)).toBe(String(id));
      }),
    );
  });

  it('refuses what is not JSON', () => {
    expect(() => parseKeepingDigits('{"id":9007199254740993')).toThrow(SyntaxError);
  });

  it('ends for a text of any depth', () => {
    expect(parseKeepingDigits(`${'['.repeat(5_000)}9007199254740993${']'.repeat(5_000)}`)).toBeDefined();
  });
});

describe('a number that would be changed', () => {
  it.each<[text: string, path: string | undefined]>([
    ['{"body":{"ids":[1,9007199254740993]}}', 'body.ids.1'],
    ['9007199254740993', ''],
    ['{"query":{"id":1e400}}', 'query.id'],
    ['{"a":0.1,"b":[2.5e3]}', undefined],
  ])('in %s is found by its place', (text, path) => {
    expect(parseNotingNumbers(text).inexact?.path).toBe(path);
  });

  it.each<[string, boolean]>([
    ['7', true],
    ['-7.50', true],
    ['1e3', true],
    ['9007199254740992', false],
    ['1e400', false],
    ['', false],
    ['0x10', false],
    ['NaN', false],
    [' 7', false],
  ])('"%s" is exact: %s', (text, exact) => {
    expect(isExactNumber(text)).toBe(exact);
  });
});
