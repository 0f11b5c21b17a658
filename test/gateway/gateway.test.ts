import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validate } from '@readme/openapi-parser';
import type {
  PreparedCall,
  ServiceCredentials,
  TaskLine,
  TaskPage,
  TestResponse,
  WireError,
} from '@temporal-http-tasks/console/internal/gateway/wire';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { environmentOf, SUBJECT_KEY } from '../support/offboarding';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';

const KEYS = { clientId: 'canary-client-id', secret: 'canary-plaid-secret' };
const BATCH_KEYS = { restApiKey: 'canary-rest-key', appKeys: { ios: 'CANARYIOSKEY', android: 'CANARYANDROIDKEY' } };
const REMOVAL = { user_id: 'usr_1', item_ids: ['item-1'] };

let simulators: Simulators;
let folder: string;
let env: Record<string, string>;
let gateway: GatewayStage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-gateway-'));
  simulators = await startSimulators({ plaid: KEYS, batch: BATCH_KEYS });
  env = environmentOf(simulators, { taskQueue: 'unused', ledgerUrl: `file:${join(folder, 'ledger.db')}` });
  gateway = await openGateway({ env });
});

beforeEach(() => {
  simulators.plaid.reset();
  simulators.batch.reset();
  simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
});

afterAll(async () => {
  await gateway.close();
  await simulators.close();
  await rm(folder, { recursive: true, force: true });
});

const calls = (): number => simulators.plaid.calls().calls.length + simulators.batch.calls().calls.length;
const test = (task: string, body: unknown, on = gateway): ReturnType<typeof gateway.ask<TestResponse & WireError>> =>
  on.ask<TestResponse & WireError>('POST', `/api/tasks/${task}/test`, body);

describe('the tasks', () => {
  it('are found by words, with typos', async () => {
    const { body } = await gateway.ask<TaskLine[]>('GET', '/api/tasks?query=remvoe+itmes');
    expect(body.slice(0, 3).map(({ name }) => name)).toContain('plaid.userItemsRemove');
    expect((await gateway.ask<TaskLine[]>('GET', '/api/tasks')).body).toHaveLength(CATALOGUE.length);
  });

  it('have a reference with fields, limits, failures, effect, remedy and a link', async () => {
    const { body } = await gateway.ask<TaskPage>('GET', '/api/tasks/plaid.itemRemove');
    expect(body).toMatchObject({
      effect: 'irreversible',
      deletes: true,
      docs: expect.stringContaining('https://plaid.com/'),
      remedy: expect.stringContaining('cannot be restored'),
      sensitive: ['access_token'],
    });
    expect(body.form.find(({ name }) => name === 'access_token')).toMatchObject({ control: 'secret', required: true });
    expect(body.form.find(({ name }) => name === 'reason_code')?.choices).toContain('OTHER');
    expect(body.input.find(({ field }) => field === 'reason_note')?.limits).toBe('at most 512 characters');
    expect(body.limits.join()).toContain('2,000 calls a minute');
    expect(body.failures.length).toBeGreaterThan(4);
    expect(body.servers.map(({ url }) => url)).toContain('https://production.plaid.com');
    expect(body.headers.map(({ value }) => value)).toEqual([
      'application/json',
      '2020-09-14',
      '$PLAID_CLIENT_ID',
      '$PLAID_SECRET',
    ]);
  });

  it('are prepared without any key, problems at their fields', async () => {
    const bare = await openGateway();
    const { body } = await bare.ask<PreparedCall>('POST', '/api/tasks/plaid.userItemsRemove/prepare', {
      input: REMOVAL,
    });
    expect(body).toMatchObject({
      problems: [],
      guard: { effect: 'irreversible', named: true, production: false, environment: 'sandbox' },
    });
    expect(body.request).toMatchObject({
      url: 'https://sandbox.plaid.com/user/items/remove',
      headers: { 'plaid-secret': '$PLAID_SECRET' },
    });
    const { body: wrong } = await bare.ask<PreparedCall>('POST', '/api/tasks/plaid.userItemsRemove/prepare', {
      input: { user_id: 'u', user_token: 't', nope: 1 },
    });
    expect(wrong.problems.map(({ field }) => field)).toEqual(expect.arrayContaining(['item_ids', 'nope']));
    expect(wrong.snippets).toHaveLength(5);
    const { body: token } = await bare.ask<PreparedCall>('POST', '/api/tasks/plaid.itemRemove/prepare', {
      input: { access_token: 'access-canary-token' },
    });
    expect(JSON.stringify(token.request)).not.toContain('canary');
    await bare.close();
  });

  it('are the only ones that can be called', async () => {
    expect((await test('plaid.userCreate', { input: {} })).status).toBe(404);
    const { status, body } = await test('http.request', { input: { uri: `${simulators.plaid.url}/user/items/get` } });
    expect({ status, type: body.error.type, field: body.error.field }).toEqual({
      status: 400,
      type: 'Task.InvalidInput',
      field: 'uri',
    });
    expect(calls()).toBe(0);
  });
});

