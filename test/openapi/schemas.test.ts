import { z } from 'zod';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { InvalidInputError, parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { readerOf, takes, taskFor } from './documents';

const TEXT = { type: 'string' };

/** What is said about an input that is refused. */
function problemWith(task: HttpTask, input: unknown): string | undefined {
  try {
    parseInput(task.name, task.input, input);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
  }
}

/** Whether a task of this body schema takes this value in its field `x`. */
function takesX(schema: unknown, x: unknown, more: Parameters<typeof taskFor>[1] = {}): boolean {
  return takes(taskFor({ type: 'object', properties: { x: schema } }, more), { x });
}

describe('A schema of an input', () => {
  it.each<[string, unknown, readonly unknown[], readonly unknown[]]>([
    [
      'text',
      { type: 'string', minLength: 2, maxLength: 3, pattern: '^a' },
      ['ab', 'abc'],
      ['a', 'abcd', 'xb', 1, null],
    ],
    ['a whole number', { type: 'integer', minimum: 1, maximum: 3 }, [1, 3], [0, 4, 1.5, '1']],
    [
      'a number with open ends',
      { type: 'number', minimum: 1, exclusiveMinimum: true, maximum: 2, exclusiveMaximum: true },
      [1.5],
      [1, 2],
    ],
    ['a multiple', { type: 'number', multipleOf: 5 }, [10], [11]],
    ['a choice', { type: 'string', enum: ['a', 'b'] }, ['a'], ['c', null]],
    ['a choice of which YAML made some numbers', { type: 'string', enum: [4.1, '3_lite'] }, ['3_lite'], [4.1, '4.1']],
    ['a choice of several kinds', { enum: ['a', 1, true] }, ['a', 1, true], ['b', 2, false]],
    [
      'a list',
      { type: 'array', items: TEXT, minItems: 1, maxItems: 2, uniqueItems: true },
      [['a'], ['a', 'b']],
      [[], ['a', 'a'], ['a', 'b', 'c'], [1]],
    ],
    ['a map', { type: 'object', additionalProperties: { type: 'integer' } }, [{}, { a: 1 }], [{ a: 'b' }]],
    ['an object of which nothing is said', { type: 'object' }, [{}, { a: [1] }], [1]],
    [
      'an object that names its fields',
      { type: 'object', properties: { a: TEXT }, required: ['a'] },
      [{ a: 'b' }],
      [{}, { a: 'b', c: 1 }],
    ],
    [
      'an object that is open',
      { type: 'object', properties: { a: TEXT }, additionalProperties: true },
      [{ b: 1 }],
      [{ a: 1 }],
    ],
    [
      'a number of fields',
      { type: 'object', additionalProperties: true, minProperties: 1, maxProperties: 2 },
      [{ a: 1 }],
      [{}, { a: 1, b: 1, c: 1 }],
    ],
    ['fields without a type', { properties: { a: TEXT } }, [{ a: 'b' }], ['a', { b: 1 }]],
    ['names by pattern', { type: 'object', patternProperties: { '^x-': TEXT } }, [{ 'x-a': 'b' }], [{ 'x-a': 1 }]],
    ['a date', { type: 'string', format: 'date' }, ['2026-02-28'], ['2026-02-30', '28.2.2026']],
    [
      'a time',
      { type: 'string', format: 'date-time' },
      ['2026-02-28T10:00:00Z', '2026-02-28T10:00:00.5+01:00'],
      ['2026-02-28'],
    ],
    ['an id', { type: 'string', format: 'uuid' }, ['0191e0a4-2b6f-7c3e-9a51-2f6d3f1d9b10'], ['x']],
    ['bytes', { type: 'string', format: 'byte' }, ['AP8='], ['!']],
    ['a format that nobody knows', { type: 'string', format: 'cognito_id' }, ['anything'], [1]],
    ['text or null in OpenAPI 3.0', { type: 'string', nullable: true }, ['a', null], [1]],
    ['a choice or null in OpenAPI 3.0', { type: 'string', enum: ['a', null], nullable: true }, ['a', null], ['b']],
    [
      'a choice that does not name null, and so has none',
      { type: 'string', enum: ['a'], nullable: true },
      ['a'],
      [null],
    ],
    ['parts or null, as people write it', { allOf: [TEXT], nullable: true }, ['a', null], [1]],
    ['one of several', { oneOf: [TEXT, { type: 'integer' }] }, ['a', 1], [true]],
    ['any of several', { anyOf: [TEXT, { type: 'array', items: TEXT }] }, ['a', ['b']], [1]],
    ['nothing at all', {}, ['a', 1, null], []],
    ['a pattern for another language', { type: 'string', pattern: '(?i)abc\\Z' }, ['abc', 'x'], []],
    ['a pattern that could take for ever', { type: 'string', pattern: '^(a+)+$' }, ['aaa', `${'a'.repeat(50)}!`], []],
  ])('takes %s', (_what, schema, good, bad) => {
    for (const value of good) expect([value, takesX(schema, value)]).toEqual([value, true]);
    for (const value of bad) expect([value, takesX(schema, value)]).toEqual([value, false]);
  });

  it.each<[string, unknown, readonly unknown[], readonly unknown[]]>([
    ['one of several types', { type: ['string', 'null'] }, ['a', null], [1]],
    ['a constant', { const: 'a' }, ['a'], ['b']],
    ['constants as a choice', { oneOf: [{ const: 'a' }, { const: 'b', description: 'B' }] }, ['a', 'b'], ['c']],
    ['open ends as numbers', { type: 'number', exclusiveMinimum: 1 }, [2], [1]],
    [
      'places in a list',
      { type: 'array', prefixItems: [TEXT, { type: 'integer' }], items: { type: 'boolean' }, minItems: 1 },
      [['a'], ['a', 1, true]],
      [[], [1], ['a', 1, 'b']],
    ],
    ['anything, said by true', true, ['a', null], []],
    ['null alone', { type: 'null' }, [null], ['a']],
  ])('takes %s in OpenAPI 3.1', (_what, schema, good, bad) => {
    for (const value of good) expect([value, takesX(schema, value, { version: '3.1.0' })]).toEqual([value, true]);
    for (const value of bad) expect([value, takesX(schema, value, { version: '3.1.0' })]).toEqual([value, false]);
  });

  it('made of parts has the fields of all of them, and no others', () => {
    const schemas = {
      Base: { type: 'object', properties: { id: TEXT, kind: TEXT }, required: ['id'] },
      More: {
        allOf: [
          { $ref: '#/components/schemas/Base' },
          {
            type: 'object',
            properties: { kind: { type: 'string', enum: ['a', 'b'] }, size: { type: 'integer', minimum: 1 } },
            required: ['size'],
          },
        ],
      },
    };
    const task = taskFor(
      { allOf: [{ $ref: '#/components/schemas/More' }, { properties: { size: { maximum: 9 } } }], description: 'All' },
      { schemas },
    );
    expect(takes(task, { id: 'i', size: 3, kind: 'b' })).toBe(true);
    for (const bad of [
      { id: 'i' },
      { size: 3 },
      { id: 'i', size: 10 },
      { id: 'i', size: 0 },
      { id: 'i', size: 3, kind: 'c' },
      { id: 'i', size: 3, other: 1 },
    ]) {
      expect([bad, takes(task, bad)]).toEqual([bad, false]);
    }
  });

  it('that requires one field of several takes either', () => {
    const task = taskFor({
      type: 'object',
      properties: { a: TEXT, b: TEXT },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    });
    const inputs = [{ a: '1' }, { b: '2' }, { a: '1', b: '2' }, {}, { a: '1', c: 1 }].map((body) =>
      takes(task, { body }),
    );
    expect(inputs).toEqual([true, true, true, false, false]);
  });

  const Card = { type: 'object', properties: { kind: TEXT, number: TEXT }, required: ['number'] };
  const Account = { type: 'object', properties: { kind: TEXT, iban: TEXT }, required: ['iban'] };

  it('with a discriminator takes what one of its options takes, and says which field is wrong', () => {
    const oneOf = [{ $ref: '#/components/schemas/Card' }, { $ref: '#/components/schemas/Account' }];
    const discriminator = { propertyName: 'kind', mapping: { card: '#/components/schemas/Card' } };
    const task = taskFor(
      { type: 'object', properties: { pay: { oneOf, discriminator } } },
      { schemas: { Card, Account } },
    );
    expect(takes(task, { pay: { kind: 'card', number: '1' } })).toBe(true);
    expect(takes(task, { pay: { kind: 'Account', iban: '1' } })).toBe(true);
    // A discriminator says which option is meant, and makes no value wrong that an option allows.
    expect(takes(task, { pay: { kind: 'card', iban: '1' } })).toBe(true);
    expect(takes(task, { pay: { kind: 'visa', number: '1' } })).toBe(true);
    expect(takes(task, { pay: { kind: 'card', owner: '1' } })).toBe(false);
    expect(problemWith(task, { pay: { kind: 'card' } })).toBe('pay.number: is required');
    expect(problemWith(task, { pay: 'card' })).toMatch(/^pay: /);
    const told = (name: string, schema: { properties: object; required: string[] }) => ({
      ...schema,
      properties: { ...schema.properties, kind: { type: 'string', enum: [name] } },
      required: ['kind', ...schema.required],
    });
    const apart = taskFor(
      { type: 'object', properties: { pay: { oneOf, discriminator } } },
      { schemas: { Card: told('card', Card), Account: told('account', Account) } },
    );
    expect(takes(apart, { pay: { kind: 'card', iban: '1' } })).toBe(false);
    expect(problemWith(apart, { pay: { kind: 'account' } })).toBe('pay.iban: is required');
    expect(problemWith(apart, { pay: { kind: 'cash' } })).toMatch(/^pay\.kind: /);
  });

  it('that others inherit from accepts each of them', () => {
    const Pay = {
      type: 'object',
      properties: { kind: TEXT, sum: { type: 'integer' } },
      required: ['kind', 'sum'],
      discriminator: { propertyName: 'kind', mapping: { card: 'Card' } },
    };
    const heir = (own: unknown) => ({ allOf: [{ $ref: '#/components/schemas/Pay' }, own] });
    const task = taskFor(
      { type: 'object', properties: { pay: { $ref: '#/components/schemas/Pay' } } },
      { schemas: { Pay, Card: heir(Card), Account: heir(Account) } },
    );
    expect(takes(task, { pay: { kind: 'card', sum: 1, number: '1' } })).toBe(true);
    expect(takes(task, { pay: { kind: 'Account', sum: 1, iban: '1' } })).toBe(true);
    expect(takes(task, { pay: { kind: 'card', sum: 1, owner: '1' } })).toBe(false);
    expect(takes(task, { pay: { kind: 'card', number: '1' } })).toBe(false);
  });

  it('that thousands inherit from, as in large documents, takes no more time for each of them than one with few', () => {
    const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
    const msFor = (heirs: number): number => {
      const names = Array.from({ length: heirs }, (_, index) => `Heir${index}`);
      const mapping = Object.fromEntries(names.map((name) => [`kind.${name}`, `#/components/schemas/${name}`]));
      const Pay = {
        type: 'object',
        properties: { kind: TEXT },
        required: ['kind'],
        discriminator: { propertyName: 'kind', mapping },
      };
      const schemas = {
        Pay,
        ...Object.fromEntries(
          names.map((name) => [name, { allOf: [ref('Pay'), { type: 'object', properties: { [name]: TEXT } }] }]),
        ),
      };
      // CPU time: other work on the machine does not count.
      const started = process.cpuUsage();
      const task = taskFor({ type: 'object', properties: { pay: ref('Pay') } }, { schemas });
      const { user, system } = process.cpuUsage(started);
      expect(takes(task, { pay: { kind: 'kind.Heir7', Heir7: 'x' } })).toBe(true);
      expect(takes(task, { pay: { kind: 'kind.Heir7', Heir8: 'x' } })).toBe(false);
      return (user + system) / 1_000;
    };
    const few = Math.min(msFor(250), msFor(250));
    // Eight times as many; each looking through all the others would take 64 times as long.
    expect(msFor(2_000) / few).toBeLessThan(32);
  });

  it('needs no fields that only responses have, and takes them, and a response needs none that only requests have', () => {
    const schemas = {
      Id: { type: 'string', readOnly: true },
      Thing: {
        type: 'object',
        properties: {
          id: { $ref: '#/components/schemas/Id' },
          name: TEXT,
          password: { type: 'string', writeOnly: true },
        },
        required: ['id', 'name', 'password'],
      },
    };
    const task = taskFor({ $ref: '#/components/schemas/Thing' }, { schemas });
    expect(takes(task, { name: 'a', password: 'b' })).toBe(true);
    expect(takes(task, { id: '1', name: 'a', password: 'b' })).toBe(true);
    expect(takes(task, { id: 1, name: 'a', password: 'b' })).toBe(false);
    const part = taskFor(
      { allOf: [{ $ref: '#/components/schemas/Thing' }, { type: 'object', required: ['id'] }] },
      { schemas },
    );
    expect([{ name: 'a', password: 'b' }, { password: 'b' }].map((input) => takes(part, input))).toEqual([true, false]);
    const reader = readerOf({ $ref: '#/components/schemas/Thing' }, { schemas });
    expect(reader.output.safeParse({ id: '1', name: 'a' }).success).toBe(true);
    expect(reader.output.safeParse({ name: 'a' }).success).toBe(false);
  });

  it('keeps what is said next to a reference', () => {
    const schemas = { Name: { type: 'string', description: 'A name.' } };
    const beside = { $ref: '#/components/schemas/Name', nullable: true, description: 'The other name.', maxLength: 1 };
    const old = taskFor({ type: 'object', properties: { x: beside } }, { schemas });
    expect([takes(old, { x: null }), takes(old, { x: 'ab' })]).toEqual([true, true]);
    expect(JSON.stringify(z.toJSONSchema(old.input))).toContain('The other name.');
    const fresh = taskFor(
      { type: 'object', properties: { x: { $ref: '#/components/schemas/Name', maxLength: 1 } } },
      { schemas, version: '3.1.0' },
    );
    expect([takes(fresh, { x: 'a' }), takes(fresh, { x: 'ab' })]).toEqual([true, false]);
  });

  it('fills in nothing that the caller did not give', () => {
    const task = taskFor({ type: 'object', properties: { limit: { type: 'integer', default: 100 } } });
    expect(task.input.parse({})).toEqual({});
  });
});

describe('A schema of a response', () => {
  const schema = {
    type: 'object',
    required: ['state', 'count'],
    properties: {
      state: { type: 'string', enum: ['open', 'closed'], maxLength: 6 },
      count: { type: 'integer', format: 'int64', maximum: 10 },
      note: { type: 'string', format: 'date' },
      inner: { type: 'object', additionalProperties: false, properties: { a: TEXT } },
    },
    additionalProperties: false,
  };
  const output = readerOf(schema).output;

  it('keeps fields that the provider adds, at every depth', () => {
    const response = { state: 'open', count: 1, inner: { a: 'x', b: 2 }, more: true };
    expect(output.parse(response)).toEqual(response);
  });

  it.each([
    ['a state that is new', { state: 'archived', count: 1 }],
    ['a number beyond the documented one', { state: 'open', count: 2 ** 60 }],
    ['null for what may be absent', { state: 'open', count: 1, note: null, inner: null }],
    ['a date in another form', { state: 'open', count: 1, note: 'yesterday' }],
  ])('takes %s, so that a call that was made is not reported as broken', (_what, response) => {
    expect(output.safeParse(response).success).toBe(true);
  });

  it.each([
    ['a field is missing that always has to be there', { state: 'open' }],
    ['a field is of another kind', { state: 'open', count: 'one' }],
    ['it is no object', ['open']],
  ])('is refused when %s', (_what, response) => {
    expect(output.safeParse(response).success).toBe(false);
  });
});
