import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { runCli, runJson } from './run-cli';
import type { CliEnv, Refused } from './run-cli';

const TOKEN = 'user-sandbox-canary-token';
const SECRETS = {
  PLAID_CLIENT_ID: 'canary-client-id',
  PLAID_SECRET: 'canary-plaid-secret',
  BATCH_REST_API_KEY: 'canary-rest-key',
  IOS: 'CANARYIOSKEY',
  ANDROID: 'CANARYANDROIDKEY',
};

interface CallDocument {
  ok: boolean;
  status?: number;
  output?: { items?: { item_id: string }[]; token?: string; request_id?: string };
  requestId?: string;
  failure?: Record<string, unknown>;
}

let simulators: Simulators;
let plaid: CliEnv;
let batch: CliEnv;

beforeAll(async () => {
  simulators = await startSimulators({
    plaid: { clientId: SECRETS.PLAID_CLIENT_ID, secret: SECRETS.PLAID_SECRET },
    batch: { restApiKey: SECRETS.BATCH_REST_API_KEY, appKeys: { ios: SECRETS.IOS, android: SECRETS.ANDROID } },
  });
  plaid = {
    PLAID_BASE_URL: simulators.plaid.url,
    PLAID_CLIENT_ID: SECRETS.PLAID_CLIENT_ID,
    PLAID_SECRET: SECRETS.PLAID_SECRET,
  };
  batch = {
    BATCH_BASE_URL: simulators.batch.url,
    BATCH_REST_API_KEY: SECRETS.BATCH_REST_API_KEY,
    BATCH_API_KEYS: `ios=${SECRETS.IOS},android=${SECRETS.ANDROID}`,
  };
});

beforeEach(() => {
  simulators.plaid.reset();
  simulators.batch.reset();
  simulators.plaid.seed({ users: [{ userId: 'usr_1', userToken: TOKEN, items: ['item-1', 'item-2'] }] });
  simulators.batch.seed({ users: ['1001'] });
});

afterAll(() => simulators.close());

const input = (value: unknown): string[] => ['--input', JSON.stringify(value)];
const removal = ['call', 'plaid.userItemsRemove', ...input({ user_id: 'usr_1', item_ids: ['item-1'] })];
const calls = (): number => simulators.plaid.calls().calls.length + simulators.batch.calls().calls.length;

