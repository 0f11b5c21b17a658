import { onlyWanted, requestsIn } from 'temporal-http-tasks/internal/policy/providers/path';

const request = (id: string, person: string | number, more = {}) => ({ id, about: { person, name: 'Ann' }, ...more });
const match = { 'about.person': 'p_1', kind: 'remove' };
const list = [
  request('1', 'p_1', { kind: 'remove' }),
  request('2', 'p_2', { kind: 'remove' }),
  request('3', 'p_1', { kind: 'review' }),
];

it('finds the requests of a list that have all wanted values', () => {
  expect(requestsIn(list, { match })).toEqual([list[0]]);
  expect(requestsIn({ data: { all: list } }, { items: 'data.all', match })).toEqual([list[0]]);
  expect(requestsIn([request('4', 7)], { match: { 'about.person': '7' } })).toHaveLength(1);
  expect(requestsIn([{}], { match: { 'about.person': undefined } })).toEqual([]);
  expect(requestsIn({ data: {} }, { items: 'data', match })).toBeUndefined();
});

it('keeps nothing of other users, and of this one only what was asked by and the handle', () => {
  const shown = { ...match, 'about.person': '{{placeholder}}' };
  const wanted = { match, handle: 'id' };
  const kept = [{ about: { person: '{{placeholder}}' }, kind: 'remove', id: '1' }];
  expect(onlyWanted(list, wanted, shown)).toEqual(kept);
  expect(onlyWanted({ data: list, more: 'x' }, { ...wanted, items: 'data' }, shown)).toEqual({ data: kept });
  expect(requestsIn(onlyWanted(list, wanted, shown), { match: shown })).toEqual(kept);
  expect(onlyWanted({ error: 'p_2' }, wanted, shown)).toBeNull();
});
