import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { createSubjectHasher, isKeyedHash, KeyedHash } from 'temporal-http-tasks/internal/ledger/subject';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';

const hasher = createSubjectHasher('sixteen letters!');

/** Texts that are likely to break an encoding: separators, quotes, lone surrogates and what UTF-8 makes of them. */
const trickyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('"', ',', '\\', '[', ']', ':', '|', '\0', '\ud800', '\udc00', '\ufffd', 'a', ' '),
  }),
);
const tuple = fc.tuple(trickyText, trickyText, trickyText);

describe('the hash of a subject', () => {
  it('differs for different (service, environment, id), however the text is cut', () => {
    fc.assert(
      fc.property(tuple, tuple, (left, right) => {
        const same = left.every((part, index) => part === right[index]);
        expect(hasher.subject(...left) === hasher.subject(...right)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it('differs when a character moves from one part to the next', () => {
    fc.assert(
      fc.property(trickyText, fc.string({ minLength: 1 }), trickyText, (before, moved, after) => {
        expect(hasher.subject(before + moved, after, '')).not.toBe(hasher.subject(before, moved + after, ''));
      }),
    );
  });

  it('is the same every time, of 24 characters of base64url, and never that of an item or under another key', () => {
    const other = createSubjectHasher('sixteen letters?');
    fc.assert(
      fc.property(tuple, (parts) => {
        const hash = hasher.subject(...parts);
        expect(isKeyedHash(hash)).toBe(true);
        expect(createSubjectHasher('sixteen letters!').subject(...parts)).toBe(hash);
        expect(new Set([hash, hasher.item(...parts), other.subject(...parts), other.item(...parts)]).size).toBe(4);
      }),
    );
  });

  it('stays what it was in earlier releases, because ledgers outlive them', () => {
    expect([
      hasher.subject('plaid', 'sandbox', 'user-1'),
      hasher.item('plaid', 'sandbox', 'item-1'),
      hasher.fingerprint,
    ]).toMatchInlineSnapshot(`
[
  "VHXRunDTwtDTPBnoszX8wInT",
  "HTWhTHeCbHtTDxZULhR32Owr",
  "eVwNPimSDDCQse71gJPIW0jU",
]
`);
  });
});

describe('the subject key', () => {
  it('is refused below 16 characters, with the setting and the length but not the key', () => {
    const attempt = () => createSubjectHasher('hunter2 hunter2');
    expect(attempt).toThrow(LedgerSettingError);
    expect(attempt).toThrow('HTTP_TASKS_SUBJECT_KEY: needs at least 16 characters, and has 15');
    expect(attempt).not.toThrow('hunter2');
    expect(() => createSubjectHasher('')).toThrow('and has 0');
  });

  it('has a fingerprint that differs for another key and does not contain it', () => {
    expect(createSubjectHasher('sixteen letters?').fingerprint).not.toBe(hasher.fingerprint);
    expect(isKeyedHash(hasher.fingerprint)).toBe(true);
  });
});

describe('a keyed hash', () => {
  it('is HMAC-SHA-256, for texts and keys of any length', () => {
    const texts = fc.oneof(trickyText, fc.string({ unit: 'grapheme', minLength: 1_000, maxLength: 3_000 }));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.array(texts), (bytes, several) => {
        const key = createSecretKey(bytes);
        const hash = new KeyedHash(key);
        for (const text of several)
          expect(hash.of(text, 43)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
      }),
    );
    expect(() => new KeyedHash(createSecretKey(Buffer.alloc(65)))).toThrow(RangeError);
  });
});