describe('Test request', () => {
  it('returns status, headers, time, request id and body, and no key', async () => {
    const { status, body, text } = await test('plaid.userItemsGet', { input: { user_id: 'usr_1' } });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ok: true,
      status: 200,
      environment: 'sandbox',
      requestId: expect.any(String),
      body: { items: [{ item_id: 'item-1' }, { item_id: 'item-2' }] },
    });
    expect(body.headers?.['content-type']).toContain('json');
    expect(body.timeMs).toBeGreaterThanOrEqual(0);
    expect(text.toLowerCase()).not.toContain('canary');
  });

  it("shows a provider's refusal as it came, with our reading of it", async () => {
    const { body } = await test('plaid.userItemsGet', { input: { user_id: 'usr_none' } });
    expect(body).toMatchObject({
      ok: false,
      status: 400,
      body: { error_code: 'USER_NOT_FOUND' },
      failure: { type: 'Task.Rejected', code: 'USER_NOT_FOUND' },
    });
  });

  it('sends nothing irreversible until the name is typed, then once, with receipts', async () => {
    for (const confirm of [undefined, {}, { task: 'plaid.userRemove' }, { task: true }]) {
      const { status, body } = await test('plaid.userItemsRemove', { input: REMOVAL, confirm });
      expect({ status, error: body.error }).toMatchObject({
        status: 409,
        error: { type: 'ConfirmationNeeded', needed: { task: 'plaid.userItemsRemove' } },
      });
    }
    expect(calls()).toBe(0);
    const { body } = await test('plaid.userItemsRemove', {
      input: REMOVAL,
      confirm: { task: 'plaid.userItemsRemove' },
    });
    expect(body).toMatchObject({ ok: true, status: 200, receipts: expect.any(String) });
    expect(calls()).toBe(1);
    const ledger = await openLedger({ url: env['HTTP_TASKS_LEDGER_URL']!, subjectKey: SUBJECT_KEY });
    expect(await ledger.readReceipts({ workflowId: '', runId: body.receipts! })).toHaveLength(2);
    await ledger.close();
  });

  it('goes by the method of a request to anywhere, not by what the input claims that it does', async () => {
    const { url } = simulators.plaid;
    const anywhere = await openGateway({
      env: { ...env, HTTP_TASKS_HTTP_ALLOW: url, HTTP_TASKS_HTTP_READS: `POST ${url}/listed` },
    });
    const input = { uri: `${url}/user/remove`, method: 'POST', body: {} };
    const claimed = await test(
      'http.request',
      { input: { ...input, effect: 'read' }, confirm: { task: 'http.request' } },
      anywhere,
    );
    expect(claimed).toMatchObject({ status: 400, body: { error: { field: 'effect' } } });
    for (const more of [
      { effect: 'repeatSafe' },
      { uri: `${url}/listed`, effect: 'read' },
      { method: 'GET', body: undefined, headers: { 'X-HTTP-Method-Override': 'POST' } },
    ]) {
      const { body } = await test('http.request', { input: { ...input, ...more } }, anywhere);
      expect(body.error).toMatchObject({ type: 'ConfirmationNeeded', needed: { task: 'http.request' } });
    }
    expect(calls()).toBe(0);
    await anywhere.close();
  });

  it('says that it kept no receipt where the gateway has no ledger', async () => {
    const { HTTP_TASKS_SUBJECT_KEY: _, ...rest } = env;
    const without = await openGateway({ env: rest });
    const call = { input: { id: '1001', app: 'ios' }, confirm: { task: 'batch.customDataDelete' } };
    const { body } = await test('batch.customDataDelete', call, without);
    expect(body).toMatchObject({ ok: true, note: expect.stringContaining('no receipt') });
    await without.close();
  });

  it("wants production's name typed, and refuses production that was not named", async () => {
    const real = await openGateway({ env: { ...env, PLAID_ENV: 'production' } });
    const refused = await test(
      'plaid.userItemsRemove',
      { input: REMOVAL, confirm: { task: 'plaid.userItemsRemove' } },
      real,
    );
    expect(refused.body.error).toMatchObject({ type: 'ConfirmationNeeded', needed: { environment: 'production' } });
    expect((await test('plaid.userItemsGet', { input: { user_id: 'usr_1' } }, real)).status).toBe(409);
    expect(calls()).toBe(0);
    const sent = await test(
      'plaid.userItemsGet',
      { input: { user_id: 'usr_1' }, confirm: { environment: 'production' } },
      real,
    );
    expect(sent.body).toMatchObject({ ok: true, environment: 'production' });
    await real.close();
    const accident = await openGateway({ env: { ...env, PLAID_BASE_URL: 'https://production.plaid.com' } });
    const { status, body } = await test('plaid.userItemsGet', { input: { user_id: 'usr_1' } }, accident);
    expect({ status, field: body.error.field }).toEqual({ status: 409, field: 'PLAID_ENV' });
    await accident.close();
  });

  it('names the setting where keys are missing', async () => {
    const bare = await openGateway();
    const message = expect.stringContaining('enter it under Credentials') as string;
    const error = { type: 'Settings', field: 'PLAID_CLIENT_ID', message };
    const refused = await test('plaid.userItemsGet', { input: { user_id: 'usr_1' } }, bare);
    expect(refused).toMatchObject({ status: 409, body: { error } });
    await bare.close();
  });
});

