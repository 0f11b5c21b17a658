import { TaskSearch } from '@temporal-http-tasks/console/internal/search';
import type { Searchable } from '@temporal-http-tasks/console/internal/search';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';

const search = new TaskSearch(CATALOGUE);
const names = (query: string): string[] => search.find(query).map(({ name }) => name);

it.each([
  ['the name', 'plaid.userItemsRemove', 'plaid.userItemsRemove'],
  ['the operation', 'userItemsRemove', 'plaid.userItemsRemove'],
  ['words of the summary', 'terminate products', 'plaid.userProductsTerminate'],
  ['the path', '/user/items/remove', 'plaid.userItemsRemove'],
  ['a tag', 'bulk', 'batch.customDataBulkDelete'],
  ['words of the description', 'bare JSON array', 'batch.customDataBulkDelete'],
  ['beginnings of words', 'bul cust', 'batch.customDataBulkDelete'],
  ['words with typos', 'lok up item', 'plaid.itemGet'],
  ['swapped letters', 'lsit itmes', 'plaid.userItemsGet'],
  ['a name with a typo', 'userItmsRemove', 'plaid.userItemsRemove'],
  ['any case', 'GDPR LOOK', 'batch.gdprRequestGet'],
])('finds a task by %s: %s', (_what, query, best) => {
  expect(names(query)[0]).toBe(best);
});

it('finds all for no words, none for words that nothing has, and what fits best when not all words are found', () => {
  expect(names(' ')).toEqual(CATALOGUE.map(({ name }) => name));
  expect(names('xylophone')).toEqual([]);
  expect(names('products xylophone')[0]).toBe('plaid.userProductsTerminate');
});

it('takes whatever is typed, also on the way to a word', () => {
  for (const query of ['', '*', '(', '[a', '\\', '/', '.', 'ü', '🦊', 'a'.repeat(10_000), '__proto__', 'constructor'])
    expect(Array.isArray(search.find(query))).toBe(true);
});

it('searches a thousand tasks within 20 ms of computing', () => {
  const verbs = ['create', 'get', 'list', 'remove', 'update', 'refresh', 'search', 'sync', 'cancel', 'evaluate'];
  const things = [
    'user',
    'item',
    'account',
    'transfer',
    'report',
    'payment',
    'identity',
    'webhook',
    'invoice',
    'session',
  ];
  const kinds = ['link', 'processor', 'beta', 'signal', 'income', 'watchlist', 'asset', 'wallet', 'credit', 'sandbox'];
  const filler =
    'This endpoint is for those who want to know more about what it does and how it is billed, as the documentation says. '.repeat(
      8,
    );
  const many: Searchable[] = kinds.flatMap((kind) =>
    things.flatMap((thing) =>
      verbs.map((verb) => ({
        name: `big.${kind}${thing}${verb}`,
        summary: `${verb} a ${kind} ${thing}`,
        path: `/${kind}/${thing}/${verb}`,
        tags: [kind],
        description: `${verb} ${thing}. ${filler}`,
      })),
    ),
  );
  const big = new TaskSearch(many);
  const queries = [
    'remove user',
    'remov usr',
    'wallet invoice list',
    'p',
    'documentation billed',
    'xylophone',
    'evalaute sesion beta',
  ];
  queries.forEach((query) => big.find(query));
  const started = process.cpuUsage();
  for (let round = 0; round < 10; round += 1) queries.forEach((query) => big.find(query));
  const { user, system } = process.cpuUsage(started);
  expect(many).toHaveLength(1_000);
  expect((user + system) / 1_000 / (10 * queries.length)).toBeLessThan(20);
});
