import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { Effect } from 'temporal-http-tasks/internal/tasks/define';
import { failureOf } from './failure-of';
import { RawProvider, settingsFor } from './provider';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\nx-hint: 1\r\n\r\n';
const PROCESSING = 'HTTP/1.1 102 Processing\r\n\r\n';

function finalResponse(body: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const GOOD = finalResponse('{"request_id":"req-1"}');

let provider: RawProvider | undefined;
let sender: TaskSender | undefined;

afterEach(async () => {
  await sender?.close();
  await provider?.close();
});

async function respond(act: (socket: Socket) => void): Promise<(effect?: Effect) => Promise<{ output: unknown }>> {
  provider = await RawProvider.start(act);
  sender = createTaskSender(settingsFor(provider.origin), { connectionsPerOrigin: 1 });
  const open = sender;
  return (effect: Effect = 'irreversible') =>
    open.send(
      { ...plaid.userRemove, effect, timeouts: { ...plaid.userRemove.timeouts, totalMs: 5_000 } },
      { user_id: 'usr_1' },
    );
}

async function inPieces(socket: Socket, text: string, length: number): Promise<void> {
  for (let at = 0; at < text.length; at += length) {
    socket.write(text.slice(at, at + length));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('An interim response that no request asked for', () => {
  it.each<[string, string]>([
    ['100 Continue', CONTINUE],
    ['100 Continue of HTTP/1.0', 'HTTP/1.0 100 Continue\r\n\r\n'],
    ['100 Continue with headers and without a reason', 'HTTP/1.1 100\r\ndate: today\r\nvia: 1.1 proxy\r\n\r\n'],
    ['several of 100 Continue', CONTINUE.repeat(5)],
    ['102 Processing', PROCESSING],
    ['103 Early Hints', HINTS],
    ['one of each kind', HINTS + CONTINUE + PROCESSING + CONTINUE],
  ])('is skipped: %s', async (_name, interim) => {
    const send = await respond((socket) => socket.write(interim + GOOD));
    expect(await send()).toMatchObject({ output: { request_id: 'req-1' }, status: 200 });
  });

  it.each([1, 7, 24, 26])('is skipped if it arrives in pieces of %i bytes', async (length) => {
    const send = await respond((socket) => void inPieces(socket, CONTINUE + HINTS + CONTINUE + GOOD, length));
    expect(await send()).toMatchObject({ output: { request_id: 'req-1' } });
  });

  it('is skipped for every call of a connection', async () => {
    const sockets = new Set<Socket>();
    const send = await respond((socket) => {
      sockets.add(socket);
      socket.write(CONTINUE + GOOD);
    });
    for (let call = 0; call < 3; call += 1) expect(await send()).toMatchObject({ status: 200 });
    expect(sockets.size).toBe(1);
  });

  it('is skipped before an error too', async () => {
    const error = finalResponse('{"error_code":"ITEM_NOT_FOUND","error_type":"ITEM_ERROR"}', '400 Bad Request');
    const send = await respond((socket) => socket.write(CONTINUE + error));
    expect(await failureOf(send())).toMatchObject({ type: 'Task.Rejected', status: 400, code: 'ITEM_NOT_FOUND' });
  });

  it('adds nothing to the headers of the result', async () => {
    provider = await RawProvider.start((socket) => socket.write(CONTINUE + HINTS + GOOD));
    sender = createTaskSender(settingsFor(provider.origin));
    const { output } = await sender.send(http.request, { uri: `${provider.origin}/` });
    expect(output).toMatchObject({ response: { statusCode: 200 } });
    expect(JSON.stringify(output)).not.toMatch(/x-hint|style/);
  });

  it('is skipped before the response of a proxy that opens a tunnel', async () => {
    provider = await RawProvider.start((socket) => socket.write(GOOD));
    const target = new URL(provider.origin);
    const proxy = createServer();
    proxy.on('connect', (_request, socket: Socket, head: Buffer) => {
      const out = connect(Number(target.port), target.hostname, () => {
        socket.write(`${CONTINUE}HTTP/1.1 200 Connection established\r\n\r\n`);
        out.write(head);
        out.pipe(socket).pipe(out);
      });
      out.on('error', () => socket.destroy());
      socket.on('error', () => out.destroy()).on('close', () => out.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = proxy.address() as AddressInfo;
      const origin = `http://desk.example:${target.port}`;
      const env = {
        HTTP_TASKS_PROXY: `http://127.0.0.1:${port}`,
        HTTP_TASKS_PROXY_LOOKUP: 'proxy',
        HTTP_TASKS_HTTP_ALLOW: origin,
        HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin,
      };
      sender = createTaskSender(settingsFor(provider.origin, env));
      const { output } = await sender.send(http.request, { uri: `${origin}/` });
      expect(output).toMatchObject({ response: { statusCode: 200 } });
    } finally {
      await sender?.close();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });

  it('is not taken out of a body', async () => {
    const body = JSON.stringify({ request_id: 'req-1', text: CONTINUE });
    const raw = `${CONTINUE}${CONTINUE}`;
    provider = await RawProvider.start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${raw.length}\r\n\r\n`, () =>
        setImmediate(() => socket.write(raw)),
      );
    });
    sender = createTaskSender(settingsFor(provider.origin));
    const { output } = await sender.send(http.request, { uri: `${provider.origin}/`, method: 'POST', body: { body } });
    expect(output).toMatchObject({ response: { body: raw } });
  });

  it.each<[string, (socket: Socket) => void]>([
    ['nothing but 100 Continue', (socket) => socket.end(CONTINUE)],
    ['half of 100 Continue', (socket) => socket.end(CONTINUE.slice(0, 15))],
    ['the start of any response', (socket) => socket.end('HTTP/1.')],
    ['100 Continue without an end', (socket) => socket.end(`HTTP/1.1 100 Continue\r\na: ${'x'.repeat(100_000)}`)],
    [
      'another protocol (101)',
      (socket) => socket.end(`HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n${GOOD}`),
    ],
  ])('leaves the outcome unknown if no response follows: %s', async (_name, act) => {
    const send = await respond(act);
    expect(await failureOf(send())).toMatchObject({ type: 'Task.OutcomeUnknown' });
    expect(await failureOf(send('read'))).toMatchObject({ type: 'Task.Unavailable' });
  });

  it('does not extend the total timeout', async () => {
    provider = await RawProvider.start((socket) => {
      const timer = setInterval(() => socket.write(CONTINUE), 10);
      socket.on('close', () => clearInterval(timer));
    });
    sender = createTaskSender(settingsFor(provider.origin));
    const task = { ...plaid.userRemove, timeouts: { ...plaid.userRemove.timeouts, totalMs: 300 } };
    expect(await failureOf(sender.send(task, { user_id: 'usr_1' }))).toMatchObject({ type: 'Task.OutcomeUnknown' });
  });
});