describe('credentials', () => {
  const overview = async (on: GatewayStage): Promise<ServiceCredentials[]> =>
    (await on.ask<ServiceCredentials[]>('GET', '/api/credentials')).body;

  it('are shown by name, place and state, never by value', async () => {
    const { body, text } = await gateway.ask<ServiceCredentials[]>('GET', '/api/credentials');
    expect(body.find(({ service }) => service === 'batch')?.settings).toEqual([
      { setting: 'BATCH_REST_API_KEY', state: 'set', from: 'variable' },
      { setting: 'BATCH_API_KEYS', state: 'set', from: 'variable', slots: ['ios', 'android'] },
    ]);
    expect(text.toLowerCase()).not.toContain('canary');
    const missing = await openGateway({ env: { PLAID_SECRET_FILE: join(folder, 'none') } });
    expect((await overview(missing)).find(({ service }) => service === 'plaid')?.settings).toMatchObject([
      { setting: 'PLAID_CLIENT_ID', state: 'missing' },
      { setting: 'PLAID_SECRET', state: 'wrong', from: 'file' },
    ]);
    await missing.close();
  });

  it('can be entered for this run, are checked by a call that changes nothing, and replace what was there', async () => {
    const { PLAID_CLIENT_ID: _, PLAID_SECRET: __, ...rest } = env;
    const bare = await openGateway({ env: rest });
    const check = async (): Promise<unknown> => (await bare.ask('POST', '/api/credentials/plaid/check', {})).body;
    expect(await check()).toMatchObject({ error: { type: 'Settings', field: 'PLAID_CLIENT_ID' } });
    const wrong = await bare.ask<ServiceCredentials[]>('PUT', '/api/credentials', {
      PLAID_CLIENT_ID: KEYS.clientId,
      PLAID_SECRET: 'canary-other',
    });
    expect(wrong.text).not.toContain('canary');
    expect(await check()).toMatchObject({ checks: [{ verdict: 'refused' }] });
    await bare.ask('PUT', '/api/credentials', { PLAID_SECRET: KEYS.secret });
    expect(await check()).toMatchObject({ checks: [{ verdict: 'accepted' }] });
    expect((await overview(bare))[0]?.settings[1]).toEqual({ setting: 'PLAID_SECRET', state: 'set', from: 'entered' });
    expect(new Set(simulators.plaid.calls().calls.map(({ endpoint }) => endpoint))).toEqual(new Set(['userItemsGet']));
    expect((await test('plaid.userItemsGet', { input: { user_id: 'usr_1' } }, bare)).body.ok).toBe(true);
    await bare.close();
  });

  it('are refused where they are not a credential or cannot be sent, and none of them is taken then', async () => {
    const bare = await openGateway();
    expect(
      (
        await bare.ask<WireError>('PUT', '/api/credentials', {
          HTTP_TASKS_LEDGER_URL: 'file:/tmp/x',
          PLAID_SECRET: 'x',
        })
      ).body.error.field,
    ).toBe('HTTP_TASKS_LEDGER_URL');
    expect(
      (
        await bare.ask<WireError>('PUT', '/api/credentials', {
          PLAID_SECRET: 'fine-secret',
          PLAID_CLIENT_ID: 'line\nbreak',
        })
      ).body.error.field,
    ).toBe('PLAID_CLIENT_ID');
    expect((await overview(bare))[0]?.settings.map(({ state }) => state)).toEqual(['missing', 'missing']);
    await bare.close();
  });

  it('are not tried in production until its name is typed', async () => {
    const real = await openGateway({ env: { ...env, PLAID_ENV: 'production' } });
    for (const body of [{}, { confirm: { environment: 'sandbox' } }, { confirm: { task: 'plaid.userItemsGet' } }]) {
      expect(await real.ask('POST', '/api/credentials/plaid/check', body)).toMatchObject({
        status: 409,
        body: { error: { type: 'ConfirmationNeeded', needed: { environment: 'production' } } },
      });
    }
    expect(calls()).toBe(0);
    expect(
      (await real.ask('POST', '/api/credentials/plaid/check', { confirm: { environment: 'production' } })).body,
    ).toMatchObject({ checks: [{ verdict: 'accepted' }] });
    await real.close();
  });

  it('are checked under every app key', async () => {
    const { body } = await gateway.ask('POST', '/api/credentials/batch/check', {});
    expect(body).toMatchObject({
      checks: [
        { slot: 'ios', verdict: 'accepted' },
        { slot: 'android', verdict: 'accepted' },
      ],
    });
  });
});

