import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';

let server: Server;
let received = 0;

beforeAll(async () => {
  server = createServer((_request, response) => {
    received += 1;
    response.setHeader('content-type', 'application/json').end('{"request_id":"r1"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function senderToServer(): ReturnType<typeof createTaskSender> {
  const { port } = server.address() as AddressInfo;
  const env = { PLAID_BASE_URL: `http://127.0.0.1:${port}`, PLAID_CLIENT_ID: 'id', PLAID_SECRET: 'secret-of-a-test' };
  return createTaskSender(readSenderSettings(env, [plaid.userRemove.service]));
}

it('sends nothing once the intent behind a call has grown too old', async () => {
  const sender = senderToServer();
  const late = sender.send(plaid.userRemove, { user_id: 'usr_1' }, { notSentAfterMs: performance.now() - 1 });
  await expect(late).rejects.toMatchObject({ type: 'Task.Unavailable', nonRetryable: false });
  expect(received).toBe(0);

  await sender.send(plaid.userRemove, { user_id: 'usr_1' }, { notSentAfterMs: performance.now() + 5_000 });
  expect(received).toBe(1);
  await sender.close();
});
