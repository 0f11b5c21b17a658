import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describedApi } from '@temporal-http-tasks/cli/internal/providers/described-api';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { startProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import type {
  ProviderSimulator,
  ProviderSimulatorOptions,
} from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import { LIBRARY, writeProvider } from '../openapi/provider-files';
import { control, exchange } from './raw-client';
import type { RawResponse } from './raw-client';

const EXAMPLES = join(__dirname, '../../packages/cli/examples');
const AUTHORIZED = { authorization: 'Bearer sim-courier-token' };

let running: ProviderSimulator | undefined;
afterEach(() => running?.close());

async function simulate(file: string, options: ProviderSimulatorOptions = {}): Promise<ProviderSimulator> {
  running = await startProviderSimulator(describedApi(await readProviderFile(file)), options);
  return running;
}

const courier = (options?: ProviderSimulatorOptions): Promise<ProviderSimulator> =>
  simulate(join(EXAMPLES, 'courier.provider.yaml'), options);

/** The example with a text of the provider file, or of its document, replaced. */
function changedCourier(from: string, to: string, document: [from: string, to: string] = ['', '']): string {
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-courier-'));
  const file = join(folder, 'courier.provider.yaml');
  const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');
  writeFileSync(
    file,
    read('courier.provider.yaml').replace(from, () => to),
  );
  writeFileSync(
    join(folder, 'courier.openapi.yaml'),
    read('courier.openapi.yaml').replace(document[0], () => document[1]),
  );
  return file;
}

function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = AUTHORIZED,
): Promise<RawResponse> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return exchange(running!.port, method, path, { 'content-type': 'application/json', ...headers }, text);
}

