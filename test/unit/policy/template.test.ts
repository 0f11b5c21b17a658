import fc from 'fast-check';
import { idAt, itemsAt, valueAt, showsState } from 'temporal-http-tasks/internal/policy/providers/path';
import type { StatePattern } from 'temporal-http-tasks/internal/policy/providers/path';
import {
  checkTemplate,
  compileTemplate,
  markPlaces,
  placeholdersIn,
  UnwritableIdError,
} from 'temporal-http-tasks/internal/policy/providers/template';
import type { TemplateScope } from 'temporal-http-tasks/internal/policy/providers/template';

function fill(template: unknown, scope: Partial<TemplateScope> = {}): unknown {
  return compileTemplate(template)({ ids: {}, special: {}, ...scope });
}

describe('a template', () => {
  it('puts values in, nests, and keeps constants', () => {
    const template = { a: ['${contactId}', 1, null], b: { c: '${reason.code}', d: true }, e: '${deviceIds}' };
    expect(
      fill(template, { ids: { contactId: 'c_1', deviceIds: ['d_1', 'd_2'] }, special: { 'reason.code': 'OTHER' } }),
    ).toEqual({ a: ['c_1', 1, null], b: { c: 'OTHER', d: true }, e: ['d_1', 'd_2'] });
  });

  it('leaves out the field or entry of an absent value', () => {
    expect(fill({ a: '${contactId}', b: ['${contactId}', 'x'], c: { d: '${reason.note}' } })).toEqual({
      b: ['x'],
      c: {},
    });
  });

  it('translates and lists', () => {
    const template = {
      why: { map: '${reason.code}', to: { USER_OFFBOARDING: 'churn' }, else: 'other' },
      all: { each: '${ids}', as: { id: '${id}', kind: 'person' } },
    };
    const at = (code: string): unknown => fill(template, { special: { 'reason.code': code, ids: ['a', 'b'] } });
    const all = [
      { id: 'a', kind: 'person' },
      { id: 'b', kind: 'person' },
    ];
    expect(at('USER_OFFBOARDING')).toEqual({ why: 'churn', all });
    expect(at('toString')).toEqual({ why: 'other', all });
  });

  it('never reads a value from outside as a placeholder, and never finds what every object inherits', () => {
    const scope = { ids: { a: '${b}', b: 'secret', list: ['${a}', '${id}'] } };
    expect(fill({ x: '${a}', y: { each: '${list}', as: { v: '${id}' } } }, scope)).toEqual({
      x: '${b}',
      y: [{ v: '${a}' }, { v: '${id}' }],
    });
    expect(fill({ x: '${constructor}', y: '${id}' }, scope)).toEqual({});
  });

  it('is the same text for any value', () => {
    fc.assert(
      fc.property(fc.string(), (value) => expect(fill({ x: '${a}' }, { ids: { a: value } })).toEqual({ x: value })),
    );
  });

  it('sends an ID as a number where one is wanted, exactly or not at all', () => {
    const template = markPlaces({ a: '${a}', list: ['${a}'], all: '${b}', text: '${a}' }, (path) =>
      path[0] === 'text' ? undefined : 'number',
    );
    const at = (a: string, b: readonly string[] = []): unknown => fill(template, { ids: { a, b } });
    expect(at('42', ['1', '9007199254740991'])).toEqual({
      a: 42,
      list: [42],
      all: [1, 9_007_199_254_740_991],
      text: '42',
    });
    expect(placeholdersIn(template)).toEqual(new Set(['a', 'b']));
    for (const id of ['9007199254740993', '0x10', '1e3', '007', '1.5', '', ' 1', 'abc', '-0x1', '-0'])
      expect(() => at(id)).toThrow(UnwritableIdError);
    expect(at('{{target.courier.a}}')).toMatchObject({
      a: '{{target.courier.a:number}}',
      text: '{{target.courier.a}}',
    });
  });

  it("sends the provider's own numbers beyond 2^53 as their digits, also inside an each", () => {
    const as = { id: '${id}', owner: '${a}', codes: ['${id}'] };
    const template = { items: { each: '${items}', as }, ids: { each: '${ids}', as: { id: '${id}' } } };
    const number = markPlaces(template, () => 'number');
    const at = (items: readonly string[], ids: readonly string[] = [], a = '7'): unknown =>
      fill(number, { ids: { a }, special: { items, ids } });
    expect(at(['9007199254740993', '8'])).toEqual({
      items: [
        { id: '9007199254740993', owner: 7, codes: ['9007199254740993'] },
        { id: 8, owner: 7, codes: [8] },
      ],
      ids: [],
    });
    for (const refused of [['a'], ['1.5'], ['']]) expect(() => at(refused)).toThrow(UnwritableIdError);
    expect(() => at([], ['9007199254740993'])).toThrow(UnwritableIdError);
    expect(() => at(['1'], [], '9007199254740993')).toThrow(UnwritableIdError);
    expect(placeholdersIn(number)).toEqual(new Set(['items', 'ids', 'a']));
    expect(checkTemplate({ x: { $digits: '${a}' } }, ['a'])).toHaveLength(1);
  });

  it('checks an ID in a translation', () => {
    const template = { map: '${reason.code}', to: { OTHER: { all: ['${a}'] } }, else: '${a}' };
    const number = markPlaces(template, () => 'number');
    const at = (code: string, a: string): unknown => fill(number, { ids: { a }, special: { 'reason.code': code } });
    expect([at('OTHER', '7'), at('X', '7')]).toEqual([{ all: [7] }, 7]);
    for (const code of ['OTHER', 'X']) expect(() => at(code, '9007199254740993')).toThrow(UnwritableIdError);
    const path = markPlaces({ map: '${reason.code}', to: {}, else: '${a}' }, () => 'path');
    expect(() => fill(path, { ids: { a: '..' }, special: { 'reason.code': 'X' } })).toThrow(UnwritableIdError);
    const broken = { map: '${reason.code}', to: null };
    expect(markPlaces(broken, () => 'path')).toEqual(broken);
  });

  it('refuses what a URL resolves to another route', () => {
    const template = markPlaces({ a: '${a}' }, () => 'path');
    for (const id of ['.', '..', '']) expect(() => fill(template, { ids: { a: id } })).toThrow(UnwritableIdError);
    expect(fill(template, { ids: { a: '../b' } })).toEqual({ a: '../b' });
  });

  it('reports unknown placeholders, texts around them, and broken translations, with their places', () => {
    const problems = checkTemplate(
      {
        a: '${nope}',
        b: ['x', 'c-${contactId}'],
        c: { map: 'fixed', to: {} },
        d: { each: '${contactId}', as: { id: '${id}', no: '${item}' } },
        e: '$ {contactId}',
        f: '${contactId',
        g: { $number: '${contactId}' },
      },
      ['contactId'],
    );
    expect(problems.map(({ place, message }) => `${place} ${message}`)).toEqual([
      '.a unknown placeholder ${nope}; allowed here: ${contactId}',
      '.b[1] a placeholder must be the whole text, such as "${contactId}"',
      '.c.map must be a placeholder, such as "${reason.code}"',
      '.d.as.no unknown placeholder ${item}; allowed here: ${contactId}, ${id}',
      '.f a placeholder must be the whole text, such as "${contactId}"',
      '.g.$number is not a name that can be used here',
    ]);
  });
});

