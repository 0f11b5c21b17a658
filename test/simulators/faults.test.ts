import { createConnection } from 'node:net';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { FaultRuleInput, RetryAfterForm, Simulators } from '@temporal-http-tasks/testing';
import { callBatch, callPlaid, plaidHeaders } from './raw-client';
import type { RawResponse } from './raw-client';

let simulators: Simulators;
type KindOf<Rule> = Rule extends { endpoint: unknown } ? Omit<Rule, 'endpoint'> : never;

beforeEach(async () => {
  simulators = await startSimulators({
    plaid: { users: { users: [{ userId: 'usr_a', items: ['item-a1'] }] } },
    batch: { users: { users: ['anna'] } },
  });
});
afterEach(() => simulators.close());

const removeItems = (timeoutMs?: number): Promise<RawResponse> =>
  callPlaid(simulators.plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ['item-a1'] }, timeoutMs);
const deleteData = (): Promise<RawResponse> => callBatch(simulators.batch, 'DELETE', '/data/users/anna');

const fault = (rule: KindOf<FaultRuleInput>): void => {
  simulators.plaid.faults.add({ ...rule, endpoint: 'userItemsRemove' });
  simulators.batch.faults.add({ ...rule, endpoint: 'customDataDelete' });
};
const lastCall = () => simulators.plaid.calls().calls.at(-1)!;

