import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { CallTimeouts, Effect, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { TaskFailureType } from 'temporal-http-tasks/internal/tasks/failure';
import { failureOf } from './failure-of';
import type { SeenFailure } from './failure-of';
import { RawProvider, settingsFor } from './provider';

const EFFECTS = ['read', 'repeatSafe', 'irreversible'] as const;
const BODY = JSON.stringify({ request_id: 'req-1' });
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

function callOf(effect: Effect, timeouts: Partial<CallTimeouts> = {}): HttpTask {
  return { ...plaid.userRemove, effect, timeouts: { ...plaid.userRemove.timeouts, ...timeouts } };
}

interface Sent {
  failure: SeenFailure;
  onSent: number;
  tookMs: number;
}

async function sendTo(origin: string, task: HttpTask, more: Record<string, string> = {}): Promise<Sent> {
  const sender = createTaskSender(settingsFor(origin, more));
  let onSent = 0;
  const start = performance.now();
  const failure = await failureOf(sender.send(task, { user_id: 'usr_1' }, { onSent: () => (onSent += 1) }));
  const tookMs = performance.now() - start;
  await sender.close();
  return { failure, onSent, tookMs };
}

const LOST: Record<Effect, TaskFailureType> = {
  read: 'Task.Unavailable',
  repeatSafe: 'Task.Unavailable',
  irreversible: 'Task.OutcomeUnknown',
};

const FAULTS: [string, (socket: Socket) => void, Partial<CallTimeouts>, RegExp][] = [
  ['a reset instead of an answer', (socket) => socket.resetAndDestroy(), {}, /reset|closed/],
  ['a connection closed without an answer', (socket) => socket.end(), {}, /closed/],
  [
    'a reset inside the headers',
    (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-', () => socket.resetAndDestroy()),
    {},
    /reset|closed/,
  ],
  [
    'a reset inside the body',
    (socket) =>
      socket.write(`${HEAD}content-length: 100\r\n\r\n{"req`, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    {},
    /reset|closed/,
  ],
  [
    'a body shorter than it said',
    (socket) => socket.end(`${HEAD}content-length: 100\r\n\r\n${BODY}`),
    {},
    /closed before/,
  ],
  [
    'a chunked body without its end',
    (socket) => socket.end(`${HEAD}transfer-encoding: chunked\r\n\r\n5\r\n{"req\r\n`),
    {},
    /closed before|not HTTP/,
  ],
  [
    'a body that ends with the connection, in the middle',
    (socket) => socket.end(`${HEAD}connection: close\r\n\r\n{"request_id": "re`),
    {},
    /was truncated/,
  ],
  ['something that is not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'), {}, /not HTTP/],
  ['silence before the first byte', () => undefined, { firstByteMs: 200 }, /did not begin/],
  [
    'silence inside the body',
    (socket) => socket.write(`${HEAD}content-length: 100\r\n\r\n{"req`),
    { bodyMs: 200 },
    /stalled/,
  ],
  ['an endless drip', (socket) => drip(socket), { totalMs: 400 }, /total timeout/],
  ['silence until the total time-out', () => undefined, { totalMs: 300 }, /total timeout/],
];

function drip(socket: Socket): void {
  socket.write(`${HEAD}content-length: 100000\r\n\r\n`);
  const timer = setInterval(() => socket.write(' '), 20);
  socket.on('close', () => clearInterval(timer));
}

describe('After the request was sent', () => {
  for (const [what, act, timeouts, message] of FAULTS) {
    it.each(EFFECTS)(
      `${what} makes the outcome of a call of effect %s what it is, and sends it once`,
      async (effect) => {
        const provider = await RawProvider.start(act);
        const { failure, onSent, tookMs } = await sendTo(provider.origin, callOf(effect, timeouts));
        expect(failure).toMatchObject({ type: LOST[effect], retryable: effect !== 'irreversible' });
        expect(failure.message).toMatch(message);
        expect(failure.message).not.toContain('127.0.0.1');
        expect(failure.status).toBeUndefined();
        expect({ requests: provider.requests, onSent }).toEqual({ requests: 1, onSent: 1 });
        expect(tookMs).toBeLessThan(5_000);
        await provider.close();
      },
    );
  }

  it('a shorter total timeout of the operator ends the call', async () => {
    const provider = await RawProvider.start(() => undefined);
    const { failure, tookMs } = await sendTo(provider.origin, callOf('read'), { HTTP_TASKS_TOTAL_TIMEOUT_MS: '200' });
    expect(failure.message).toContain('total timeout');
    expect(tookMs).toBeLessThan(2_000);
    await provider.close();
  });
});

describe('Before the request was sent', () => {
  it.each(EFFECTS)('a refused connection lets a call of effect %s be tried again', async (effect) => {
    const provider = await RawProvider.start(() => undefined);
    await provider.close();
    const { failure, onSent } = await sendTo(provider.origin, callOf(effect));
    expect(failure).toMatchObject({ type: 'Task.Unavailable', retryable: true });
    expect(failure.message).toContain('the connection was refused. Nothing was sent.');
    expect(onSent).toBe(0);
  });

  it('a host that does not exist lets an irreversible call be tried again', async () => {
    const { failure, onSent } = await sendTo('http://127.0.0.1:1', callOf('irreversible'), {
      PLAID_BASE_URL: 'https://no-such-host.invalid',
    });
    expect(failure.type).toBe('Task.Unavailable');
    expect(failure.message).toMatch(/host name.*Nothing was sent/);
    expect(onSent).toBe(0);
  });

  it('a handshake that fails lets an irreversible call be tried again', async () => {
    const provider = await RawProvider.start((socket) => socket.destroy());
    const plain = createServer((socket) => socket.end('this is not TLS\r\n')).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const { failure, onSent } = await sendTo(provider.origin, callOf('irreversible'), { PLAID_BASE_URL: url });
    expect(failure).toMatchObject({ type: 'Task.Unavailable', retryable: true });
    expect(failure.message).toContain('Nothing was sent');
    expect(onSent).toBe(0);
    plain.close();
    await provider.close();
  });

  it('a handshake that hangs ends with the timeout of the connection', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { failure, onSent } = await sendTo(url, callOf('irreversible', { connectMs: 300 }));
    expect(failure).toMatchObject({ type: 'Task.Unavailable', retryable: true });
    expect(failure.message).toMatch(/the connection timed out|total timeout/);
    expect(onSent).toBe(0);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('a call that waited too long for a free connection was not sent, also not later', async () => {
    const provider = await RawProvider.start((socket) =>
      setTimeout(() => socket.write(`${HEAD}content-length: ${BODY.length}\r\n\r\n${BODY}`), 600),
    );
    const sender = createTaskSender(settingsFor(provider.origin), { connectionsPerOrigin: 1 });
    const first = sender.send(plaid.userRemove, { user_id: 'usr_1' });
    const second = await failureOf(sender.send(callOf('irreversible', { totalMs: 200 }), { user_id: 'usr_2' }));
    expect(second).toMatchObject({ type: 'Task.Unavailable' });
    expect(second.message).toContain('Nothing was sent');
    expect((await first).output).toEqual({ request_id: 'req-1' });
    await sender.close();
    expect(provider.requests).toBe(1);
    await provider.close();
  });

  it('a sender that was closed sends nothing', async () => {
    const provider = await RawProvider.start(() => undefined);
    const sender = createTaskSender(settingsFor(provider.origin));
    await sender.close();
    const failure = await failureOf(sender.send(plaid.userRemove, { user_id: 'usr_1' }));
    expect(failure).toMatchObject({ type: 'Task.Unavailable', retryable: true });
    expect(provider.requests).toBe(0);
    await provider.close();
  });
});

describe('A connection that is kept alive', () => {
  it('carries the next call, and is replaced when the provider closed it meanwhile', async () => {
    let connections = 0;
    const seen = new WeakSet<Socket>();
    const provider = await RawProvider.start((socket) => {
      if (!seen.has(socket)) connections += 1;
      seen.add(socket);
      socket.write(`${HEAD}content-length: ${BODY.length}\r\n\r\n${BODY}`);
      if (provider.requests === 2) socket.end();
    });
    const sender = createTaskSender(settingsFor(provider.origin), { connectionsPerOrigin: 1 });
    for (let call = 1; call <= 4; call++) {
      expect((await sender.send(plaid.userRemove, { user_id: `usr_${call}` })).requestId).toBe('req-1');
    }
    expect({ requests: provider.requests, connections }).toEqual({ requests: 4, connections: 2 });
    await sender.close();
    await provider.close();
  });
});
