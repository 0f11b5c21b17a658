import { validate } from '@readme/openapi-parser';
import { z } from 'zod';
import { openApiFromTasks } from '@temporal-http-tasks/openapi/internal/openapi-from-tasks';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { CATALOGUE, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { plaidDocument, tasksOf } from './documents';

/** Another project's parser says that it is OpenAPI; it is given a copy, since it resolves references in place. */
async function expectOpenApi(document: object): Promise<void> {
  const result = await validate(structuredClone(document) as Parameters<typeof validate>[0]);
  expect(result).toMatchObject({ valid: true });
}

const document = openApiFromTasks(CATALOGUE);

it('the catalogue as an OpenAPI document is one', async () => {
  await expectOpenApi(document);
  expect(Object.keys(document['paths'] as object)).toEqual(CATALOGUE.map(({ name }) => `/tasks/${name}`));
});

it('asks for no key of a provider', () => {
  expect(JSON.stringify(document)).not.toMatch(/plaid-secret|plaid-client-id|x-authorization|"client_id"|"secret"/i);
  expect(document['components']).not.toHaveProperty('securitySchemes');
});

it('contains for the caller what the tasks contain', async () => {
  const own = openApiFromTasks([plaid.userRemove], {
    title: 'Ours',
    version: '2',
    servers: [{ url: 'https://tasks.example.com' }],
    pathOf: ({ operation }) => `/call/${operation}`,
  });
  expect(own).toMatchObject({
    info: { title: 'Ours', version: '2' },
    servers: [{ url: 'https://tasks.example.com' }],
    paths: { '/call/userRemove': { post: { operationId: 'plaid.userRemove' } } },
  });
  await expectOpenApi(own);
});

/** What a task takes and does, however it is described. */
function meant({ summary, effect, settle, remedy, sensitive, subjectFields, absentCodes, input }: HttpTask): unknown {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  const tokens = sensitive.map(({ field, when }) => ({ field, when: when?.source }));
  return {
    summary,
    effect,
    settle,
    remedy,
    tokens,
    subjectFields,
    absentCodes,
    fields: Object.keys(properties),
    required,
  };
}

it('read back by who trusts it, it gives the same tasks with nothing left to decide about them', () => {
  const { tasks, report } = tasksOf(document, { trustDecisions: true });
  expect(tasks.map(({ operation }) => operation)).toEqual(
    CATALOGUE.map(({ name }) => name.replace(/\.(.)/, (_, letter: string) => letter.toUpperCase())),
  );
  expect(tasks.map(meant)).toEqual(CATALOGUE.map((task) => meant(task)));
  expect(report.decide.filter(({ operation }) => operation !== '*')).toEqual([]);
});

it('read back, its schemas take and refuse what the catalogue does', () => {
  const { tasks } = tasksOf(document);
  const remove = tasks.find(({ operation }) => operation === 'plaidUserItemsRemove')!;
  expect(remove.input.safeParse({ user_id: 'u', item_ids: ['a'] }).success).toBe(true);
  for (const bad of [{}, { item_ids: [] }, { item_ids: ['a'], more: 1 }])
    expect(remove.input.safeParse(bad).success).toBe(false);
  expect(remove.output.safeParse({ request_id: 'r', later: 1 }).success).toBe(true);
});

it('names schemas that lead back to themselves, and those that are used twice', async () => {
  const tree: z.ZodType = z.lazy(() => z.strictObject({ name: z.string(), kids: z.array(tree).optional() }));
  const shared = z.strictObject({ street: z.string() });
  const task = defineHttpTask({
    service: plaid.userRemove.service,
    operation: 'plant',
    summary: 'Plant',
    method: 'GET',
    path: '/plant',
    input: z.strictObject({ tree, from: shared, to: shared }),
    output: tree,
    effect: 'read',
  });
  const made = openApiFromTasks([task]);
  await expectOpenApi(made);
  const [back] = tasksOf(made).tasks;
  const good = { tree: { name: 'a', kids: [{ name: 'b' }] }, from: { street: 'x' }, to: { street: 'y' } };
  expect(back!.input.safeParse(good).success).toBe(true);
  expect(back!.input.safeParse({ ...good, tree: { name: 'a', kids: [{}] } }).success).toBe(false);
  expect(back!.output.safeParse({ name: 'a', kids: [{ name: 'b' }] }).success).toBe(true);
});

const whole = plaidDocument();

if (whole === undefined) {
  it("goes without Plaid's whole document, which is not at ../shared/openapi", () => {
    process.stderr.write("Plaid's whole document is not at ../shared/openapi: only the catalogue was read back.\n");
    expect(CATALOGUE.length).toBeGreaterThan(0);
  });
} else {
  it("Plaid's whole document can be described and read back", () => {
    const { tasks } = tasksFromOpenApi(whole);
    expect(tasksOf(openApiFromTasks(tasks), { trustDecisions: true }).tasks.map(({ effect }) => effect)).toEqual(
      tasks.map(({ effect }) => effect),
    );
  }, 120_000);
}