/** Sends the removal on a bare socket and returns all bytes that came before the end or the reset. */
function bytesUntilClosed(): Promise<{ text: string; error?: string }> {
  const { plaid } = simulators;
  const body = JSON.stringify({ user_id: 'usr_a', item_ids: ['item-a1'] });
  const head = Object.entries({ ...plaidHeaders(plaid), host: 'x', 'content-length': String(body.length) });
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port: plaid.port });
    let text = '';
    let error: string | undefined;
    socket.on('data', (chunk) => (text += chunk.toString('utf8')));
    socket.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code));
    socket.on('close', () => resolve({ text, ...(error !== undefined && { error }) }));
    socket.write(
      `POST /user/items/remove HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
    );
  });
}

describe('the connection', () => {
  it('is reset before anything is processed', async () => {
    fault({ kind: 'dropBefore' });
    expect(await bytesUntilClosed()).toEqual({ text: '', error: 'ECONNRESET' });
    expect(lastCall()).toMatchObject({ status: null, processed: false, fault: 'dropBefore' });
    expect(simulators.plaid.state().touched).toEqual([]);
    await expect(deleteData()).rejects.toThrow();
    expect(simulators.batch.state().apps['ios']!.touched).toEqual([]);
  });

  it('is reset after everything was processed', async () => {
    fault({ kind: 'dropAfter' });
    expect(await bytesUntilClosed()).toEqual({ text: '', error: 'ECONNRESET' });
    expect(lastCall()).toMatchObject({ status: null, processed: true, fault: 'dropAfter' });
    expect(simulators.plaid.state().touched).toEqual(['usr_a']);
    await expect(deleteData()).rejects.toThrow();
    expect(simulators.batch.state().apps['ios']!.gone).toEqual(['anna']);
  });

  it.each([true, false])('is reset in the middle of the body (processed: %s)', async (processed) => {
    fault({ kind: 'resetMidBody', processed });
    const { text, error } = await bytesUntilClosed();
    const [head, part] = text.split('\r\n\r\n');
    expect(head).toContain('HTTP/1.1 200');
    const promised = Number(/content-length: (\d+)/i.exec(head!)![1]);
    expect(part!.length).toBeGreaterThan(0);
    expect(part!.length).toBeLessThan(promised);
    expect(error).toBe('ECONNRESET');
    expect(lastCall()).toMatchObject({ processed, fault: 'resetMidBody' });
    expect(simulators.plaid.state().items.removed).toHaveLength(processed ? 1 : 0);
  });

  it.each([true, false])('falls silent in the middle of the body (processed: %s)', async (processed) => {
    fault({ kind: 'stallMidBody', processed });
    await expect(removeItems(300)).rejects.toThrow('the client gave up');
    expect(lastCall()).toMatchObject({ processed, fault: 'stallMidBody' });
    expect(simulators.plaid.state().items.removed).toHaveLength(processed ? 1 : 0);
  });

  it.each([true, false])('stalls until the client gives up (processed: %s)', async (processed) => {
    fault({ kind: 'stall', processed });
    await expect(removeItems(200)).rejects.toThrow('the client gave up');
    expect(lastCall()).toMatchObject({ status: null, processed, fault: 'stall' });
    expect(simulators.plaid.state().items.removed).toHaveLength(processed ? 1 : 0);
  });

  it('responds late when the stall has an end and the call was processed', async () => {
    fault({ kind: 'stall', stallMs: 150 });
    const startedMs = performance.now();
    expect((await removeItems()).status).toBe(200);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(145);
    expect(lastCall()).toMatchObject({ status: 200, processed: true });
  });

  it('is reset at the end of a stall in which nothing was processed', async () => {
    fault({ kind: 'stall', stallMs: 50, processed: false });
    await expect(removeItems()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(simulators.plaid.state().touched).toEqual([]);
  });

  it('drips the response byte by byte', async () => {
    fault({ kind: 'slowDrip', intervalMs: 5, bytesPerChunk: 4 });
    const startedMs = performance.now();
    const response = await removeItems();
    expect(Object.keys(response.json)).toEqual(['request_id']);
    expect(performance.now() - startedMs).toBeGreaterThan((response.text.length / 4 - 2) * 4);
    expect(simulators.plaid.state().touched).toEqual(['usr_a']);
  });
});

describe('errors', () => {
  it.each([true, false])('500 comes with the provider’s own body (processed: %s)', async (processed) => {
    fault({ kind: 'serverError', processed });
    expect(await removeItems()).toMatchObject({
      status: 500,
      json: { error_type: 'API_ERROR', error_code: 'INTERNAL_SERVER_ERROR' },
    });
    expect(await deleteData()).toMatchObject({ status: 500, json: { code: 1 } });
    expect(lastCall()).toMatchObject({ status: 500, processed, fault: 'serverError' });
    expect(simulators.plaid.state().items.removed).toHaveLength(processed ? 1 : 0);
    expect(simulators.batch.state().apps['ios']!.gone).toHaveLength(processed ? 1 : 0);
  });

  it.each([true, false])('502 comes with the page of a proxy (processed: %s)', async (processed) => {
    fault({ kind: 'badGateway', processed });
    const response = await removeItems();
    expect(response).toMatchObject({ status: 502, headers: { 'content-type': 'text/html' }, isJson: false });
    expect(simulators.plaid.state().items.removed).toHaveLength(processed ? 1 : 0);
  });

  it('503 is the provider’s maintenance, and may say when to come back', async () => {
    fault({ kind: 'maintenance', retryAfter: { form: 'seconds', seconds: 30 } });
    expect(await removeItems()).toMatchObject({
      status: 503,
      headers: { 'retry-after': '30' },
      json: { error_type: 'API_ERROR', error_code: 'PLANNED_MAINTENANCE' },
    });
    expect(await deleteData()).toMatchObject({ status: 503, json: { code: 2 } });
  });

  it('the keys are refused although they are right', async () => {
    fault({ kind: 'unauthorized' });
    expect(await removeItems()).toMatchObject({
      status: 400,
      json: { error_type: 'INVALID_INPUT', error_code: 'INVALID_API_KEYS' },
    });
    expect(await deleteData()).toMatchObject({ status: 401, json: { code: 10 } });
    expect(simulators.plaid.state().touched).toEqual([]);
  });

  it('a code is returned that no document names', async () => {
    fault({ kind: 'unknownErrorCode', status: 418, errorCode: '77' });
    expect(await removeItems()).toMatchObject({
      status: 418,
      json: { error_type: 'NEWLY_INVENTED_ERROR', error_code: '77' },
    });
    expect(await deleteData()).toMatchObject({ status: 418, json: { code: 77 } });
  });
});

describe('429', () => {
  const retryAfterOf = async (retryAfter: RetryAfterForm): Promise<string | undefined> => {
    simulators.plaid.faults.remove();
    fault({ kind: 'rateLimit', retryAfter });
    const response = await removeItems();
    expect(response).toMatchObject({ status: 429, json: { error_type: 'RATE_LIMIT_EXCEEDED' } });
    return response.headers['retry-after'];
  };

  it('names the delay in every form a server may use', async () => {
    expect(await retryAfterOf({ form: 'seconds', seconds: 7 })).toBe('7');
    const date = Date.parse((await retryAfterOf({ form: 'httpDate', seconds: 60 }))!);
    expect(date - Date.now()).toBeGreaterThan(55_000);
    expect(date - Date.now()).toBeLessThanOrEqual(60_000);
    expect(Date.parse((await retryAfterOf({ form: 'pastDate' }))!)).toBeLessThan(Date.now());
    expect(Number(await retryAfterOf({ form: 'absurd' }))).toBeGreaterThan(1e11);
    const malformed = await retryAfterOf({ form: 'malformed' });
    expect(Number.isNaN(Number(malformed)) && Number.isNaN(Date.parse(malformed!))).toBe(true);
    expect(await retryAfterOf({ form: 'absent' })).toBeUndefined();
    expect(await retryAfterOf({ form: 'raw', value: '-5' })).toBe('-5');
    expect(simulators.plaid.state().touched).toEqual([]);
  });

  it('comes from Batch with a body that none of its documented codes is in', async () => {
    fault({ kind: 'rateLimit' });
    const response = await deleteData();
    expect(response.status).toBe(429);
    expect([1, 2, 10, 12, 20, 30, 31, 32]).not.toContain(response.json.code);
  });
});

describe('the body', () => {
  it.each([true, false])('has the wrong content type (processed: %s)', async (processed) => {
    fault({ kind: 'wrongContentType', processed });
    const response = await removeItems();
    expect(response.headers['content-type']).toBe('text/html');
    expect(response.json.request_id).toEqual(expect.any(String));
    expect(simulators.plaid.state().items.removed).toHaveLength(processed ? 1 : 0);
  });

  it.each(['malformedJson', 'truncatedJson'] as const)('is not JSON: %s', async (kind) => {
    fault({ kind });
    for (const response of [await removeItems(), await deleteData()]) {
      expect(response).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' }, isJson: false });
      expect(Number(response.headers['content-length'])).toBe(response.text.length);
    }
    expect(simulators.plaid.state().touched).toEqual(['usr_a']);
  });

  it('is JSON of another shape', async () => {
    fault({ kind: 'wrongShape' });
    expect(Array.isArray((await removeItems()).json)).toBe(true);
    expect(Array.isArray((await deleteData()).json)).toBe(true);
    expect(simulators.batch.state().apps['ios']!.gone).toEqual(['anna']);
  });

  it('is 5 MiB of valid JSON', async () => {
    fault({ kind: 'hugeBody' });
    const response = await removeItems();
    expect(response.text.length).toBeGreaterThan(5 * 1024 * 1024);
    expect(response.json.request_id).toEqual(expect.any(String));
  });

  it('of a response that is an error anyway keeps its status', async () => {
    fault({ kind: 'truncatedJson' });
    await removeItems();
    expect((await removeItems()).status).toBe(400);
    expect(lastCall()).toMatchObject({ status: 400, processed: false });
  });
});

it('redirects to another host without following what was asked', async () => {
  fault({ kind: 'redirect', location: 'http://127.0.0.2:1/elsewhere' });
  expect(await removeItems()).toMatchObject({ status: 307, headers: { location: 'http://127.0.0.2:1/elsewhere' } });
  expect(simulators.plaid.state().touched).toEqual([]);
});

describe('the fault that echoes credentials', () => {
  it('puts them into every text of an error', async () => {
    const { plaid, batch } = simulators;
    fault({ kind: 'echoSecret' });
    const { json, headers, status } = await removeItems();
    expect(status).toBe(400);
    for (const text of [json.error_message, json.display_message, json.request_id, headers['x-debug-request']]) {
      expect(text).toContain(plaid.clientId);
      expect(text).toContain(plaid.secret);
    }
    const message = (await deleteData()).json.message;
    expect(message).toContain(batch.restApiKey);
    expect(message).toContain(batch.appKeys['ios']);
    expect(plaid.state().touched).toEqual([]);
  });

  it('puts them into a success that was processed', async () => {
    const { plaid, batch } = simulators;
    fault({ kind: 'echoSecret', as: 'ok' });
    const response = await removeItems();
    expect(response.status).toBe(200);
    expect(response.json.request_id).toContain(plaid.secret);
    expect((await deleteData()).json.token).toContain(batch.restApiKey);
    expect(plaid.state().touched).toEqual(['usr_a']);
  });
});

it('a stale read lists what is removed already, and no other call heeds it', async () => {
  const list = async (): Promise<string> =>
    (await callPlaid(simulators.plaid, '/user/items/get', { user_id: 'usr_a' })).text;
  await removeItems();
  simulators.plaid.faults.add({ kind: 'staleRead', endpoint: '*', nth: 1 });
  expect(await list()).toContain('item-a1');
  expect(await list()).not.toContain('item-a1');
  simulators.batch.faults.add({ kind: 'staleRead', endpoint: '*' });
  await deleteData();
  expect(simulators.batch.state().apps['ios']!.gone).toEqual(['anna']);
});
