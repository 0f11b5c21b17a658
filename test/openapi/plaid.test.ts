import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { plaidDocument, requestOf, tasksOf } from './documents';

const excerpt = readFileSync(join(__dirname, 'fixtures', 'plaid-excerpt.yml'), 'utf8');

const whole = plaidDocument();
const documents: [string, string, number][] = [
  ['the excerpt', excerpt, 4],
  ...(whole === undefined ? [] : [['the whole document', whole, 329] as [string, string, number]]),
];

describe.each(documents)("Plaid's API from %s", (_what, text, count) => {
  const { tasks, services, report } = tasksOf(text, { service: 'bank' });
  const remove = tasks.find(({ operation }) => operation === 'userItemsRemove')!;

  it('has a task for every operation', () => {
    expect(tasks).toHaveLength(count);
    expect(report).toMatchObject({ operations: count, imported: count, skipped: [] });
  });

  it('wants three keys, and its sandbox unless production is named', () => {
    expect(services).toHaveLength(1);
    expect(services[0]).toMatchObject({
      name: 'bank',
      defaultEnvironment: 'sandbox',
      productionEnvironments: ['production'],
      environmentSetting: 'BANK_ENV',
      baseUrlSetting: 'BANK_BASE_URL',
      errors: { fields: { code: 'error_code', type: 'error_type', requestId: 'request_id' } },
    });
    expect(services[0]!.credentials.map(({ setting }) => setting)).toEqual(
      ['CLIENT_ID', 'SECRET', 'PLAID_VERSION'].map((name) => `HTTP_TASKS_OPENAPI_BANK_${name}`),
    );
    expect(requestOf(remove, { user_id: 'u', item_ids: ['a'] })).toMatchObject({
      origin: 'https://sandbox.plaid.com',
      path: '/user/items/remove',
      body: '{"user_id":"u","item_ids":["a"]}',
      headers: {
        'plaid-client-id': 'canary-HTTP_TASKS_OPENAPI_BANK_CLIENT_ID',
        'plaid-secret': 'canary-HTTP_TASKS_OPENAPI_BANK_SECRET',
        'plaid-version': 'canary-HTTP_TASKS_OPENAPI_BANK_PLAID_VERSION',
      },
    });
  });

  it('asks for no keys as input, although its bodies have them', () => {
    for (const task of tasks) {
      for (const field of ['client_id', 'secret'])
        expect([task.name, task.input.safeParse({ [field]: 'x' }).error?.message ?? '']).toEqual([
          task.name,
          expect.stringContaining(field),
        ]);
    }
  });

  it('signs no call that is public, and takes a PDF as bytes', () => {
    expect(
      requestOf(
        tasks.find(({ operation }) => operation === 'categoriesGet')!,
        { body: {} },
      ).headers,
    ).not.toHaveProperty('plaid-secret');
    expect(tasks.find(({ operation }) => operation === 'assetReportPdfGet')!.answerForm).toEqual({
      as: 'base64',
      accept: 'application/pdf',
    });
  });

  it('can have its version fixed, and its operations next to those of the catalogue', () => {
    const fixed = tasksOf(text, {
      service: 'bank',
      credentials: { plaidVersion: { value: '2020-09-14' } },
      operations: ['userItemsRemove'],
    }).tasks[0]!;
    expect(requestOf(fixed, { item_ids: ['a'] }).headers).toMatchObject({ 'plaid-version': '2020-09-14' });
    const added = tasksOf(text, { service: plaid.userRemove.service, operations: ['assetReportPdfGet'] }).tasks[0]!;
    expect(added.service).toBe(plaid.userRemove.service);
  });
});

if (whole === undefined) {
  it("goes without Plaid's whole document, which is not at ../shared/openapi; its traps are in the excerpt", () => {
    process.stderr.write("Plaid's whole document is not at ../shared/openapi: tested with the excerpt only.\n");
    expect(excerpt).toContain('operationId: userItemsRemove');
  });
} else {
  it('is read whole within five seconds of computing and 500 MB', () => {
    const started = process.cpuUsage();
    const before = process.memoryUsage().rss;
    tasksFromOpenApi(whole);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000_000).toBeLessThan(5);
    expect((process.memoryUsage().rss - before) / 1024 / 1024).toBeLessThan(500);
  });
}
