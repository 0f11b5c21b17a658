import type { Socket } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { z } from 'zod';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { batch, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { TASK_FAILURE_TYPES } from 'temporal-http-tasks/internal/tasks/failure';
import { everythingIn, failureOf } from '../unit/http/failure-of';
import { CANARIES, RawProvider, settingsFor } from '../unit/http/provider';
import { Bystander, INHERITED_NAMES, tried } from './fuzzing';

let provider: RawProvider;
let sender: TaskSender;
let response: Buffer;
let bystander: Bystander;

beforeAll(async () => {
  bystander = new Bystander();
  provider = await RawProvider.start((socket: Socket) => socket.end(response));
  sender = createTaskSender(settingsFor(provider.origin, { HTTP_TASKS_HTTP_ALLOW: provider.origin }));
});

afterAll(async () => {
  await sender.close();
  await provider.close();
  await bystander.leave();
});

const calls = (): [HttpTask, unknown][] => [
  [plaid.userItemsGet, { user_id: 'usr_1' }],
  [plaid.userItemsRemove, { user_id: 'usr_1', item_ids: ['item-1'] }],
  [batch.customDataDelete, { id: 'u', app: 'ios' }],
  [http.request, { uri: `${provider.origin}/` }],
];

/** Sends a call and returns its failure; a good response has to be one that JSON can carry. */
async function outcomeOf(task: HttpTask, input: unknown): Promise<ApplicationFailure | undefined> {
  const outcome: unknown = await sender.send(task, input).catch((error: unknown) => error);
  expect(everythingIn(outcome)).not.toContain('canary');
  if (!(outcome instanceof Error)) {
    expect(() => JSON.stringify(outcome)).not.toThrow();
    return undefined;
  }
  if (!(outcome instanceof ApplicationFailure)) throw outcome;
  expect(TASK_FAILURE_TYPES).toContain(outcome.type);
  expect(JSON.stringify(outcome.details).length).toBeLessThan(2_000);
  return outcome;
}

const word = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    'gzip',
    'identity',
    'chunked',
    'close',
    'application/json',
    'text/html',
    'null',
    ...INHERITED_NAMES,
    ...Object.values(CANARIES),
  ),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 30 }),
);
const headerName = fc.constantFrom(
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'retry-after',
  'connection',
  'location',
  'set-cookie',
  'x',
  ...INHERITED_NAMES,
);
const header = fc.tuple(headerName, word).map(([name, value]) => `${name}: ${value}`);
const nested = fc.integer({ min: 1, max: 20_000 }).map((depth) => `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`);
const key = fc.oneof(
  fc.constantFrom('items', 'item_id', 'request_id', 'error_code', 'error_type', 'token', 'code', ...INHERITED_NAMES),
  fc.string({ maxLength: 8 }),
);
const number = fc.constantFrom(
  '1e999',
  '-1e999',
  '1e-999',
  '-0',
  '9007199254740993',
  '123456789012345678901234567890',
  '0.1',
);
const value: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    number,
    word.map((text) => JSON.stringify(text)),
    fc.constantFrom('null', 'true', '"\\ud800"', '"\\u0000"', '{}', '[]'),
    fc.array(tie('value'), { maxLength: 4 }).map((list) => `[${list.join(',')}]`),
    fc
      .array(fc.tuple(key, tie('value')), { maxLength: 5 })
      .map((entries) => `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${inner}`).join(',')}}`),
  ),
})).value;
const body = fc.oneof(
  { weight: 6, arbitrary: value },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: word },
);
const status = fc.oneof(
  fc.constantFrom(200, 201, 204, 302, 400, 401, 404, 429, 500, 503),
  fc.integer({ min: 200, max: 999 }),
);
const isFramed = fc.boolean();

const written = fc
  .record({ status, headers: fc.array(header, { maxLength: 5 }), body, isFramed })
  .map(({ status: code, headers, body: text, isFramed: framed }) => {
    const bytes = Buffer.from(text);
    const length = framed ? [`content-length: ${bytes.length}`, 'content-type: application/json'] : [];
    return Buffer.concat([
      Buffer.from(`HTTP/1.1 ${code} Reason\r\n${[...length, ...headers].join('\r\n')}\r\n\r\n`, 'latin1'),
      bytes,
    ]);
  });
/** Some bytes of it are others, and it may break off. */
const damaged = fc
  .tuple(written, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
  .map(([bytes, changes, end]) => {
    const changed = Buffer.from(bytes);
    for (const [at, byte] of changes) changed[at % changed.length] = byte;
    return changed.subarray(0, (end % changed.length) + 1);
  });

describe('Whatever a provider responds, a call ends with a result as the task promises, or with a failure of the task', () => {
  it.each([
    ['answers of any form', written, 120],
    ['damaged ones', damaged, 120],
    ['any bytes', fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), 40],
  ])('%s', async (_what, responses, runs) => {
    await fc.assert(
      fc.asyncProperty(responses, fc.nat({ max: 3 }), async (bytes, which) => {
        response = bytes;
        const [task, input] = calls()[which]!;
        await outcomeOf(task, input);
      }),
      tried(runs),
    );
  });

  const whole = (headers: string, text: string): string =>
    `HTTP/1.1 200 OK\r\n${headers}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

  it.each([
    ['an encoding that is named twice', whole('content-encoding: gzip\r\ncontent-encoding: br\r\n', '{"items":[]}')],
    [
      'a type that is named twice',
      whole('content-type: application/json\r\ncontent-type: text/html\r\n', '{"items":[]}'),
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ],
    [
      'a chunk of more bytes than there are',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nhello',
    ],
    ['a length that no number holds', 'HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhello'],
    ['a status that there is not', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['nothing but early hints', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000)],
    ['a body where none may be', 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'],
    ['headers without end', `HTTP/1.1 200 OK\r\na: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['lists without end', whole('content-type: application/json\r\n', '['.repeat(200_000) + ']'.repeat(200_000))],
    ['a number that is no id', whole('', '{"items":[{"item_id":1e400}],"request_id":1e999}')],
  ])('%s makes no read succeed, and no removal', async (_what, bytes) => {
    response = Buffer.from(bytes, 'latin1');
    for (const [task, input] of calls().slice(0, 2))
      expect((await outcomeOf(task, input))?.type).toMatch(/^Task\.(Unavailable|OutcomeUnknown|UnexpectedResponse)$/);
  });

  it("names of JavaScript's own are names like any other", async () => {
    response = Buffer.from(
      whole(
        '__proto__: a\r\nconstructor: b\r\n__proto__: c\r\n',
        '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
      ),
    );
    const { output } = await sender.send(http.request, { uri: `${provider.origin}/` });
    expect(output.response.headers['constructor']).toBe('b');
    expect(JSON.stringify(output.response.body)).toContain('"constructor":{"prototype"');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("what a task's own schema throws does not leave the call without an outcome", async () => {
    const broken = {
      ...plaid.userItemsRemove,
      output: z.unknown().transform(() => {
        throw new RangeError('canary');
      }),
    } as HttpTask;
    response = Buffer.from(whole('content-type: application/json\r\n', '{"request_id":"r"}'));
    const failure = await failureOf(sender.send(broken, { user_id: 'usr_1', item_ids: ['item-1'] }));
    expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse', retryable: false });
  });
});