describe('the simulator of a provider file', () => {
  it('has what a step is about until its act succeeds; then looks are absent with the first code', async () => {
    const simulator = await courier();
    expect((await call('GET', '/contacts/c_1')).json).toEqual({ id: 'text', created_at: '2026-01-01T00:00:00Z' });
    const deleted = await call('DELETE', '/contacts/c_1');
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    const look = await call('GET', '/contacts/c_1');
    expect([look.status, look.json.error]).toMatchObject([404, { code: 'contact_not_found', request_id: 'req_1' }]);
    expect((await call('DELETE', '/contacts/c_1')).status).toBe(404);
    expect((await call('GET', '/contacts/c_2')).status).toBe(200);
    expect(simulator.state().steps.find(({ step }) => step === 'courier.contact')).toEqual({
      step: 'courier.contact',
      user: 'c_1',
      gone: true,
      removals: 1,
    });
    expect(simulator.state().repeats.refused).toEqual([{ endpoint: 'deleteContact', user: 'c_1', times: 1 }]);
    expect(simulator.state().touched).toEqual(['c_1']);
  });

  it('lists items in pages until they are removed, then an empty list', async () => {
    await courier({ users: { users: [{ ids: { contactId: 'c_1' }, items: ['d_1', 'd_2', 'd_3'] }] } });
    const first = (await call('GET', '/contacts/c_1/devices')).json;
    expect(first).toEqual({
      data: [
        { id: 'd_1', platform: 'ios' },
        { id: 'd_2', platform: 'ios' },
      ],
      next_cursor: '2',
    });
    expect((await call('GET', '/contacts/c_1/devices?cursor=2')).json).toEqual({
      data: [{ id: 'd_3', platform: 'ios' }],
    });
    const removed = await call('POST', '/contacts/c_1/devices/remove', { device_ids: ['d_1', 'd_3'] });
    expect([removed.status, removed.json]).toEqual([200, { removed: 1 }]);
    expect((await call('GET', '/contacts/c_1/devices')).json.data).toEqual([{ id: 'd_2', platform: 'ios' }]);
    await call('POST', '/contacts/c_1/devices/remove', { device_ids: ['d_2'] });
    expect((await call('GET', '/contacts/c_1/devices')).json).toEqual({ data: [] });
    const again = await call('POST', '/contacts/c_1/devices/remove', { device_ids: ['d_2'] });
    expect([again.status, again.json.error]).toMatchObject([404, { code: 'device_not_found', request_id: 'req_3' }]);
  });

  it('takes requests through their states to done, and finds them by the person', async () => {
    const simulator = await courier({ polls: 1 });
    const filed = await call('POST', '/erasures', { person: 'c_1' });
    expect(filed).toMatchObject({ status: 202, json: { status: 'queued', person: 'text' } });
    const id = String(filed.json.id);
    expect((await call('GET', `/erasures/${id}`)).json.status).toBe('queued');
    expect((await call('GET', `/erasures/${id}`)).json.status).toBe('completed');
    expect((await call('GET', '/erasures')).json.data).toEqual([{ id, person: 'c_1', status: 'queued' }]);
    expect((await call('GET', '/erasures/other')).status).toBe(404);
    await call('POST', '/erasures', { person: 'c_1' });
    expect(simulator.state().repeats.irreversible).toEqual([{ endpoint: 'fileErasure', user: 'c_1', times: 1 }]);
    expect(simulator.state().requests.map(({ user, state }) => [user, state])).toEqual([
      ['c_1', 'done'],
      ['c_1', 'pending'],
    ]);
  });

  it('wants the keys that the document names, and shows none of them', async () => {
    const simulator = await courier();
    expect(simulator.keys).toEqual({ COURIER_TOKEN: 'sim-courier-token' });
    const refused = await call('DELETE', '/contacts/c_1', undefined, { authorization: 'Bearer other' });
    expect([refused.status, refused.json.error]).toEqual([401, { code: 'unauthorized', request_id: 'sim-401' }]);
    expect((await call('GET', '/contacts/c_1')).status).toBe(200);
    expect(JSON.stringify([simulator.state(), simulator.calls()])).not.toContain('other');
  });

  it('has faults, users, settings and a log of calls as the other simulators have', async () => {
    const simulator = await courier({ unknownIds: 'absent' });
    expect((await call('GET', '/contacts/g-1')).status).toBe(404);
    const generate = { count: 1_000, prefix: 'g-', itemsPerUser: 1 };
    expect((await control(simulator, 'POST', 'users', { generate })).json).toEqual({ added: 1_000, users: 1_000 });
    expect((await call('GET', '/contacts/g-999/devices')).json.data).toHaveLength(1);
    await control(simulator, 'POST', 'faults', [
      { endpoint: 'deleteContact', kind: 'dropAfter', user: 'g-1', nth: 1 },
      { endpoint: 'deleteContact', kind: 'resetMidBody', user: 'g-2' },
      { endpoint: 'deleteContact', kind: 'serverError', processed: true, user: 'g-3' },
      { endpoint: 'getContact', kind: 'rateLimit', times: 1 },
    ]);
    await expect(call('DELETE', '/contacts/g-1')).rejects.toThrow();
    await expect(call('DELETE', '/contacts/g-2')).rejects.toThrow();
    expect((await call('DELETE', '/contacts/g-3')).status).toBe(500);
    expect((await call('GET', '/contacts/g-1')).status).toBe(429);
    expect((await call('GET', '/contacts/g-1')).status).toBe(404);
    const { json } = await control(simulator, 'GET', 'calls?after=2&limit=3');
    expect(json.calls).toMatchObject([
      { endpoint: 'deleteContact', user: 'g-1', status: null, processed: true, fault: 'dropAfter' },
      { endpoint: 'deleteContact', user: 'g-2', status: null, processed: true, fault: 'resetMidBody' },
      { endpoint: 'deleteContact', user: 'g-3', status: 500, processed: true, fault: 'serverError' },
    ]);
    const wrong = await control(simulator, 'POST', 'faults', { endpoint: 'userRemove', kind: 'dropAfter' });
    expect([wrong.status, wrong.json.error]).toMatchObject([400, { field: 'endpoint' }]);
    const unknown = await control(simulator, 'POST', 'users', { users: [{ ids: { contact: 'x' } }] });
    expect(unknown.json.error).toEqual({ field: 'users.0.ids.contact', message: 'unknown ID; known: contactId' });
    await control(simulator, 'POST', 'reset');
    expect(simulator.figures()).toMatchObject({ counts: { users: 0 }, calls: { total: 0 } });
  });
});

