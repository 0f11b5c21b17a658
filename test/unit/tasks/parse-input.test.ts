import { z } from 'zod';
import { InvalidInputError, parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';

const schema = z.strictObject({
  user: z.strictObject({ id: z.string().min(1, 'must not be empty') }),
  count: z.number().optional(),
});

function refusal(input: unknown): InvalidInputError {
  try {
    parseInput('someTask', schema, input);
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('The input was taken.');
}

it('returns a good input', () => {
  expect(parseInput('someTask', schema, { user: { id: 'a' } })).toEqual({ user: { id: 'a' } });
});

it.each([
  ['an empty id', { user: { id: '' } }, 'user.id'],
  ['a missing id', { user: {} }, 'user.id'],
  ['an unknown field, by its name', { user: { id: 'a', idd: 'b' } }, 'user.idd'],
  ['a field of the wrong type', { user: { id: 'a' }, count: 'many' }, 'count'],
  ['nothing at all', undefined, ''],
])('refuses %s and names the field', (_what, input, field) => {
  const error = refusal(input);
  expect(error.field).toBe(field);
  expect(error.message).toContain(field);
  expect(error.message).toContain('someTask');
});

it('names every wrong field together', () => {
  expect(refusal({ user: { id: '' }, count: 'x', more: 1 }).message).toMatch(
    /user\.id.*count.*more|user\.id.*more.*count/,
  );
});

it('repeats no value, which could be an id or a secret', () => {
  expect(refusal({ user: { id: 42_424_242 }, count: 'canary-value' }).message).not.toMatch(/canary-value|42424242/);
});

it.each([
  ['a field', { user: {} }, 'user.id: is required'],
  ['an object', {}, 'user: is required'],
])('says of %s that is missing that it is required', (_what, input, says) => {
  expect(refusal(input).message).toBe(`The input of someTask is not valid: ${says}.`);
});

it('says what is allowed where one of some words is missing', () => {
  const choice = z.strictObject({ mode: z.enum(['gdpr', 'skip']) });
  expect(() => parseInput('someTask', choice, {})).toThrow('mode: is required; allowed: gdpr, skip.');
});

it.each([
  ['one of some words', z.enum(['gdpr', 'skip']), 'GDRP', 'must be one of gdpr, skip; did you mean gdpr?'],
  ['nothing similar', z.enum(['gdpr', 'skip']), 'canary', 'must be one of gdpr, skip.'],
  ['a value of another type', z.enum(['gdpr', 'skip']), 7, 'must be one of gdpr, skip.'],
  ['one word', z.literal('remove'), 'removed', 'must be remove; did you mean remove?'],
  ['numbers', z.literal([1, 2]), 3, 'must be one of 1, 2.'],
  ['a word or nothing', z.enum(['a', 'b']).nullable().optional(), 'c', 'must be one of a, b.'],
  ['a word in a list', z.array(z.enum(['mon', 'tue'])), ['fri'], 'must be one of mon, tue.'],
  ['the schema itself', z.enum(['a'], 'must be a letter'), 'b', 'must be a letter.'],
])('says what is allowed instead of a wrong value: %s', (_what, inner, input, says) => {
  const { message } = catching(() => parseInput('someTask', z.strictObject({ inner }), { inner: input }));
  expect(message).toMatch(new RegExp(`^The input of someTask is not valid: inner(?:\\.0)?: `));
  expect(message.endsWith(`: ${says}`)).toBe(true);
});

function catching(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('Nothing was refused.');
}

it.each([
  ['a field', { user: { id: 'a', idd: 'b' } }, 'user.idd: unknown field; did you mean id?'],
  [
    'a field with another spelling of case',
    { user: { id: 'a' }, Count: 1 },
    'Count: unknown field; did you mean count?',
  ],
  ['nothing similar', { user: { id: 'a' }, pagination: 1 }, 'pagination: unknown field.'],
])('says which field was probably meant: %s', (_what, input, says) => {
  expect(refusal(input).message).toBe(`The input of someTask is not valid: ${says}`);
});

it.each([
  ['a list', z.array(z.strictObject({ key: z.string() })), [{ key: 'a', kye: 'b' }], '0.kye'],
  ['a record', z.record(z.string(), z.strictObject({ key: z.string() })), { x: { key: 'a', kye: 'b' } }, 'x.kye'],
  ['an alternative', z.union([z.string(), z.strictObject({ key: z.string() })]), { key: 'a', kye: 'b' }, 'kye'],
  ['what has a default', z.strictObject({ key: z.string() }).default({ key: '' }), { key: 'a', kye: 'b' }, 'kye'],
  ['what is read further', z.strictObject({ key: z.string() }).transform(Object.keys), { key: 'a', kye: 'b' }, 'kye'],
  ['what refers to itself', z.lazy(() => z.strictObject({ key: z.string() })), { key: 'a', kye: 'b' }, 'kye'],
])('also inside %s', (_what, inner, input, field) => {
  expect(() => parseInput('someTask', z.strictObject({ inner }), { inner: input })).toThrow(
    `inner.${field}: unknown field; did you mean key?`,
  );
});

describe('what no schema sees', () => {
  const open = z.looseObject({ body: z.json().optional() });

  it.each([
    ['in an object that takes any field', '{"__proto__":{"admin":true}}', '__proto__'],
    ['deeper down, in a list', '{"body":[{"a":{"__proto__":1}}]}', 'body.0.a.__proto__'],
  ])('a field called __proto__ is refused by its name and not dropped: %s', (_what, text, field) => {
    expect(() => parseInput('someTask', open, JSON.parse(text))).toThrow(`${field}: unknown field`);
  });

  it('an input without end is refused with the field that holds it, before it can overflow a stack', () => {
    const nested = (levels: number): unknown => JSON.parse(`{"body":${'['.repeat(levels)}${']'.repeat(levels)}}`);
    for (const levels of [100, 500_000])
      expect(() => parseInput('someTask', open, nested(levels))).toThrow('body: is nested deeper than 100 levels');
    expect(parseInput('someTask', open, nested(99))).toEqual(nested(99));
  });
});

describe('fields that are named as members of every object', () => {
  const inherited = z.strictObject({
    constructor: z.string().optional(),
    toString: z.number().optional(),
    inner: z.looseObject({ valueOf: z.boolean().optional() }).optional(),
    listed: z.array(z.strictObject({ hasOwnProperty: z.string().optional() })).optional(),
  });

  it.each([
    ['left out', {}],
    ['left out in an object and a list', { inner: { other: 1 }, listed: [{}] }],
    ['given', { constructor: 'x', toString: 1, inner: { valueOf: true }, listed: [{ hasOwnProperty: 'y' }] }],
  ])('may be %s', (_what, input) => {
    expect(JSON.parse(JSON.stringify(parseInput('someTask', inherited, input)))).toEqual(input);
  });

  it('are refused by name where their value is wrong, and only they', () => {
    expect(() => parseInput('someTask', inherited, { toString: 'x' })).toThrow(/: toString: [^;]*$/);
  });
});
