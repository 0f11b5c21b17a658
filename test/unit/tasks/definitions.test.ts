import { z } from 'zod';
import { batch, CATALOGUE, Catalogue, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask, sensitiveFieldsIn, stringsAt } from 'temporal-http-tasks/internal/tasks/define';
import { effectOf } from 'temporal-http-tasks/internal/tasks/effect';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { lookInput } from 'temporal-http-tasks/internal/policy/settle-lost-call';

const service = defineService({
  name: 'desk',
  title: 'Desk',
  environments: { default: 'https://desk.example.com' },
  defaultEnvironment: 'default',
  errors: { fields: { code: 'error' }, rules: [] },
});

const sound = {
  service,
  operation: 'close',
  summary: 'Close',
  method: 'POST' as const,
  path: '/close',
  input: z.strictObject({}),
  output: z.looseObject({}),
  effect: 'irreversible' as const,
  settle: { by: 'resend' as const, basis: 'assumed' as const },
  remedy: 'Open it again.',
};

describe('defineHttpTask', () => {
  it('names a task by its service and operation', () => {
    expect(defineHttpTask(sound).name).toBe('desk.close');
  });

  it.each([
    ['an operation with a capital', { ...sound, operation: 'Close' }, 'operation'],
    ['a path without a slash', { ...sound, path: 'close' }, 'path'],
    ['a placeholder that nothing fills', { ...sound, path: '/close/{id}' }, '{id}'],
    ['an irreversible task that does not settle', { ...sound, settle: undefined }, 'settle'],
    ['an irreversible task without a remedy', { ...sound, remedy: '' }, 'remedy'],
    ['a call that may outlive its activity', { ...sound, timeouts: { totalMs: 240_001 } }, 'timeouts.totalMs'],
    ['a call without any time', { ...sound, timeouts: { totalMs: 0 } }, 'timeouts.totalMs'],
  ])('refuses %s, naming it', (_what, input, named) => {
    expect(() => defineHttpTask(input)).toThrow(TypeError);
    expect(() => defineHttpTask(input)).toThrow(named);
  });
});

describe('settle by a read', () => {
  const readTicket = defineHttpTask({
    ...{ service, operation: 'ticketGet', summary: 'Read', method: 'GET', path: '/ticket', effect: 'read' },
    input: z.strictObject({ id: z.string() }),
    output: z.looseObject({}),
  } as const);
  const look = { by: 'look', with: readTicket, input: { id: '${id}' }, absent: [404] } as const;
  const input = z.strictObject({ id: z.string(), owner: z.strictObject({ id: z.string() }) });
  const looking = { ...sound, input, settle: look };

  it('keeps the name of the task that reads, and what the call returns without its response', () => {
    const { settle } = defineHttpTask(looking);
    expect(settle).toEqual({ ...look, with: 'desk.ticketGet', output: {} });
    const nested = { ...look, with: 'desk.ticketGet', input: { id: '${owner.id}' }, output: { done: true } };
    expect(defineHttpTask({ ...looking, settle: nested }).settle).toEqual(nested);
    expect(lookInput(nested, { id: '1', owner: { id: '2' } })).toEqual({ id: '2' });
  });

  it.each([
    ['a read that is not one', { with: defineHttpTask(sound) }, 'settle.with names desk.close, which is not a read'],
    ['a name without a service', { with: 'ticketGet' }, 'settle.with must be'],
    ['a field that the call does not have', { input: { id: '${ticket}' } }, 'settle.input.id: unknown placeholder'],
    ['a placeholder within a text', { input: { id: 'T-${id}' } }, 'settle.input.id: a placeholder must be the whole'],
    ['no sign of absence', { absent: [] }, 'settle.absent must list'],
    ['a status that may mean anything', { absent: [500] }, 'settle.absent[0]'],
    ['a state that is none', { absent: [{}] }, 'settle.absent[0]'],
    ['a long wait', { lagMs: 600_001 }, 'settle.lagMs'],
    ['an output that does not fit', { output: 7 }, 'settle.output does not fit'],
  ])('refuses %s', (_what, change, message) => {
    expect(() => defineHttpTask({ ...looking, settle: { ...look, ...change } })).toThrow(message);
  });

  it('asks for an output where the schema does not allow an empty one', () => {
    const output = z.looseObject({ ticket: z.string() });
    expect(() => defineHttpTask({ ...looking, output })).toThrow('settle.output is required');
  });

  it('is for irreversible tasks, and for tasks that a worker has', () => {
    expect(() => defineHttpTask({ ...looking, effect: 'repeatSafe' })).toThrow('settle.by is "look"');
    const task = defineHttpTask(looking);
    expect(() => new Catalogue([task])).toThrow('settled by desk.ticketGet, which is not among the tasks');
    expect(new Catalogue([task, readTicket]).tasks).toHaveLength(2);
  });
});

