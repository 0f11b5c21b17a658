import { Connection } from '@temporalio/client';
import { allowedByTemporal, AllCallersAllowedError } from 'temporal-http-tasks/internal/codec/allowed-by-temporal';
import { createCodecHandler } from 'temporal-http-tasks/internal/codec/codec-handler';
import { EncryptionCodec } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { temporalAddress } from '../support/temporal';
import { freshKey } from '../unit/codec/keys';
import { guardTemporal } from './guarded-temporal';
import type { GuardedTemporal } from './guarded-temporal';

// The login of a person in the Temporal UI, checked by a Temporal server that asks for one.

const READER = 'Bearer login-of-a-reader';
const UI = 'https://temporal.example.com';

const logins = new Set<string>();
let guarded: GuardedTemporal;
let connection: Connection;

beforeAll(async () => {
  guarded = await guardTemporal(temporalAddress(), logins);
  connection = Connection.lazy({ address: guarded.address });
});
beforeEach(() => void logins.add(READER));
afterAll(async () => {
  await connection.close();
  await guarded.close();
});

/** Decodes nothing, for a caller with these headers; returns the status. */
async function decodeAs(headers: Record<string, string>, namespace = 'default'): Promise<number> {
  const authorize = await allowedByTemporal(connection, namespace);
  const handler = createCodecHandler({ codec: new EncryptionCodec([freshKey('a')]), uiOrigins: [UI], authorize });
  const { status } = await handler(
    new Request('http://localhost/decode', {
      method: 'POST',
      headers: { origin: UI, ...headers },
      body: '{"payloads":[]}',
    }),
  );
  return status;
}

it('accepts only callers whom the Temporal server lets read the namespace', async () => {
  expect(await decodeAs({ authorization: READER, 'x-namespace': 'default' })).toBe(200);
  expect(await decodeAs({ authorization: READER })).toBe(200);
  const others: Record<string, string>[] = [
    {},
    { authorization: '' },
    { authorization: 'Bearer of-somebody' },
    { 'authorization-extras': READER },
  ];
  for (const headers of others) expect(await decodeAs(headers)).toBe(401);
});

it('accepts no caller for another namespace than its own: a payload names none', async () => {
  expect(await decodeAs({ authorization: READER, 'x-namespace': 'elsewhere' })).toBe(401);
});

it('asks every time, so that a right that was withdrawn ends immediately', async () => {
  const authorize = await allowedByTemporal(connection, 'default');
  const request = new Request('http://localhost/decode', { headers: { authorization: READER } });
  expect(await authorize(request)).toBe(true);
  logins.delete(READER);
  expect(await authorize(request)).toBe(false);
});

it('accepts no caller when the server does not respond to the question', async () => {
  expect(await decodeAs({ authorization: READER }, 'no-such-namespace')).toBe(500);
});

it('refuses to rely on a server that lets every caller read', async () => {
  const open = Connection.lazy({ address: temporalAddress() });
  await expect(allowedByTemporal(open, 'default')).rejects.toThrow(AllCallersAllowedError);
  await open.close();
});
