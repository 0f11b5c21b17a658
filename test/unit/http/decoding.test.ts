import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { AnswerForm } from 'temporal-http-tasks/internal/tasks/wire';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { failureOf } from './failure-of';
import { Provider, settingsFor } from './provider';

let provider: Provider;
let sender: TaskSender;
let respond: (response: ServerResponse) => void;

beforeAll(async () => {
  provider = await Provider.start((response) => respond(response));
  sender = createTaskSender(settingsFor(provider.origin, { HTTP_TASKS_HTTP_ALLOW: provider.origin }));
});

afterAll(async () => {
  await sender.close();
  await provider.close();
});

/** The body that `http.request` reads of such a response. */
async function bodyOf(bytes: Buffer | string, headers: Record<string, string>): Promise<unknown> {
  respond = (response) => response.writeHead(200, headers).end(bytes);
  const { output } = await sender.send(http.request, { uri: `${provider.origin}/`, keepBody: true });
  return output.response.body;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const VALUE = { ok: true, name: 'Zoë' };
const TEXT = JSON.stringify(VALUE);

describe('A compressed response', () => {
  it.each<[string, Buffer]>([
    ['gzip', gzipSync(TEXT)],
    ['gzip', Buffer.concat([gzipSync(TEXT.slice(0, 5)), gzipSync(TEXT.slice(5)), Buffer.alloc(64)])],
    ['x-gzip', gzipSync(TEXT)],
    ['GZIP', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
    ['identity', Buffer.from(TEXT)],
    ['', Buffer.from(TEXT)],
  ])('in %s is read', async (encoding, bytes) => {
    expect(await bodyOf(bytes, { ...JSON_TYPE, 'content-encoding': encoding })).toEqual(VALUE);
  });

  it.each<[string, string, Buffer]>([
    ['is cut off', 'gzip', gzipSync(TEXT).subarray(0, 20)],
    ['is something else', 'gzip', Buffer.from(TEXT)],
    ['is in an unknown encoding', 'zstd', Buffer.from(TEXT)],
    ['has more behind padding', 'gzip', Buffer.concat([gzipSync(TEXT), Buffer.alloc(8), gzipSync(TEXT)])],
    ['has more behind zlib', 'deflate', Buffer.concat([deflateSync(TEXT), Buffer.from(TEXT)])],
    ['has more behind raw deflate', 'deflate', Buffer.concat([deflateRawSync(TEXT), Buffer.from(TEXT)])],
    ['has more behind Brotli', 'br', Buffer.concat([brotliCompressSync(TEXT), brotliCompressSync(TEXT)])],
    [
      'is packed very often',
      'gzip, gzip, gzip, gzip',
      [1, 2, 3, 4].reduce((bytes) => gzipSync(bytes), Buffer.from(TEXT)),
    ],
  ])('that %s is refused, after the call was made', async (_what, encoding, bytes) => {
    respond = (response) => response.writeHead(200, { ...JSON_TYPE, 'content-encoding': encoding }).end(bytes);
    const failure = await failureOf(sender.send(plaid.userItemsGet, { user_id: 'usr_1' }));
    expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse', status: 200 });
    expect(failure.message).toContain('compressed');
  });

  it('that decompresses to more than a response may have stops being read there', async () => {
    for (const bomb of [
      gzipSync(Buffer.alloc(300_000_000)),
      brotliCompressSync(Buffer.alloc(300_000_000), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    ]) {
      const encoding = bomb[0] === 0x1f ? 'gzip' : 'br';
      respond = (response) => response.writeHead(200, { ...JSON_TYPE, 'content-encoding': encoding }).end(bomb);
      const before = process.memoryUsage().rss;
      const failure = await failureOf(sender.send(plaid.userItemsGet, { user_id: 'usr_1' }));
      expect(failure.message).toContain('larger');
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    }
  });

  it('of an error is read too', async () => {
    const body = JSON.stringify({
      error_type: 'INVALID_INPUT',
      error_code: 'USER_NOT_FOUND',
      error_message: '',
      request_id: 'req-1',
    });
    respond = (response) => response.writeHead(400, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end(gzipSync(body));
    expect(await failureOf(sender.send(plaid.userItemsGet, { user_id: 'usr_1' }))).toMatchObject({
      type: 'Task.Rejected',
      code: 'USER_NOT_FOUND',
    });
  });
});

describe('A response that is JSON', () => {
  it.each([
    'application/json',
    'text/json',
    'application/x-json',
    'application/problem+json',
    'application/vnd.api+json; charset=utf-8',
    'image/svg+json',
    'application/x-amz-json-1.1',
  ])('by the name %s is read as such', async (type) => {
    expect(await bodyOf(TEXT, { 'content-type': type })).toEqual(VALUE);
  });

  it.each<[string, Buffer]>([
    ['UTF-8', Buffer.from(`\ufeff${TEXT}`)],
    ['UTF-16', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
  ])('behind a byte order mark of %s is read', async (_mark, bytes) => {
    expect(await bodyOf(bytes, JSON_TYPE)).toEqual(VALUE);
  });

  it('keeps the digits of numbers that JavaScript would round', async () => {
    expect(await bodyOf('{"id":9007199254740993,"small":7}', JSON_TYPE)).toEqual({ id: '9007199254740993', small: 7 });
  });
});

describe('The charset of a response', () => {
  it.each<[string, Buffer]>([
    ['ISO-8859-1', Buffer.from('Zoë', 'latin1')],
    ['"windows-1252"', Buffer.from('Zoë', 'latin1')],
    ['UTF-16LE', Buffer.from('Zoë', 'utf16le')],
    ['utf-8', Buffer.from('Zoë')],
    ['klingon', Buffer.from('Zoë')],
  ])('%s is how it is decoded', async (charset, bytes) => {
    expect(await bodyOf(bytes, { 'content-type': `text/plain; charset=${charset}` })).toBe('Zoë');
  });

  it.each(['windows-1252', 'ISO-8859-1', 'latin1'])(
    '%s has letters where Latin-1 has control characters',
    async (charset) => {
      const bytes = Buffer.from([0x80, 0x8a, 0x8e, 0x92, 0x9c, 0x9f, 0xe9]);
      expect(await bodyOf(bytes, { 'content-type': `text/csv; charset=${charset}` })).toBe('€ŠŽ’œŸé');
    },
  );

  it('ends with what a truncated character leaves', async () => {
    const bytes = Buffer.from([0x82, 0xa0, 0x82]);
    expect(await bodyOf(bytes, { 'content-type': 'text/plain; charset=shift_jis' })).toBe('あ\ufffd');
  });
});

describe('A response that is not described', () => {
  const taskOf = (answerForm: AnswerForm) =>
    defineHttpTask({
      service: plaidService,
      operation: 'gone',
      summary: 'x',
      method: 'POST',
      path: '/x',
      places: {},
      input: z.strictObject({}),
      output: z.unknown(),
      answerForm,
      effect: 'irreversible',
      settle: { by: 'list', with: 'plaid.userItemsGet', basis: 'assumed' },
      remedy: 'x',
    });

  it.each<[string, string, Record<string, string>, unknown]>([
    ['JSON', '{"deleted":true}', JSON_TYPE, { deleted: true }],
    ['JSON without a type', '{"deleted":true}', {}, { deleted: true }],
    ['a text', 'OK', { 'content-type': 'text/plain' }, 'OK'],
    ['a text that is called JSON', 'OK', JSON_TYPE, 'OK'],
    ['nothing', '', {}, null],
  ])('may be %s', async (_what, body, headers, output) => {
    respond = (response) => response.writeHead(200, headers).end(body);
    await expect(sender.send(taskOf({ as: 'any', accept: '*/*' }), {})).resolves.toMatchObject({ status: 200, output });
  });
});

describe('A number that JavaScript would change, in a response', () => {
  const taskWith = (id: z.ZodType) =>
    defineHttpTask({
      service: plaidService,
      operation: 'made',
      summary: 'x',
      method: 'POST',
      path: '/x',
      places: {},
      input: z.strictObject({}),
      output: z.looseObject({ id }),
      effect: 'irreversible',
      settle: { by: 'list', with: 'plaid.userItemsGet', basis: 'assumed' },
      remedy: 'x',
    });
  const outputOf = async (id: z.ZodType, body: string): Promise<unknown> => {
    respond = (response) => response.writeHead(200, JSON_TYPE).end(body);
    return (await sender.send(taskWith(id), {})).output;
  };

  it('is the text of its digits where the task takes both', async () => {
    const both = z.union([z.number(), z.string()]);
    expect(await outputOf(both, '{"id":9007199254740993,"more":1e400}')).toEqual({
      id: '9007199254740993',
      more: '1e400',
    });
    expect(await outputOf(both, '{"id":1e400}')).toEqual({ id: '1e400' });
  });

  it('does not make a call look broken where the task takes numbers only', async () => {
    expect(await outputOf(z.number(), '{"id":9007199254740993}')).toEqual({ id: 9_007_199_254_740_992 });
  });

  it('is not text where the task takes text only', async () => {
    respond = (response) => response.writeHead(200, JSON_TYPE).end('{"id":9007199254740993}');
    expect(await failureOf(sender.send(taskWith(z.string()), {}))).toMatchObject({ type: 'Task.UnexpectedResponse' });
  });
});

it('A number beyond 2^53 in an input is refused by field, since its digits are lost already', async () => {
  const before = provider.received.length;
  const id = JSON.parse('7615917337495251231') as number;
  for (const [field, input] of [
    ['body.id', { method: 'POST', body: { id } }],
    ['query.id', { query: { id } }],
  ] as const) {
    const failure = await failureOf(sender.send(http.request, { uri: `${provider.origin}/`, ...input }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', field });
  }
  expect(provider.received).toHaveLength(before);
});
