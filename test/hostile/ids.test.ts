import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import fc from 'fast-check';
import { batchService } from 'temporal-http-tasks/internal/providers/batch/service';
import { batch } from 'temporal-http-tasks/internal/providers/catalogue';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { simulatorSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';
import { failureOf } from '../unit/http/failure-of';
import { tried } from './fuzzing';

let simulators: Simulators;
let wire: Server;
let sender: TaskSender;
/** What went over the wire since it was last emptied, byte for byte. */
let written = '';

beforeAll(async () => {
  simulators = await startSimulators({});
  const port = Number(new URL(simulators.batch.url).port);
  wire = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    client.on('data', (bytes) => (written += bytes.toString('latin1')));
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  const env = {
    ...simulatorSettings(simulators),
    BATCH_BASE_URL: `http://127.0.0.1:${(wire.address() as AddressInfo).port}`,
  };
  sender = createTaskSender(readSenderSettings(env, [batchService]));
});

beforeEach(() => simulators.batch.reset());

afterAll(async () => {
  await sender.close();
  await new Promise((resolve) => wire.close(resolve));
  await simulators.close();
});

/** Deletes one user, and looks at the wire and at whom Batch took it for. */
async function deleted(id: string): Promise<void> {
  const app = Object.keys(simulators.batch.appKeys)[0]!;
  written = '';
  await sender.send(batch.customDataDelete, { id, app });
  const [head = '', ...rest] = written.split('\r\n\r\n');
  const [line = '', ...headers] = head.split('\r\n');
  expect(line).toBe(`DELETE /1.0/${simulators.batch.appKeys[app]}/data/users/${encodeURIComponent(id)} HTTP/1.1`);
  expect(headers.map((header) => header.split(':')[0]!.toLowerCase()).sort()).toEqual([
    'accept',
    'accept-encoding',
    'connection',
    'host',
    'user-agent',
    'x-authorization',
  ]);
  expect(rest).toEqual(['']);
  const { calls } = simulators.batch.calls();
  expect(calls.at(-1)).toMatchObject({ endpoint: 'customDataDelete', user: id, status: 200 });
}

const PATHS = [
  '../x',
  '..%2f..',
  '%2e%2e',
  './..',
  'a/../b',
  '//evil.example',
  '\\..\\',
  '?a=b',
  '#a',
  ';a',
  '%',
  '%00',
  '\0',
  'a\r\nx-injected: 1',
  '\r\n\r\nGET / HTTP/1.1\r\n\r\n',
  '\n',
  '\u2028',
  '\u0085',
  ' ',
  '\t',
  '{api_key}',
  '$&',
  '*',
  '...',
  '\u{10ffff}',
  '\ufeff',
  '\uffff',
  '\u202e',
  'e\u0301',
];
/** A character of each of Unicode's seventeen planes. */
const PLANES = Array.from({ length: 17 }, (_, plane) => String.fromCodePoint(plane * 0x10000 + 0x100));

describe('Any id goes to the one user who has it, over a real connection', () => {
  it('path tricks, line breaks and every plane of Unicode', async () => {
    for (const id of [...PATHS, ...PLANES, PLANES.join(''), 'a'.repeat(1_023), `${'😀'.repeat(511)}a`])
      await deleted(id);
    expect(simulators.batch.calls().calls).toHaveLength(PATHS.length + PLANES.length + 3);
  });

  it('whatever characters they have', async () => {
    const part = fc.oneof(fc.constantFrom(...PATHS), fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }));
    const id = fc
      .array(part, { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join(''))
      .filter((text) => text !== '.' && text !== '..');
    await fc.assert(fc.asyncProperty(id, deleted), tried(150));
  });

  it.each([
    ['no character', ''],
    ['1,024 characters', 'a'.repeat(1_024)],
    ['1,024 characters of two units each', '😀'.repeat(1_024)],
    ['the first half of a pair', '\ud800'],
    ['the second half of a pair', 'a\udfff'],
    ['halves in the wrong order', '\udfff\ud800'],
  ])('but an id of %s is refused, and nothing is sent', async (_what, id) => {
    written = '';
    for (const refused of [
      sender.send(batch.customDataDelete, { id, app: 'ios' }),
      sender.send(batch.customDataBulkDelete, { ids: ['a', id], app: 'ios' }),
    ]) {
      expect(await failureOf(refused)).toMatchObject({ type: 'Task.InvalidInput', retryable: false });
    }
    expect(written).toBe('');
    expect(simulators.batch.calls().calls).toEqual([]);
  });
});