describe('call', () => {
  it('sends a read and prints ok, status, output and request id', async () => {
    const { code, document } = await runJson<CallDocument>(
      ['call', 'plaid.userItemsGet', ...input({ user_id: 'usr_1' })],
      plaid,
    );
    expect(code).toBe(0);
    expect(document).toEqual({
      ok: true,
      status: 200,
      output: expect.objectContaining({
        items: [expect.objectContaining({ item_id: 'item-1' }), expect.objectContaining({ item_id: 'item-2' })],
      }),
      requestId: document.output?.request_id,
    });
    expect(document.requestId).toEqual(expect.any(String));
  });

  it('needs the keys of the called service only', async () => {
    const { code, document } = await runJson<CallDocument>(
      ['call', 'batch.customDataDelete', ...input({ id: '1001', app: 'ios' })],
      batch,
    );
    expect(code).toBe(0);
    expect(document).toMatchObject({ ok: true, status: 200, output: { token: expect.any(String) } });
    const { document: refused } = await runJson<Refused>(
      ['call', 'plaid.userItemsGet', ...input({ user_id: 'usr_1' })],
      batch,
    );
    expect(refused.error).toMatchObject({ type: 'Settings', field: 'PLAID_CLIENT_ID' });
  });

  it('reads the input from a file', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-input-')), 'input.json');
    await writeFile(file, '\ufeff{"user_id":"usr_1"}');
    expect(
      (await runJson<CallDocument>(['call', 'plaid.userItemsGet', '--input', `@${file}`], plaid)).document.ok,
    ).toBe(true);
  });

  it.each<[string, Buffer]>([
    ['Latin-1', Buffer.from('{"user_id":"usr_\u00e9"}', 'latin1')],
    ['UTF-16', Buffer.from('\ufeff{"user_id":"usr_1"}', 'utf16le')],
  ])('refuses an input in %s, in which an ID would be another one', async (_name, bytes) => {
    const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-input-')), 'input.json');
    await writeFile(file, bytes);
    const refused = await runJson<Refused>(['call', 'plaid.userItemsGet', '--input', `@${file}`], plaid);
    expect(refused.code).toBe(2);
    expect(refused.document.error.message).toContain('is not UTF-8; write it in UTF-8.');
  });

  it('reports a refusal by the provider with exit 1, its code and its request id', async () => {
    const { code, document } = await runJson<CallDocument>(
      ['call', 'plaid.userItemsGet', ...input({ user_id: 'usr_nobody' })],
      plaid,
    );
    expect(code).toBe(1);
    expect(document).toEqual({
      ok: false,
      status: 400,
      requestId: expect.any(String),
      failure: {
        type: 'Task.Rejected',
        service: 'plaid',
        status: 400,
        code: 'USER_NOT_FOUND',
        requestId: document.requestId,
        message: expect.any(String),
      },
    });
  });

  it.each([
    ['a misspelt field', 'plaid.userItemsGet', { userid: 'usr_1' }, 'userid'],
    ['an empty id', 'batch.customDataDelete', { id: '', app: 'ios' }, 'id'],
    ['a key that is not configured', 'batch.customDataDelete', { id: '1001', app: 'web' }, 'app'],
    ['an input that is no object', 'plaid.userItemsGet', 'usr_1', undefined],
  ])('refuses %s with exit 2 and its field, and sends nothing', async (_, task, value, field) => {
    const { code, document } = await runJson<Refused>(['call', task, ...input(value)], { ...plaid, ...batch });
    expect({ code, type: document.error.type, field: document.error.field }).toEqual({
      code: 2,
      type: 'Task.InvalidInput',
      field,
    });
    expect(calls()).toBe(0);
  });
});

describe('call --curl', () => {
  const curl = (path: string, body: unknown): string =>
    `curl ${simulators.plaid.url}${path} -H 'PLAID-SECRET: canary-pasted' --json '${JSON.stringify({ client_id: 'canary-pasted', ...(body as object) })}'`;

  it('sends the task of the command, with the keys of the settings', async () => {
    const { code, document, stderr } = await runJson<CallDocument>(
      ['call', '--curl', curl('/user/items/get', { user_id: 'usr_1' })],
      plaid,
    );
    expect({ code, ok: document.ok, items: document.output?.items?.length }).toEqual({ code: 0, ok: true, items: 2 });
    expect(stderr).toContain(`http-tasks call plaid.userItemsGet --input '{"user_id":"usr_1"}'`);
    expect(stderr).toContain('Left out: plaid-secret, client_id.');
    expect(stderr).not.toContain('canary');
  });

  it('shows task and input in a dry run, with tokens masked', async () => {
    const command = curl('/user/items/remove', { user_token: TOKEN, item_ids: ['item-1'] });
    const { code, document, stderr } = await runJson<Record<string, unknown>>(
      ['call', '--curl', command, '--dry-run'],
      plaid,
    );
    expect(code).toBe(0);
    expect(document).toMatchObject({
      ok: true,
      dryRun: true,
      task: 'plaid.userItemsRemove',
      input: { user_token: '****', item_ids: ['item-1'] },
    });
    expect(JSON.stringify(document) + stderr).not.toContain('canary');
    expect(calls()).toBe(0);
  });

  it('is a call of the task of an OpenAPI document that has its address', async () => {
    const openapi = join(__dirname, '..', 'openapi', 'fixtures', 'shop.yml');
    const command = `curl 'https://sandbox.shop.example/v1/orders/7/lines?states=open,paid' -H 'Authorization: Bearer canary-pasted'`;
    const { code, document, stderr } = await runJson<Record<string, unknown>>(
      ['call', '--openapi', openapi, '--service', 'shop', '--curl', command, '--dry-run'],
      { HTTP_TASKS_OPENAPI_SHOP_BEARER: 'canary-bearer', HTTP_TASKS_OPENAPI_SHOP_BASIC: 'a:canary-basic' },
    );
    expect({ code, document }).toEqual({
      code: 0,
      document: expect.objectContaining({ task: 'shop.linesList', input: { 'order-id': 7, states: ['open', 'paid'] } }),
    });
    expect(stderr).toContain('http-tasks call shop.linesList --openapi');
    expect(JSON.stringify(document) + stderr).not.toContain('canary');
  });

  it.each([
    ['a service without its document', ['call', 'shop.linesList', '--service', 'shop'], 'openapi'],
    ['a task beside it', ['call', 'plaid.userItemsGet', '--curl', 'curl https://a.example'], 'curl'],
    ['neither it nor a task', ['call'], 'task'],
    ['an origin that is not allowed', ['call', '--curl', 'curl https://a.example'], 'uri'],
  ])('refuses %s', async (_, args, field) => {
    const { code, document } = await runJson<Refused>(args, plaid);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field });
  });
});

