import '@utcp/http';
import { UtcpClient } from '@utcp/sdk';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { environmentOf } from '../support/offboarding';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';

const TOKEN = 'a-token-for-agents-only';

let simulators: Simulators;
let gateway: GatewayStage;
let client: UtcpClient;

beforeAll(async () => {
  // Its own log would be mistaken for ours.
  for (const method of ['log', 'error', 'warn'] as const)
    jest.spyOn(console, method).mockImplementation(() => undefined);
  simulators = await startSimulators();
  simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
  const { HTTP_TASKS_SUBJECT_KEY: _, ...env } = environmentOf(simulators, {
    taskQueue: 'unused',
    ledgerUrl: 'file:unused',
  });
  gateway = await openGateway({ env, token: TOKEN });
  const auth = {
    auth_type: 'api_key',
    api_key: 'Bearer ${HTTP_TASKS_CONSOLE_TOKEN}',
    var_name: 'authorization',
    location: 'header',
  };
  client = await UtcpClient.create(process.cwd(), {
    variables: { tasks_HTTP_TASKS_CONSOLE_TOKEN: TOKEN },
    manual_call_templates: [
      { name: 'tasks', call_template_type: 'http', http_method: 'GET', url: `${gateway.url}/utcp`, auth },
    ],
  } as never);
});

afterAll(async () => {
  await client.close();
  await gateway.close();
  await simulators.close();
  jest.restoreAllMocks();
});

it('lists every task to a UTCP client, with its input', async () => {
  const tools = await client.config.tool_repository.getTools();
  expect(tools.map(({ name }) => name).sort()).toEqual(CATALOGUE.map(({ name }) => `tasks.${name}`).sort());
  const removal = tools.find(({ name }) => name === 'tasks.plaid.userItemsRemove');
  expect(removal?.description).toContain('cannot be undone');
  expect(removal?.inputs).toMatchObject({
    required: ['input', 'x-http-tasks-confirm'],
    properties: { input: { properties: { item_ids: { type: 'array' } } } },
  });
});

it('finds tasks by what they do', async () => {
  const found = await client.searchTools('remove items of a user');
  expect(found.map(({ name }) => name)).toContain('tasks.plaid.userItemsRemove');
});

it('takes calls of a UTCP client, and what cannot be undone only when it is confirmed', async () => {
  expect(await client.callTool('tasks.plaid.userItemsGet', { input: { user_id: 'usr_1' } })).toMatchObject({
    items: [{ item_id: 'item-1' }, { item_id: 'item-2' }],
  });
  const input = { user_id: 'usr_1', item_ids: ['item-1'] };
  await expect(client.callTool('tasks.plaid.userItemsRemove', { input })).rejects.toThrow(/409/);
  expect(
    await client.callTool('tasks.plaid.userItemsRemove', { input, 'x-http-tasks-confirm': 'plaid.userItemsRemove' }),
  ).toMatchObject({ request_id: expect.any(String) });
  expect(await client.callTool('tasks.plaid.userItemsGet', { input: { user_id: 'usr_1' } })).toMatchObject({
    items: [{ item_id: 'item-2' }],
  });
});