describe('defineService', () => {
  const input = {
    name: 'desk',
    title: 'Desk',
    defaultEnvironment: 'default',
    errors: { fields: { code: 'error' }, rules: [] },
  };

  it.each([
    ['a name with a dot', { ...input, name: 'a.b', environments: { default: 'https://a.example' } }, 'name'],
    [
      'a default environment that is not listed',
      { ...input, environments: { live: 'https://a.example' } },
      'defaultEnvironment',
    ],
    [
      'a URL with a trailing slash',
      { ...input, environments: { default: 'https://a.example/' } },
      'environments.default',
    ],
    ['a URL with a query', { ...input, environments: { default: 'https://a.example?x=1' } }, 'environments.default'],
  ])('refuses %s, naming it', (_what, bad, named) => {
    expect(() => defineService(bad)).toThrow(named);
  });
});

describe('the catalogue', () => {
  it('holds the provider tasks and the generic one', () => {
    expect(CATALOGUE.map(({ name }) => name)).toEqual([
      'plaid.userItemsGet',
      'plaid.userItemsRemove',
      'plaid.userProductsTerminate',
      'plaid.itemRemove',
      'plaid.userRemove',
      'plaid.itemGet',
      'plaid.itemProductsTerminate',
      'plaid.assetReportRemove',
      'batch.customDataDelete',
      'batch.customDataBulkDelete',
      'batch.gdprRequestCreate',
      'batch.gdprRequestGet',
      'batch.gdprRequestsList',
      'http.request',
    ]);
  });

  it('refuses two tasks of one name', () => {
    expect(() => new Catalogue([plaid.userRemove, plaid.userRemove])).toThrow('plaid.userRemove');
  });

  it('finds tasks by words of name, summary, path and tags, whatever their case', () => {
    const found = (query: string): string[] => new Catalogue().search(query).map(({ name }) => name);
    expect(found('BULK')).toEqual(['batch.customDataBulkDelete']);
    expect(found('remove items')).toEqual(['plaid.userItemsRemove', 'plaid.itemRemove']);
    expect(found('/item/remove')).toEqual(['plaid.itemRemove']);
    expect(found('no such thing')).toEqual([]);
    expect(found('')).toHaveLength(CATALOGUE.length);
  });

  it('never asks for a key of the provider as input', () => {
    const keys = new Set(
      CATALOGUE.flatMap(({ service: { credentials } }) =>
        credentials.flatMap(({ name, bodyName }) => [name, bodyName]),
      ),
    );
    for (const task of CATALOGUE) {
      const { properties = {} } = z.toJSONSchema(task.input, { unrepresentable: 'any', io: 'input' });
      for (const field of Object.keys(properties)) expect(keys).not.toContain(field);
    }
  });
});