describe('an irreversible call', () => {
  it('is not sent where no person can be asked, unless --yes is given', async () => {
    const { code, document } = await runJson<Refused>(removal, plaid);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'yes' });
    expect(calls()).toBe(0);
  });

  it('is sent with --yes', async () => {
    const { code, document } = await runJson<CallDocument>([...removal, '--yes'], plaid);
    expect({ code, ok: document.ok }).toEqual({ code: 0, ok: true });
    expect(simulators.plaid.state().items.left.map(({ itemId }) => itemId)).toEqual(['item-2']);
  });

  it('is prepared and shown, but not sent, in a dry run', async () => {
    const { code, document } = await runJson<{
      ok: boolean;
      dryRun: boolean;
      request: { method: string; url: string; headers: Record<string, string>; body: string };
    }>([...removal, '--dry-run'], plaid);
    expect({ code, ok: document.ok, dryRun: document.dryRun }).toEqual({ code: 0, ok: true, dryRun: true });
    expect(document.request).toMatchObject({ method: 'POST', url: `${simulators.plaid.url}/user/items/remove` });
    expect(JSON.parse(document.request.body)).toEqual({ user_id: 'usr_1', item_ids: ['item-1'] });
    expect(calls()).toBe(0);
  });

  it("whose address is production's is refused unless PLAID_ENV says production", async () => {
    const env = { ...plaid, PLAID_BASE_URL: 'https://production.plaid.com' };
    const { code, document } = await runJson<Refused>([...removal, '--yes'], env);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'PLAID_ENV' });
    const named = await runJson<{ production: boolean }>([...removal, '--dry-run'], {
      ...env,
      PLAID_ENV: 'production',
    });
    expect({ code: named.code, production: named.document.production }).toEqual({ code: 0, production: true });
  });
});

describe('a call with a ledger', () => {
  it('obeys holds and leaves receipts that the printed id finds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'http-tasks-ledger-'));
    const file = join(folder, 'ledger.db');
    const env = { ...plaid, HTTP_TASKS_LEDGER_URL: `file:${file}`, HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key-0001' };
    await runJson(['hold', 'add', '--plaid-user-id', 'usr_1'], env);
    const held = await runJson<CallDocument>([...removal, '--yes'], env);
    expect({ code: held.code, type: held.document.failure?.['type'] }).toEqual({ code: 1, type: 'Task.Held' });
    expect(calls()).toBe(0);

    await runJson(['hold', 'remove', '--plaid-user-id', 'usr_1'], env);
    const sent = await runJson<CallDocument>([...removal, '--yes'], env);
    expect(sent.document.ok).toBe(true);
    const id = /receipts (\S+)/.exec(sent.stderr)?.[1] ?? '';
    const receipts = await runJson<Record<string, unknown>[]>(['receipts', id], env);
    expect(receipts.document).toEqual([
      {
        subject: expect.stringMatching(/^[\w-]{24}$/),
        sealed: false,
        environment: 'sandbox',
        step: 'plaid.userItemsRemove',
        task: 'plaid.userItemsRemove',
        outcome: 'removed',
        requestId: sent.document.requestId,
        at: expect.any(String),
        workflowId: '',
      },
    ]);
    const attempts = await runJson<{ phase: string }[]>(['receipts', id, '--attempts'], env);
    expect(attempts.document.map(({ phase }) => phase)).toEqual(['intent', 'outcome']);
    expect((await readFile(file)).toString('latin1')).not.toMatch(/canary|usr_1|item-1/);
  });
});

