import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { taskFor } from './documents';
import { TEXT, expectSameAsValidator, object, ref } from './schema-cases';
import type { SchemaCase } from './schema-cases';

const EMAIL = object({ email: TEXT }, ['email']);
const PHONE = object({ phone: TEXT, land: TEXT }, ['phone', 'land']);

/** Unions of objects, whose values may have fields of several options. */
const UNIONS: Record<string, SchemaCase> = {
  'anyOf of two objects': {
    schema: { anyOf: [EMAIL, PHONE] },
    values: [
      { email: 'a' },
      { phone: '1', land: 'x' },
      { email: 'a', phone: '1', land: 'x' },
      { email: 'a', land: 'x' },
    ],
    bad: [{}, { land: 'x' }, { emial: 'a' }, { email: 'a', emial: 'b' }, { email: 1, land: 'x' }],
  },
  'oneOf of two objects': {
    schema: { oneOf: [EMAIL, PHONE] },
    values: [{ email: 'a' }, { phone: '1', land: 'x' }, { email: 'a', phone: '1' }],
    bad: [{}, { email: 'a', phone: '1', land: 'x' }, { email: 'a', x: 1 }],
  },
  'oneOf of objects that are told apart': {
    schema: {
      oneOf: [
        object({ type: { type: 'string', enum: ['card'] }, number: TEXT }, ['type']),
        object({ type: { type: 'string', enum: ['bank'] }, iban: TEXT }, ['type']),
      ],
    },
    values: [
      { type: 'card', number: '1', iban: '2' },
      { type: 'bank', iban: '2' },
    ],
    bad: [{ type: 'card', number: 1, iban: '2' }, { type: 'card', bic: '1' }, { type: 'cash' }],
  },
  'anyOf of required fields beside properties': {
    schema: object({ a: TEXT, b: TEXT, c: TEXT }, [], { anyOf: [{ required: ['a'] }, { required: ['b'] }] }),
    values: [{ a: '1' }, { b: '1' }, { a: '1', b: '2', c: '3' }],
    bad: [{}, { c: '3' }, { a: '1', d: '4' }, { a: 1 }],
  },
  'anyOf of required fields alone': {
    schema: { anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    values: [{ a: '1' }, { a: '1', b: 2 }],
    bad: [{ c: 1 }, {}],
  },
  'oneOf of required fields beside properties': {
    schema: object({ a: TEXT, b: TEXT }, [], { oneOf: [{ required: ['a'] }, { required: ['b'] }] }),
    values: [{ a: '1' }, { b: '1' }],
    bad: [{}, { a: '1', x: 1 }],
  },
  'anyOf in anyOf': {
    schema: { anyOf: [EMAIL, { anyOf: [PHONE, object({ id: TEXT }, ['id'])] }] },
    values: [
      { email: 'a', id: 'b', land: 'x' },
      { phone: '1', land: 'x', id: 'b', email: 'a' },
    ],
    bad: [{ land: 'x' }, { id: 1 }],
  },
  'oneOf in anyOf': {
    schema: { anyOf: [EMAIL, { oneOf: [PHONE, object({ id: TEXT }, ['id'])] }] },
    values: [
      { email: 'a', id: 'b', phone: '1', land: 'x' },
      { id: 'b', land: 'x' },
    ],
    bad: [{ id: 'b', phone: '1', land: 'x' }],
  },
  'anyOf with parts beside it': {
    schema: object({ note: TEXT }, [], {
      allOf: [{ anyOf: [EMAIL, PHONE] }, { anyOf: [object({ a: TEXT }, ['a']), object({ b: TEXT }, ['b'])] }],
    }),
    values: [
      { email: 'a', land: 'x', a: '1', note: 'n' },
      { email: 'a', phone: '1', a: '1', b: '2' },
    ],
    bad: [{ email: 'a' }, { email: 'a', a: '1', z: 1 }],
  },
  'anyOf with null': {
    schema: { anyOf: [EMAIL, PHONE, { type: 'null' }] },
    values: [null, { email: 'a', land: 'x' }],
    bad: ['a'],
  },
  'anyOf in a list': {
    schema: { type: 'array', items: { anyOf: [EMAIL, PHONE] } },
    values: [[{ email: 'a', land: 'x' }]],
    bad: [[{ land: 'x' }]],
  },
  'anyOf of lists': {
    schema: {
      anyOf: [
        { type: 'array', items: EMAIL },
        { type: 'array', items: PHONE },
      ],
    },
    values: [[{ email: 'a', land: 'x' }]],
    bad: [[{ email: 'a' }, { phone: '1', land: 'x' }], [{ email: 'a', x: 1 }]],
  },
  'anyOf of objects that differ inside': {
    schema: { anyOf: [object({ user: EMAIL, a: TEXT }, ['user']), object({ user: PHONE })] },
    values: [{ user: { email: 'a', phone: '1' } }, { user: { phone: '1', land: 'x', email: 'a' }, a: 'x' }],
    bad: [{ user: { land: 'x' } }, { user: { email: 'a', x: 1 } }],
  },
  'anyOf with a closed object': {
    schema: { anyOf: [{ ...EMAIL, additionalProperties: false }, PHONE] },
    values: [{ email: 'a' }, { phone: '1', land: 'x', email: 'a' }],
    bad: [{ email: 'a', land: 'x' }],
  },
  'anyOf with an open object': {
    schema: { anyOf: [{ ...EMAIL, additionalProperties: true }, PHONE] },
    values: [
      { email: 'a', z: 1 },
      { phone: '1', land: 'x', email: 'a' },
    ],
    bad: [{ z: 1 }],
  },
  'anyOf with a map': {
    schema: { anyOf: [{ ...EMAIL, additionalProperties: TEXT }, PHONE] },
    values: [
      { email: 'a', z: 'z' },
      { phone: '1', land: 'x', email: 5 },
    ],
    bad: [{ email: 'a', z: 1 }],
  },
  'anyOf that leads back to itself': {
    schemas: {
      Rule: { anyOf: [ref('And'), ref('Leaf')] },
      And: object({ and: { type: 'array', items: ref('Rule') } }, ['and']),
      Leaf: object({ field: TEXT, not: ref('Rule') }, ['field']),
    },
    schema: ref('Rule'),
    values: [
      {
        and: [
          { field: 'a', and: 1 },
          { field: 'b', not: { and: [], field: 'c' } },
        ],
        field: 'x',
      },
    ],
    bad: [{ and: [{ not: { field: 'a' } }] }, { and: [{ field: 'a', nto: 1 }] }],
  },
  'anyOf whose options lead to each other': {
    schemas: {
      A: object({ a: TEXT, next: { anyOf: [ref('A'), ref('B')] } }, ['a']),
      B: object({ b: TEXT, next: ref('A') }, ['b']),
    },
    schema: { anyOf: [ref('A'), ref('B')] },
    values: [
      { a: '1', b: '2', next: { b: '1', a: 5 } },
      { b: '1', next: { a: '1', next: { a: '2', b: 5 } } },
    ],
    bad: [
      { a: '1', next: {} },
      { a: '1', next: { b: '1', c: 1 } },
    ],
  },
  'anyOf with a discriminator': {
    schemas: {
      Cat: object({ kind: { type: 'string', enum: ['cat'] }, lives: { type: 'integer' } }, ['kind']),
      Dog: object({ kind: { type: 'string', enum: ['dog'] }, bark: TEXT }, ['kind']),
    },
    schema: { anyOf: [ref('Cat'), ref('Dog')], discriminator: { propertyName: 'kind' } },
    values: [{ kind: 'cat', lives: 9, bark: 'w' }],
    bad: [
      { kind: 'cat', lives: 'x' },
      { kind: 'cat', tail: 1 },
    ],
  },
  'anyOf with an option that says nothing': {
    schema: object({ a: TEXT }, [], { anyOf: [EMAIL, { title: 'other' }] }),
    values: [{ a: '1' }, { email: 'a' }, { a: '1', email: 5 }],
    bad: [{ emial: 'a' }, { a: 1 }],
  },
  'oneOf of overlapping numbers': {
    schema: { anyOf: [{ oneOf: [{ type: 'integer' }, TEXT] }, EMAIL] },
    values: [1, 'a', { email: 'a' }],
    bad: [true],
  },
};

it('what no option of a union knows is named, and a value of several alternatives says so', () => {
  const problems = (schema: unknown, x: unknown): unknown => {
    try {
      return parseInput('it', taskFor(object({ x: schema })).input, { x });
    } catch (error) {
      return (error as InvalidInputError).problems;
    }
  };
  for (const key of ['anyOf', 'oneOf']) {
    expect(problems({ [key]: [EMAIL, PHONE] }, { email: 'a', land: 'x', phnoe: '1' })).toContainEqual({
      field: 'x.phnoe',
      message: 'unknown field; did you mean phone?',
    });
    expect(problems({ [key]: [EMAIL, PHONE] }, { phone: '1', land: 5 })).toEqual([
      { field: 'x.land', message: 'invalid input: expected string, received number' },
    ]);
  }
  expect(problems({ oneOf: [EMAIL, PHONE] }, { email: 'a', phone: '1', land: 'x' })).toEqual([
    { field: 'x', message: expect.stringMatching(/^fits several of the alternatives/) as string },
  ]);
});

describe.each(Object.entries(UNIONS))('A schema of %s', (_what, given) => {
  it('takes what a validator of JSON Schema takes', () => expectSameAsValidator(given));
});
