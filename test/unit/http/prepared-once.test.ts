import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { Provider } from './provider';

let folder: string;
let provider: Provider;
let parsed = 0;

/** Plaid's task, whose schema counts how often it is asked. */
const task = defineHttpTask({
  ...plaid.userItemsGet,
  operation: 'userItemsGet',
  input: z.strictObject({ user_id: z.string() }).superRefine(() => {
    parsed += 1;
  }),
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'http-tasks-prepared-'));
  provider = await Provider.start((response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ items: [], request_id: 'r' }));
  });
});

afterAll(async () => {
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

it('sends the request that was prepared, and makes another one only after keys have changed', async () => {
  const file = join(folder, 'secret');
  writeFileSync(file, 'first-secret-0001');
  const settings = readSenderSettings(
    { PLAID_ENV: 'sandbox', PLAID_BASE_URL: provider.origin, PLAID_CLIENT_ID: 'client', PLAID_SECRET_FILE: file },
    [task.service],
  );
  const sender = createTaskSender(settings);
  const input = { user_id: 'usr_1' };
  const sent = () => [provider.last.headers['plaid-secret'] ?? JSON.stringify(provider.last.body), parsed];

  const prepared = sender.prepare(task, input);
  await sender.send(task, input, { prepared });
  expect(parsed).toBe(1);
  expect(String(sent()[0])).toContain('first-secret-0001');

  writeFileSync(file, 'other-secret-0002');
  expect(settings.reload()).toBe(true);
  await sender.send(task, input, { prepared });
  expect(parsed).toBe(2);
  expect(String(sent()[0])).toContain('other-secret-0002');

  // Another sender's request is not taken for its own.
  const other = createTaskSender(settings);
  await other.send(task, input, { prepared: sender.prepare(task, input) });
  expect(parsed).toBe(4);
  await Promise.all([sender.close(), other.close()]);
});