describe('secrets', () => {
  it.each([
    ['a read', ['call', 'plaid.userItemsGet', ...input({ user_token: TOKEN })]],
    [
      'a dry run',
      ['call', 'plaid.userItemsRemove', ...input({ user_token: TOKEN, item_ids: ['item-1'] }), '--dry-run'],
    ],
    ['a token in place of the id', ['call', 'plaid.userItemsGet', ...input({ user_id: TOKEN })]],
    ['a key in the path', ['call', 'batch.customDataDelete', ...input({ id: '1001', app: 'android' })]],
    ['a refused input', ['call', 'plaid.userItemsGet', ...input({ user_token: TOKEN, user_id: TOKEN })]],
    [
      'a call that cannot connect',
      ['call', 'plaid.userItemsGet', ...input({ user_token: TOKEN })],
      { PLAID_BASE_URL: 'http://127.0.0.1:1' },
    ],
  ])('are in no output of %s, with --json and without', async (_, words, env: CliEnv = {}) => {
    for (const more of [[], ['--json']]) {
      const { stdout, stderr } = await runCli([...words, ...more], { ...plaid, ...batch, ...env });
      expect(stdout + stderr).not.toMatch(/canary/i);
      expect(stdout + stderr).not.toBe('');
    }
  });

  it('that the provider echoes are scrubbed from the response', async () => {
    simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'echoSecret', as: 'ok' });
    const { stdout, stderr } = await runCli(
      ['call', 'plaid.userItemsGet', ...input({ user_token: TOKEN }), '--json'],
      plaid,
    );
    expect(stdout).toContain('[secret]');
    expect(stdout + stderr).not.toMatch(/canary/i);
  });
});

describe('call --account', () => {
  const ofAcme = (): CliEnv => ({
    HTTP_TASKS_ACCOUNTS: 'plaid/acme',
    ...Object.fromEntries(Object.entries(plaid).map(([name, value]) => [`${name}__ACME`, value])),
  });

  it('has keys, receipts and holds of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'http-tasks-call-'));
    const ledger = {
      HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`,
      HTTP_TASKS_SUBJECT_KEY: 'a subject key of enough characters',
    };
    const env = { ...ofAcme(), ...ledger };
    expect(await runJson(removal, env)).toMatchObject({ code: 2 });
    expect(calls()).toBe(0);
    const done = await runJson<CallDocument>([...removal, '--account', 'acme', '--yes'], env);
    expect(done).toMatchObject({ code: 0, document: { ok: true } });
    const receipts = async (...more: string[]) =>
      (await runJson<unknown[]>(['receipts', '--id', 'plaid.userId=usr_1', ...more], env)).document;
    expect(await receipts('--account', 'acme')).toMatchObject([{ step: 'plaid.userItemsRemove', account: 'acme' }]);
    expect(await runJson(['receipts', '--id', 'plaid.userId=usr_1'], env)).toMatchObject({ code: 1 });
    await runCli(['hold', 'add', '--plaid-user-id', 'usr_1', '--account', 'acme'], env);
    expect(await runJson([...removal, '--account', 'acme', '--yes'], env)).toMatchObject({ code: 1 });
  });

  it('is refused for an account that the task’s provider does not have here', async () => {
    const { code, document } = await runJson<Refused>([...removal, '--account', 'acne', '--yes'], ofAcme());
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'account' });
    expect(document.error.message).toContain('known: acme');
  });
});
