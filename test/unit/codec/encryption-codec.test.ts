import { createSecretKey } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { EncryptionCodec, UndecryptableError } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { freshKey } from './keys';

const text = (bytes: Uint8Array | undefined | null): string => Buffer.from(bytes ?? []).toString('utf8');

function payloadOf(value: unknown): Payload {
  return defaultPayloadConverter.toPayload(value);
}

async function encodeOne(codec: EncryptionCodec, value: unknown): Promise<Payload> {
  const [payload] = await codec.encode([payloadOf(value)]);
  return payload!;
}

async function decodeOne(codec: EncryptionCodec, payload: Payload): Promise<unknown> {
  const [decoded] = await codec.decode([payload]);
  return defaultPayloadConverter.fromPayload(decoded!);
}

/** A payload with one thing changed. */
function withMetadata({ metadata, data }: Payload, name: string, value: string | undefined): Payload {
  const { [name]: _dropped, ...rest } = metadata!;
  return { metadata: value === undefined ? rest : { ...rest, [name]: Buffer.from(value) }, data };
}

describe('An encrypted payload', () => {
  const key = freshKey('2026');
  const codec = new EncryptionCodec([key]);

  it('gives back whatever was put in, metadata included', async () => {
    const payloads = fc.array(
      fc.record({
        metadata: fc.dictionary(fc.string({ minLength: 1 }), fc.uint8Array()),
        data: fc.uint8Array({ maxLength: 2_000 }),
      }),
    );
    const plain = ({ metadata, data }: Payload): unknown => [
      Object.entries(metadata ?? {})
        .map(([name, bytes]) => [name, [...bytes]])
        .sort(),
      [...(data ?? [])],
    ];
    await fc.assert(
      fc.asyncProperty(payloads, async (given) => {
        const decoded = await codec.decode(await codec.encode(given));
        expect(decoded.map(plain)).toEqual(given.map(plain));
      }),
    );
  });

  it('says how it is encrypted and under which key, and nothing of what it holds', async () => {
    const { metadata, data } = await encodeOne(codec, { id: 'canary' });
    expect(Object.keys(metadata!).sort()).toEqual([
      'encoding',
      'encryption-format',
      'encryption-key-id',
      'encryption-nonce',
    ]);
    expect([metadata!['encoding'], metadata!['encryption-format'], metadata!['encryption-key-id']].map(text)).toEqual([
      'binary/encrypted',
      'temporal-http-tasks/1',
      '2026',
    ]);
    expect(metadata!['encryption-nonce']).toHaveLength(12);
    expect(text(data)).not.toMatch(/canary|json/);
  });

  it('never looks the same twice', async () => {
    const [first, second] = await codec.encode([payloadOf('same'), payloadOf('same')]);
    expect(text(first!.data)).not.toBe(text(second!.data));
    expect(text(first!.metadata!['encryption-nonce'])).not.toBe(text(second!.metadata!['encryption-nonce']));
  });

  it('was made in a way that other code can follow', async () => {
    // A payload of today: should the format change without a new name for it, histories could not be read any more.
    const fixed = new EncryptionCodec([{ id: 'fixed', key: createSecretKey(Buffer.alloc(32, 7)) }]);
    const stored: Payload = {
      metadata: {
        encoding: Buffer.from('binary/encrypted'),
        'encryption-format': Buffer.from('temporal-http-tasks/1'),
        'encryption-key-id': Buffer.from('fixed'),
        'encryption-nonce': Buffer.from('d7DugN6/T7scIkWF', 'base64'),
      },
      data: Buffer.from(
        '4ae3eDeCawzzFClPOF04TWfdoXWFbCFz1BSBvLtQFofPpAHYTOB3ADBhRXVByKWU+pLkCNwVL+aLc/ASJ5M=',
        'base64',
      ),
    };
    expect(await decodeOne(fixed, stored)).toEqual({ kept: 'for years' });
  });

  it.each(['encryption-key-id', 'encryption-format', 'encryption-nonce'])(
    'does not open when its %s was changed or taken away',
    async (name) => {
      const both = new EncryptionCodec([key, { id: 'same-key', key: key.key }]);
      const sealed = await encodeOne(codec, 'x');
      await expect(
        both.decode([withMetadata(sealed, name, name === 'encryption-key-id' ? 'same-key' : 'changed')]),
      ).rejects.toThrow(UndecryptableError);
      // Without a format it is not one of ours, and its next reader does not know its encoding.
      if (name !== 'encryption-format')
        await expect(codec.decode([withMetadata(sealed, name, undefined)])).rejects.toThrow(UndecryptableError);
    },
  );

  it('does not open when any bit of it was changed, or its end is missing', async () => {
    const { metadata, data } = await encodeOne(codec, 'x');
    for (let index = 0; index < data!.length; index += 1) {
      const changed = Buffer.from(data!);
      changed[index]! ^= 1;
      await expect(codec.decode([{ metadata, data: changed }])).rejects.toThrow(UndecryptableError);
      await expect(codec.decode([{ metadata, data: data!.subarray(0, index) }])).rejects.toThrow(UndecryptableError);
    }
  });
});

describe('The keys of a codec', () => {
  const [old, young] = [freshKey('old'), freshKey('young')];

  it('are replaced one process at a time: the first encrypts, each decrypts', async () => {
    const before = new EncryptionCodec([old]);
    const prepared = new EncryptionCodec([old, young]);
    const changed = new EncryptionCodec([young, old]);
    const after = new EncryptionCodec([young]);
    const ofOld = await encodeOne(prepared, 'of old');
    const ofYoung = await encodeOne(changed, 'of young');
    expect(await Promise.all([before, prepared, changed].map((codec) => decodeOne(codec, ofOld)))).toEqual(
      Array(3).fill('of old'),
    );
    expect(await Promise.all([prepared, changed, after].map((codec) => decodeOne(codec, ofYoung)))).toEqual(
      Array(3).fill('of young'),
    );
    await expect(after.decode([ofOld])).rejects.toThrow(
      'needs the encryption key "old", which this process does not have; it has "young"',
    );
  });

  it('are named when another key has the same id', async () => {
    const sealed = await encodeOne(new EncryptionCodec([old]), 'x');
    await expect(new EncryptionCodec([freshKey('old')]).decode([sealed])).rejects.toThrow(
      'The encryption key "old" of this process does not decrypt',
    );
  });

  it('are not named when the id in a payload is not one of ours: it may be anything', async () => {
    const sealed = withMetadata(await encodeOne(new EncryptionCodec([old]), 'x'), 'encryption-key-id', 'two\nlines');
    await expect(new EncryptionCodec([old]).decode([sealed])).rejects.toThrow(
      /^A payload needs an encryption key with an invalid ID, which/,
    );
  });
});

it('lets pass what it did not encrypt: plain payloads and those of another codec', async () => {
  const codec = new EncryptionCodec([freshKey('a')]);
  const foreign: Payload = {
    metadata: { encoding: Buffer.from('binary/encrypted'), 'encryption-key-id': Buffer.from('theirs') },
    data: Buffer.from('x'),
  };
  const given = [payloadOf('plain'), foreign];
  expect(await codec.decode(given)).toEqual(given);
});