describe('a dotted path', () => {
  const response = { data: [{ id: 'a', n: 1 }, { id: 'b' }], paging: { next: null }, one: { deep: { id: 7 } } };

  it('finds a value; a list means its first entry, or the one that is numbered', () => {
    expect(valueAt(response, 'data.id')).toBe('a');
    expect(valueAt(response, 'data.1.id')).toBe('b');
    expect(valueAt(response, 'one.deep.id')).toBe(7);
    expect(valueAt(response, 'toString')).toBeUndefined();
    expect(idAt(response, 'one.deep.id')).toBe('7');
    expect(idAt(response, 'paging.next')).toBeUndefined();
  });

  it('finds items, each once, and nothing in a response that has no list of IDs', () => {
    expect(itemsAt({ items: [{ id: 'a' }, { id: 7 }, { id: 'a' }] }, 'items.id')).toEqual(['a', '7']);
    expect(itemsAt({ items: [] }, 'items.id')).toEqual([]);
    expect(itemsAt(['a'], 'x')).toBeUndefined();
    for (const bad of [
      {},
      { items: null },
      { items: {} },
      { items: 'a' },
      { items: [{}] },
      { items: [{ id: '' }] },
      { items: [{ id: 1.5 }] },
      null,
      'x',
    ])
      expect(itemsAt(bad, 'items.id')).toBeUndefined();
    expect(itemsAt({ items: 'a' }, 'items')).toBeUndefined();
    expect(itemsAt({ items: ['a', 'b'] }, 'items')).toEqual(['a', 'b']);
  });
});

it.each<[string, unknown, StatePattern, boolean]>([
  ['the text of a state', { state: 'done' }, 'done', true],
  ['another state', { state: 'Done' }, 'done', false],
  ['a state that is a number', { state: 3 }, '3', true],
  ['no state', {}, 'done', false],
  [
    'all paths',
    { status: 'done', error: 'User not found' },
    { status: 'done', error: { contains: 'not found' } },
    true,
  ],
  ['one of two paths', { status: 'done', error: 'other' }, { status: 'done', error: { contains: 'not found' } }, false],
  ['a boolean', { user: { active: false } }, { 'user.active': false }, true],
  ['an absent boolean', { user: {} }, { 'user.active': false }, false],
  ['a whole text', { error: ' User not found. ' }, { error: { text: 'user not found' } }, true],
  ['a longer text', { error: 'User not found here' }, { error: { text: 'user not found' } }, false],
  ['something', { error: 'x' }, { error: { exists: true } }, true],
  ['nothing', { error: null }, { error: { exists: true } }, false],
])('a pattern is compared with %s', (_what, response, pattern, expected) => {
  expect(showsState(response, [pattern], 'state')).toBe(expected);
});
