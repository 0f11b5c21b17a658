import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { completedInput } from '@temporal-http-tasks/console/internal/reference/sample-input';
import { literal } from '@temporal-http-tasks/console/internal/reference/snippets/typescript';
import {
  shellWord,
  SNIPPET_LANGUAGES,
  snippetsOf,
} from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import type { SnippetLanguage } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { batch, CATALOGUE, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { startHttpTarget } from '../support/http-target';
import { problemsIn } from '../support/typescript-program';

const PLACE = { taskQueue: 'http-tasks', address: 'localhost:7233', namespace: 'default' };
const NASTY = [
  '',
  "it's",
  '"double"',
  '$HOME `id` $(id)',
  'back\\slash',
  'line\nbreak',
  '\u2028',
  '!history',
  '{a,b}[1-3]',
  '-x',
  'ümläut 😀',
  "'; exit 1 #",
];

const snippet = (task: HttpTask, input: unknown, language: SnippetLanguage, env: Record<string, string> = {}): string =>
  snippetsOf(task, input, env, PLACE).snippets.find((one) => one.language === language)!.code;

const desk = defineService({
  name: 'desk',
  title: 'Desk',
  environments: { default: 'http://127.0.0.1:9' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'DESK_BASE_URL',
  credentials: [
    { setting: 'DESK_LOGIN', in: 'header', name: 'authorization', scheme: 'basic' },
    { setting: 'DESK_KEY', in: 'body', name: 'key' },
    { setting: 'DESK_TENANT', in: 'query', name: 'tenant' },
  ],
  errors: { fields: { code: 'code' }, rules: [] },
});
const openTicket = defineHttpTask({
  service: desk,
  operation: 'openTicket',
  summary: 'Open a ticket',
  method: 'POST',
  path: '/tickets',
  input: z.strictObject({ title: z.string(), tags: z.array(z.string()).optional() }),
  output: z.looseObject({}),
  effect: 'repeatSafe',
  settle: { by: 'repeat', basis: 'assumed' },
  remedy: 'Close it.',
});

describe('the code of a call', () => {
  it('compiles for every task, with nothing filled in and with values that try to break out', () => {
    const inputs = NASTY.map((text) => ({ user_id: text, item_ids: NASTY }));
    const sources = [
      ...CATALOGUE.flatMap((task) => [snippet(task, undefined, 'workflow'), snippet(task, undefined, 'client')]),
      ...inputs.map((input) => snippet(plaid.userItemsRemove, input, 'workflow')),
      ...['workflow', 'client'].map((language) => snippet(openTicket, { title: 'x' }, language as SnippetLanguage)),
      snippet(
        http.request,
        { uri: 'https://api.example.com/', body: JSON.parse('{"__proto__":{"a-b":1},"c":[true,null]}') },
        'workflow',
      ),
    ];
    expect(problemsIn(sources)).toEqual([]);
  });

  it('would notice code that does not compile', () => {
    expect(problemsIn([snippet(plaid.userItemsRemove, { user_idd: 'u' }, 'workflow')]).join()).toContain('user_idd');
  });

  it('writes values down so that they come back as they were', () => {
    const value = JSON.parse(
      JSON.stringify({ texts: NASTY, deep: { 'not-a-name': [1, -0.5, true, null, {}] }, long: Array(30).fill('word') }),
    );
    expect((0, eval)(`(${literal(value)})`)).toEqual(value);
    const own = (0, eval)(`(${literal(JSON.parse('{"__proto__": {"a": 1}}'))})`) as object;
    expect(Object.hasOwn(own, '__proto__')).toBe(true);
  });

  it('follows what was typed, and puts in names only for what is missing', () => {
    const { snippets, placeholders } = snippetsOf(plaid.userItemsRemove, { item_ids: ['item-1'] }, {}, PLACE);
    expect(placeholders).toEqual(['user_id']);
    for (const { code } of snippets) expect(code).toMatch(/item-1/);
    expect(snippetsOf(plaid.userItemsRemove, { user_id: 'u', item_ids: ['i'] }, {}, PLACE).placeholders).toEqual([]);
    expect(completedInput(batch.gdprRequestCreate, {}).input).toEqual({
      request_type: 'remove',
      id: { type: 'TYPE', value: 'VALUE' },
    });
    for (const task of CATALOGUE)
      expect(task.input.safeParse(completedInput(task, undefined).input).success).toBe(true);
  });

  it('puts in what the limits of a field allow', () => {
    const input = z.strictObject({
      description: z.string().max(4),
      code: z.string().min(8),
      count: z.number().int().min(3),
      at: z.iso.date(),
      kinds: z.array(z.enum(['a', 'b'])).min(1),
      deep: z.strictObject({ yes: z.boolean() }),
    });
    const task = defineHttpTask({ ...openTicket, operation: 'limited', input });
    expect(input.safeParse(completedInput(task, {}).input).error).toBeUndefined();
  });

  it('leaves what is wrong as it was typed', () => {
    expect(completedInput(plaid.userItemsRemove, { user_id: 7, item_ids: 'x' })).toEqual({
      input: { user_id: 7, item_ids: 'x' },
      placeholders: [],
    });
  });

  it('holds no secret, whatever the settings say', () => {
    const env = {
      PLAID_CLIENT_ID: 'canary-client',
      PLAID_SECRET: 'canary-secret',
      BATCH_REST_API_KEY: 'canary-rest',
      BATCH_API_KEYS: 'ios=canary-ios,web=canary-web',
    };
    const all = CATALOGUE.flatMap((task) =>
      SNIPPET_LANGUAGES.map((language) => snippet(task, { app: 'ios' }, language, env)),
    );
    expect(all.join('\n')).not.toContain('canary');
    expect(snippet(plaid.userItemsGet, {}, 'curl', env)).toContain('"plaid-secret: $PLAID_SECRET"');
    expect(snippet(batch.customDataBulkDelete, { app: 'web' }, 'curl', env)).toContain(
      '/1.0/$BATCH_API_KEYS_WEB/data/users',
    );
  });
});

describe('the words of a shell', () => {
  it('reach a program as they were, variables filled in', () => {
    for (const text of NASTY) {
      const plain = spawnSync('sh', ['-c', `printf %s ${shellWord([text]) || "''"}`], { encoding: 'utf8' });
      expect(plain.stdout).toBe(text);
      const mixed = spawnSync('sh', ['-c', `printf %s ${shellWord([text, { variable: 'KEY' }, text])}`], {
        encoding: 'utf8',
        env: { KEY: 'a $b "c"' },
      });
      expect(mixed.stdout).toBe(`${text}a $b "c"${text}`);
    }
  });
});

describe('the cURL command', () => {
  let simulators: Simulators;
  beforeAll(async () => {
    simulators = await startSimulators();
  });
  afterAll(() => simulators.close());

  // Not synchronously: the simulators live in this process.
  const run = (command: string, env: Record<string, string>): Promise<{ stdout: string }> =>
    promisify(execFile)('sh', ['-c', command.replace(/^curl/, 'curl --silent --show-error --max-time 20')], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });

  it('runs as it is against Plaid and Batch, given their keys by name', async () => {
    const { plaid: p, batch: b } = simulators;
    p.seed({ users: [{ userId: "usr_o'neil", items: ['item-1'] }] });
    b.seed({ users: ['1001'] });
    const [[app = '', key = ''] = []] = Object.entries(b.appKeys);
    const env = {
      PLAID_BASE_URL: p.url,
      BATCH_BASE_URL: b.url,
      BATCH_API_KEYS: Object.entries(b.appKeys)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    };
    const plaidKeys = { PLAID_CLIENT_ID: p.clientId, PLAID_SECRET: p.secret };
    const listed = await run(snippet(plaid.userItemsGet, { user_id: "usr_o'neil" }, 'curl', env), plaidKeys);
    expect(JSON.parse(listed.stdout)).toMatchObject({ items: [{ item_id: 'item-1' }] });
    const removed = await run(
      snippet(plaid.userItemsRemove, { user_id: "usr_o'neil", item_ids: ['item-1'] }, 'curl', env),
      plaidKeys,
    );
    expect(JSON.parse(removed.stdout)).toMatchObject({ request_id: expect.any(String) });
    const deleted = await run(snippet(batch.customDataBulkDelete, { ids: ['1001'], app }, 'curl', env), {
      BATCH_REST_API_KEY: b.restApiKey,
      [`BATCH_API_KEYS_${app.toUpperCase()}`]: key,
    });
    expect(JSON.parse(deleted.stdout)).toMatchObject({ token: expect.any(String) });
  });

  it('puts keys wherever the service wants them', async () => {
    const target = await startHttpTarget();
    try {
      const command = snippet(openTicket, { title: NASTY.join(' ') }, 'curl', { DESK_BASE_URL: target.origin });
      await run(command, { DESK_LOGIN: 'anna:pass word', DESK_KEY: 'k1', DESK_TENANT: 't1' });
      expect(target.received).toHaveLength(1);
      const [{ headers, path, body }] = target.received as [(typeof target.received)[number]];
      expect(headers['authorization']).toBe(`Basic ${Buffer.from('anna:pass word').toString('base64')}`);
      expect(path).toBe('/tickets?tenant=t1');
      expect(typeof body === 'string' ? JSON.parse(body) : body).toEqual({ title: NASTY.join(' '), key: 'k1' });
    } finally {
      await target.close();
    }
  });
});