describe('the codec endpoints', () => {
  const payloads = [
    {
      metadata: { encoding: Buffer.from('json/plain').toString('base64') },
      data: Buffer.from('"canary"').toString('base64'),
    },
  ];
  const encryption = { HTTP_TASKS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') };
  const temporal = {
    client: undefined as never,
    where: '',
    ui: 'http://localhost:8233',
    address: '127.0.0.1:7233',
    namespace: 'default',
    explain: () => undefined,
  };

  it('serve the Temporal UI, its page alone, where there is a key', async () => {
    const coded = await openGateway({ env: encryption, temporal });
    const sealed = await coded.ask<{ payloads: typeof payloads }>(
      'POST',
      '/codec/encode?preserveStorageRefs=true',
      { payloads },
      { origin: 'http://localhost:8233' },
    );
    expect(sealed.status).toBe(200);
    expect(sealed.text).not.toContain(payloads[0]!.data);
    expect((await coded.ask('POST', '/codec/decode', sealed.body, { origin: 'http://localhost:8233' })).body).toEqual({
      payloads,
    });
    expect((await coded.ask('POST', '/codec/decode', sealed.body, { origin: 'https://evil.example' })).status).toBe(
      403,
    );
    await coded.close();
    expect((await gateway.ask('POST', '/codec/decode', sealed.body)).status).toBe(404);
  });

  it('require the token of the gateway', async () => {
    const coded = await openGateway({ env: encryption, temporal });
    for (const way of ['encode', 'decode'])
      expect((await coded.ask('POST', `/codec/${way}`, { payloads }, { authorization: '' })).status).toBe(401);
    expect((await coded.ask('POST', '/codec/encode', { payloads })).status).toBe(200);
    await coded.close();
  });
});

describe('for other tools', () => {
  it('describes the catalogue as a valid OpenAPI 3.1 document, of which tasks can be made again', async () => {
    const { body } = await gateway.ask<Record<string, unknown>>('GET', '/openapi.json');
    expect(await validate(structuredClone(body) as never)).toMatchObject({ valid: true });
    expect(Object.keys(body['paths'] as object)).toHaveLength(CATALOGUE.length);
    const { report } = tasksFromOpenApi(body, { service: 'gateway' });
    expect(report).toMatchObject({ imported: CATALOGUE.length, skipped: [] });
  });

  it('takes calls as that document says, confirmations in headers', async () => {
    const read = await gateway.ask('POST', '/tasks/plaid.userItemsGet', { user_id: 'usr_1' });
    expect(read).toMatchObject({ status: 200, body: { items: [{ item_id: 'item-1' }, { item_id: 'item-2' }] } });
    const remove = (headers: Record<string, string> = {}) =>
      gateway.ask('POST', '/tasks/plaid.userItemsRemove', REMOVAL, headers);
    expect((await remove()).status).toBe(409);
    for (const header of ['x-http-tasks-confirm', 'x-http-tasks-environment'])
      expect((await remove({ [header]: 'plaid.userRemove' })).status).toBe(400);
    expect((await gateway.ask('GET', '/tasks/plaid.userItemsRemove')).headers.get('allow')).toBe('POST');
    const removed = await remove({ 'x-http-tasks-confirm': 'plaid.userItemsRemove' });
    expect(removed).toMatchObject({ status: 200, body: { request_id: expect.any(String) } });
    const anywhere = await openGateway({ env: { ...env, HTTP_TASKS_HTTP_ALLOW: simulators.plaid.url } });
    const any = await anywhere.ask('POST', '/tasks/http.request', { uri: `${simulators.plaid.url}/__sim/state` });
    expect(any).toMatchObject({
      status: 200,
      body: {
        response: { statusCode: 200, headers: { 'content-type': 'application/json' }, body: { provider: 'plaid' } },
      },
    });
    await anywhere.close();
    const failed = await gateway.ask('POST', '/tasks/plaid.userItemsGet', { user_id: 'usr_none' });
    expect(failed).toMatchObject({
      status: 502,
      body: { type: 'Task.Rejected', service: 'plaid', status: 400, code: 'USER_NOT_FOUND' },
    });
  });
});