describe('what the document says counts more than the provider file', () => {
  it('an absent response has the code that the document names for it', async () => {
    await simulate(
      changedCourier('getContact: { absent: [contact_not_found] }', 'getContact: { absent: [no_contact] }'),
    );
    await call('DELETE', '/contacts/c_1');
    expect((await call('GET', '/contacts/c_1')).json.error).toMatchObject({ code: 'contact_not_found' });
  });

  it('items are not put where the document describes the response without them', async () => {
    const simulator = await simulate(changedCourier('items: data.id', 'items: devices.id'));
    expect((await call('GET', '/contacts/c_1/devices')).json).toEqual({ data: [] });
    expect(simulator.state().unplaced).toEqual([
      { operation: 'listDevices', path: 'devices.id', described: ['data[].id', 'data[].platform', 'next_cursor'] },
    ]);
  });

  it('a request never shows a state that the document does not have', async () => {
    const simulator = await simulate(changedCourier('done: [completed]', 'done: [done]'), { polls: 0 });
    const { json } = await call('POST', '/erasures', { person: 'c_1' });
    expect((await call('GET', `/erasures/${String(json.id)}`)).json.status).toBe('queued');
    expect(simulator.state().unplaced).toMatchObject([{ operation: 'getErasure', path: 'status: done' }]);
  });
});

it('simulate: replaces status and body, of what is there and of what is not', async () => {
  const given = [
    'simulate:',
    '  deleteContact: { status: 200, body: { ok: true } }',
    '  getContact: { body: { id: c }, absent: { status: 410, body: { error: { code: erased } } } }',
  ];
  await simulate(changedCourier('provider: courier', ['provider: courier', ...given].join('\n')));
  expect((await call('GET', '/contacts/c_1')).json).toEqual({ id: 'c' });
  expect(await call('DELETE', '/contacts/c_1')).toMatchObject({ status: 200, json: { ok: true } });
  expect(await call('GET', '/contacts/c_1')).toMatchObject({ status: 410, json: { error: { code: 'erased' } } });
});

it('all kinds of steps of a provider with numbers, conditions, a confirmation and tokens', async () => {
  const simulator = await simulate(writeProvider(LIBRARY), { polls: 0 });
  const key = { 'X-Library-Key': 'sim-library-key' };
  const get = async (path: string): Promise<RawResponse> => call('GET', path, undefined, key);
  simulator.seed({
    users: [{ ids: { memberId: '7', cards: ['a', 'b'], personId: 'p_7' }, items: { loans: ['l_1'] } }],
  });
  expect((await get('/members/7/loans')).json).toEqual({ data: { loans: [{ id: 'l_1' }] } });
  expect((await get('/members/7')).json).toMatchObject({});
  expect((await call('DELETE', '/members/7?reason=closed', undefined, key)).status).toBe(204);
  expect(await get('/members/7')).toMatchObject({ status: 404, json: { errors: { code: 'no_member' } } });
  await call('POST', '/members/delete', { members: [{ id: 7 }, { id: 8 }] }, key);
  expect(simulator.state().repeats.repeatSafe).toEqual([{ endpoint: 'deleteMembers', user: '7', times: 1 }]);
  expect((await get('/members/8')).status).toBe(404);
  await call('DELETE', '/cards/a', undefined, key);
  expect((await call('DELETE', '/cards/a', undefined, key)).status).toBe(410);
  expect((await call('DELETE', '/cards/b', undefined, key)).status).toBe(200);

  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const basic = Buffer.from('sim-library-client-id:sim-library-client-secret').toString('base64');
  const token = await exchange(
    simulator.port,
    'POST',
    '/__sim-oauth/token',
    { ...form, authorization: `Basic ${basic}` },
    'a=b',
  );
  const signedIn = { authorization: `Bearer ${String(token.json.access_token)}` };
  const filing = { person: 'p_7', key: '00000000-0000-4000-8000-000000000007' };
  const filed = await call('POST', '/erasures', filing, signedIn);
  const again = await call('POST', '/erasures', filing, signedIn);
  expect(again.json).toEqual(filed.json);
  const id = (filed.json.data as { id: string }).id;
  expect((await get(`/erasures/${id}`)).json).toEqual({ data: { state: 'waiting' } });
  expect((await get(`/erasures/${id}`)).json).toEqual({ data: { state: 'waiting' } });
  await call('POST', `/erasures/${id}/confirm`, undefined, key);
  expect((await get(`/erasures/${id}`)).json).toEqual({ data: { state: 'done' } });
  expect((await get('/erasures')).json).toEqual({ data: [{ person: 'p_7', id }] });
  const { gone, left, repeatCounts } = simulator.state();
  expect({ gone, left, irreversible: repeatCounts.irreversible }).toEqual({
    gone: [],
    left: ['7', '8'],
    irreversible: 0,
  });
});