describe('the inputs of Plaid tasks', () => {
  const one = [plaid.userItemsGet, plaid.userRemove];

  it.each(one.map((task) => [task.name, task] as const))(
    '%s takes exactly one of user_id and user_token',
    (_name, task) => {
      expect(task.input.safeParse({ user_id: 'u' }).success).toBe(true);
      expect(task.input.safeParse({ user_token: 't' }).success).toBe(true);
      expect(task.input.safeParse({}).success).toBe(false);
      expect(task.input.safeParse({ user_id: 'u', user_token: 't' }).success).toBe(false);
      expect(task.input.safeParse({ user_id: '' }).success).toBe(false);
    },
  );

  it('gives products/terminate and item/remove different reason codes', () => {
    const terminate = (reason_code: string): boolean =>
      plaid.userProductsTerminate.input.safeParse({ user_id: 'u', reason_code }).success;
    const remove = (reason_code: string): boolean =>
      plaid.itemRemove.input.safeParse({ access_token: 'a', reason_code }).success;
    expect([terminate('USER_OFFBOARDING'), remove('USER_OFFBOARDING')]).toEqual([true, false]);
    expect([terminate('CONNECTION_IS_NON_FUNCTIONAL'), remove('CONNECTION_IS_NON_FUNCTIONAL')]).toEqual([false, true]);
    expect(terminate('FRAUD_TRANSACTION')).toBe(true);
  });

  it.each([
    ['an e-mail address', 'asked by jane@example.com', false],
    ['a phone number', 'call +1 (415) 555-0123', false],
    ['more than 512 characters', 'x'.repeat(513), false],
    ['plain words and a year', 'closed in 2026, case 4711', true],
  ])('takes no reason note with %s, but plain ones', (_what, reason_note, allowed) => {
    const input = { user_id: 'u', reason_code: 'OTHER', reason_note };
    expect(plaid.userProductsTerminate.input.safeParse(input).success).toBe(allowed);
  });

  it('marks tokens as sensitive, also one in user_id', () => {
    const token = 'user-sandbox-b0e2c4ee-a763-4df5-bfe9-46a46bce993d';
    expect(sensitiveFieldsIn(plaid.userRemove, { user_id: 'usr_1' })).toEqual([]);
    expect(sensitiveFieldsIn(plaid.userRemove, { user_token: 'anything' })).toEqual(['user_token']);
    expect(sensitiveFieldsIn(plaid.userRemove, { user_id: token })).toEqual(['user_id']);
    expect(sensitiveFieldsIn(plaid.itemRemove, { access_token: 'access-sandbox-1' })).toEqual(['access_token']);
  });
});

describe('custom user ids at Batch', () => {
  const single = (id: string): boolean => batch.customDataDelete.input.safeParse({ id }).success;
  const bulk = (ids: string[]): boolean => batch.customDataBulkDelete.input.safeParse({ ids }).success;

  it.each([
    ['padding and capitals', ' Alice '],
    ['what SDKs would refuse', 'null'],
    ['a slash', 'a/b'],
    ['a character outside the basic plane', '🙂'],
    ['1,023 characters', 'x'.repeat(1_023)],
    ['1,023 characters outside the basic plane', '🙂'.repeat(1_023)],
  ])('are taken with %s, unchanged', (_what, id) => {
    expect(batch.customDataDelete.input.parse({ id })).toEqual({ id });
  });

  it.each([
    ['nothing in it', ''],
    ['1,024 characters', 'x'.repeat(1_024)],
    ['half of a surrogate pair', 'a\ud800b'],
  ])('are refused with %s', (_what, id) => {
    expect([single(id), bulk([id])]).toEqual([false, false]);
  });

  it.each(['.', '..'])('are refused in a route and taken in a bulk call: %s', (id) => {
    expect([single(id), bulk([id])]).toEqual([false, true]);
  });

  it('come at most ten thousand in a bulk call, and at least one', () => {
    const ids = Array.from({ length: 10_001 }, (_, index) => `u${index}`);
    expect([bulk(ids), bulk(ids.slice(1)), bulk([])]).toEqual([false, true, false]);
  });
});

describe('http.request', () => {
  it.each([
    [{}, 'read'],
    [{ method: 'HEAD' }, 'read'],
    [{ method: 'POST' }, 'irreversible'],
    [{ method: 'DELETE', effect: 'repeatSafe' }, 'repeatSafe'],
  ])('with %j counts as %s', (input, effect) => {
    expect(effectOf(http.request, { uri: 'https://a.example', ...input })).toBe(effect);
  });

  it.each([
    [{ uri: 'ftp://a.example' }],
    [{ uri: 'https://a.example', headers: { 'x-a': 'b\r\nx-evil: 1' } }],
    [{ uri: 'https://a.example', headers: { 'x a': 'b' } }],
    [{ uri: 'https://a.example', accept: 'a\nb' }],
    [{ uri: 'https://a.example', method: 'CONNECT' }],
  ])('refuses %j', (input) => {
    expect(http.request.input.safeParse(input).success).toBe(false);
  });
});

it('walks a dotted path through arrays to texts and whole numbers, as texts', () => {
  const value = { items: [{ id: 'a' }, { id: 'b' }, { other: 1 }], deep: { list: ['c', 4, 'd'] }, plain: 'e' };
  expect(stringsAt(value, 'items.id')).toEqual(['a', 'b']);
  expect(stringsAt(value, 'deep.list')).toEqual(['c', '4', 'd']);
  expect(stringsAt(value, 'plain')).toEqual(['e']);
  expect(stringsAt(value, 'no.such')).toEqual([]);
});
