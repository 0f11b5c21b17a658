import fc from 'fast-check';
import { Scrubber, SCRUBBED } from 'temporal-http-tasks/internal/http/redact';

const bytesOf = (text: string): number[] => [...Buffer.from(text, 'utf8')];
const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '/': '&sol;',
  '=': '&equals;',
  $: '&dollar;',
};
const html = (text: string): string => text.replace(/[&<>"'/=$]/g, (character) => ENTITIES[character]!);
const mime = (text: string): string => text.replace(/.{76}/g, '$&\r\n');

const quotedPrintable = (text: string): string =>
  text.replace(/[^A-Za-z0-9 ]/g, (one) =>
    bytesOf(one)
      .map((byte) => `=${hexOf(byte).toUpperCase()}`)
      .join(''),
  );
const wide = (text: string, write: (code: number) => string): string =>
  text.replace(/[!-~]/g, (one) => write(one.charCodeAt(0)));
const inMathematicalLetters = (text: string): string =>
  text
    .replace(/[A-Z]/g, (one) => String.fromCodePoint(0x1d400 + one.charCodeAt(0) - 65))
    .replace(/[a-z]/g, (one) => String.fromCodePoint(0x1d41a + one.charCodeAt(0) - 97))
    .replace(/[0-9]/g, (one) => String.fromCodePoint(0x1d7ce + Number(one)));
const utf16 = (text: string, name: 'utf16le' | 'utf16be'): Buffer => {
  const bytes = Buffer.from(text, 'utf16le');
  return name === 'utf16le' ? bytes : bytes.swap16();
};

interface Encoding {
  name: string;
  write: (text: string) => string;
  read: (text: string) => string;
}

const unHtml = (text: string): string =>
  text.replace(/&(?:(\w+)|#(\d+)|#x([0-9a-f]+));/gi, (all: string, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return Object.entries(ENTITIES).find(([, entity]) => entity === all)?.[0] ?? all;
    return String.fromCodePoint(
      Math.min(0x10ffff, decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)),
    );
  });
const unPercent = (text: string): string =>
  Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');
const unEscape = (text: string): string =>
  text.replace(
    /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/gi,
    (_, four?: string, two?: string, one?: string) => one ?? String.fromCharCode(Number.parseInt(four ?? two!, 16)),
  );
const unBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

/** Encodings that a careless provider, proxy or log may apply, one on top of another. */
const ENCODINGS: Encoding[] = [
  { name: 'percent', write: (text) => encodeURIComponent(text), read: unPercent },
  {
    name: 'percent of each byte',
    write: (text) =>
      bytesOf(text)
        .map((byte) => `%${hexOf(byte)}`)
        .join(''),
    read: unPercent,
  },
  { name: 'HTML by name', write: html, read: unHtml },
  {
    name: 'HTML in decimal',
    write: (text) => [...text].map((one) => `&#${one.codePointAt(0)};`).join(''),
    read: unHtml,
  },
  {
    name: 'HTML in hex',
    write: (text) => [...text].map((one) => `&#x${one.codePointAt(0)!.toString(16)};`).join(''),
    read: unHtml,
  },
  { name: 'JSON', write: (text) => JSON.stringify(text).slice(1, -1), read: unEscape },
  {
    name: '\\u of each',
    write: (text) => [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
    read: unEscape,
  },
  {
    name: '\\x of each',
    write: (text) =>
      bytesOf(text)
        .map((byte) => `\\x${hexOf(byte)}`)
        .join(''),
    read: unEscape,
  },
  {
    name: 'hex',
    write: (text) => Buffer.from(text).toString('hex'),
    read: (text) => Buffer.from(text, 'hex').toString('utf8'),
  },
  {
    name: 'HEX',
    write: (text) => Buffer.from(text).toString('hex').toUpperCase(),
    read: (text) => Buffer.from(text, 'hex').toString('utf8'),
  },
  { name: 'base64', write: (text) => Buffer.from(text).toString('base64'), read: unBase64 },
  { name: 'base64url', write: (text) => Buffer.from(text).toString('base64url'), read: unBase64 },
  { name: 'base64 in lines', write: (text) => mime(Buffer.from(text).toString('base64')), read: unBase64 },
];

/** What is left of a text that its reader decodes, whatever was there where something was removed. */
function readings(text: string, encodings: readonly Encoding[]): string[] {
  return ['', 'A', 'AA', 'AAA', 'AAAA'].map((filler) =>
    encodings.reduceRight((left, { read }) => read(left), text.replaceAll(SCRUBBED, filler)).toLowerCase(),
  );
}

/** An opaque secret, as services issue them. */
const opaque = fc.string({
  unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'),
  minLength: 14,
  maxLength: 40,
});
/** A secret that a person made up. */
const odd = fc
  .tuple(opaque, fc.string({ unit: fc.constantFrom(...'!"#$%&\'()*+,-./:;<=>?@[]^_`{|}~ '), maxLength: 10 }))
  .map(([letters, others]) => [...letters].map((letter, place) => letter + others.charAt(place)).join(''));
const around = fc.string({ unit: 'grapheme-ascii', maxLength: 40 });
const chain = fc.array(fc.constantFrom(...ENCODINGS), { maxLength: 3 });

function windowsOf(secret: string): string[] {
  return Array.from({ length: Math.max(1, secret.length - 11) }, (_, place) =>
    secret.slice(place, place + 12).toLowerCase(),
  );
}

describe('A secret in a response', () => {
  it('cannot be read from it, whatever it was encoded with, how often, and what is around it', () => {
    fc.assert(
      fc.property(fc.oneof(opaque, odd), chain, around, around, around, (secret, encodings, before, after, outside) => {
        const sent = encodings.reduce((text, { write }) => write(text), before + secret + after);
        const cleaned = new Scrubber([secret]).text(`${outside}${outside === '' ? '' : ' '}${sent}`);
        const left = readings(cleaned, encodings).flatMap((reading) =>
          windowsOf(secret).filter((window) => reading.includes(window)),
        );
        expect(left).toEqual([]);
        expect(cleaned).toContain(SCRUBBED);
      }),
      { numRuns: 3_000 },
    );
  });

  const SECRETS = [
    'p4$$w0rd&<k3y>~!x',
    'tok&en<v3ry>s3cret"x',
    '4111111111111111',
    'sk_live_51HxYzAbCdEfGhIjKl',
    'b0a7c9d2e4f64a1f8c3e5d7a9b1c2d3e',
  ];
  const FORMS: [string, (secret: string) => string][] = [
    ...ENCODINGS.map(({ name, write }): [string, (secret: string) => string] => [name, write]),
    ['upper case', (secret) => secret.toUpperCase()],
    ['lower case', (secret) => secret.toLowerCase()],
    ['backwards', (secret) => [...secret].reverse().join('')],
    ['percent twice', (secret) => encodeURIComponent(encodeURIComponent(secret))],
    [
      'percent of each byte, four times',
      (secret) =>
        [1, 2, 3].reduce(
          (text) => encodeURIComponent(text),
          bytesOf(secret)
            .map((byte) => `%${hexOf(byte)}`)
            .join(''),
        ),
    ],
    [
      "Java's URLEncoder",
      (secret) =>
        encodeURIComponent(secret)
          .replace(/[!'()~]/g, (one) => `%${hexOf(one.charCodeAt(0)).toUpperCase()}`)
          .replaceAll('%20', '+'),
    ],
    [
      'JSON that is safe in HTML',
      (secret) =>
        JSON.stringify(secret)
          .slice(1, -1)
          .replace(/[<>&]/g, (one) => `\\u00${hexOf(one.charCodeAt(0))}`),
    ],
    [
      '%u of each',
      (secret) => [...secret].map((one) => `%u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
    ],
    [
      'octal',
      (secret) =>
        bytesOf(secret)
          .map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
          .join(''),
    ],
    ['quoted for a shell', (secret) => `'${secret.replace(/[$"&<>]/g, '\\$&')}'`],
    ['quoted-printable', (secret) => secret.replaceAll('=', '=3D').replace(/.{7}/g, '$&=\r\n')],
    ['without its last character', (secret) => secret.slice(0, -1)],
    ['its first three quarters', (secret) => secret.slice(0, Math.max(13, Math.ceil(secret.length * 0.75)))],
    ['without its first character', (secret) => secret.slice(1)],
    ['in two lines', (secret) => `${secret.slice(0, 8)}\n${secret.slice(8)}`],
    ['with a space behind each character', (secret) => [...secret].join(' ')],
    ['a list of its characters', (secret) => JSON.stringify([...secret])],
    ['a list of its pieces', (secret) => JSON.stringify(secret.match(/.{1,5}/g), undefined, 2)],
    ['a list of its bytes', (secret) => JSON.stringify(Buffer.from(secret))],
    ['bytes as a dump', (secret) => bytesOf(secret).map(hexOf).join(' ')],
    ['bytes as a fingerprint', (secret) => bytesOf(secret).map(hexOf).join(':').toUpperCase()],
    [
      'bytes as code',
      (secret) =>
        bytesOf(secret)
          .map((byte) => `0x${hexOf(byte)}`)
          .join(', '),
    ],
    [
      'quoted-printable of each byte',
      (secret) =>
        bytesOf(secret)
          .map((byte) => `=${hexOf(byte).toUpperCase()}`)
          .join('')
          .replace(/.{75}/g, '$&=\r\n'),
    ],
    ['quoted-printable of others than letters', (secret) => quotedPrintable(secret)],
    ['quoted-printable, then percent', (secret) => encodeURIComponent(quotedPrintable(secret))],
    ['quoted-printable of base64', (secret) => quotedPrintable(mime(Buffer.from(`a ${secret}`).toString('base64')))],
    ['full-width', (secret) => wide(secret, (code) => String.fromCharCode(code + 0xfee0))],
    [
      'full-width letters as escapes',
      (secret) => wide(secret, (code) => `\\u${(code + 0xfee0).toString(16).padStart(4, '0')}`),
    ],
    ['mathematical letters', (secret) => inMathematicalLetters(secret)],
    ...(['utf16le', 'utf16be'] as const).flatMap((name): [string, (secret: string) => string][] => [
      [`${name} in hex`, (secret) => utf16(secret, name).toString('hex')],
      [`${name} in base64`, (secret) => utf16(secret, name).toString('base64')],
      [`${name} in base64 behind one letter`, (secret) => utf16(`k${secret}`, name).toString('base64')],
      [`${name} in base64 behind two letters`, (secret) => utf16(`k=${secret}.`, name).toString('base64url')],
      [`${name} in base64 twice`, (secret) => Buffer.from(utf16(secret, name).toString('base64')).toString('base64')],
    ]),
    ['UTF-16', (secret) => Buffer.from(secret, 'utf16le').toString('latin1')],
    ['Basic authentication', (secret) => `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`],
    ['base64 twice', (secret) => Buffer.from(Buffer.from(secret).toString('base64')).toString('base64')],
    ['base64 four times', (secret) => [1, 2, 3, 4].reduce((text) => Buffer.from(text).toString('base64'), secret)],
    [
      'base64 of JSON of base64',
      (secret) =>
        Buffer.from(JSON.stringify({ h: Buffer.from(`Bearer ${secret}`).toString('base64') })).toString('base64url'),
    ],
    ['base64 in upper case', (secret) => Buffer.from(secret.toUpperCase()).toString('base64')],
  ];

  it.each(FORMS)('is removed: %s', (_name, write) => {
    for (const secret of SECRETS) {
      const form = write(secret);
      for (const text of [form, `before ${form} after`, JSON.stringify({ message: `before ${form} after` })]) {
        const cleaned = new Scrubber([secret]).text(text);
        expect(cleaned).toContain(SCRUBBED);
        for (const half of [form.slice(0, Math.ceil(form.length / 2)), form.slice(Math.floor(form.length / 2))])
          expect(cleaned).not.toContain(half);
      }
    }
  });

  it('is removed from numbers, keys and values, also where it is split among several', () => {
    const scrubber = new Scrubber(['4111111111111111', 'canary-desk-key-0001']);
    const value = {
      n: 4111111111111111,
      m: 4.1,
      'canary-desk-key-0001': 1,
      pieces: ['canary-', 'desk-key', '-0001'],
      letters: [...'canary-desk-key-0001'],
      rest: ['kept'],
    };
    const text = JSON.stringify(value);
    const cleaned = scrubber.parsed(text, value) as typeof value;
    expect(cleaned).toMatchObject({ n: SCRUBBED, m: 4.1, [SCRUBBED]: 1, rest: ['kept'] });
    expect(JSON.stringify(cleaned)).not.toMatch(/canary|desk|4111/);
    expect(cleaned.letters.join('')).not.toMatch(/[a-z]{8}(?<!\[secret)/);
    expect(scrubber.value(4111111111111111)).toBe(SCRUBBED);
    expect(scrubber.value(41111111111111110000)).toBe(`${SCRUBBED}0000`);
  });

  it.each(['k1y', 'pin4', 'S3cr7', 'a!b@c#', 'geheim7'])(
    'is removed in every encoding although it is short: %s',
    (secret) => {
      const scrubber = new Scrubber([secret]);
      for (const { write } of ENCODINGS)
        expect(scrubber.text(`before ${write(secret)} after`)).toMatch(/^before \[secret\]={0,2} after$/);
      for (const { write } of ENCODINGS.slice(8))
        expect(scrubber.text(`Basic ${write(`user:${secret}`)}`)).not.toContain(write(`user:${secret}`).slice(-4));
    },
  );

  it.each(['!@#$%^&*()', '..--..--..', '$$ && || <<'])('is removed although it has no letters: %s', (secret) => {
    const scrubber = new Scrubber([secret]);
    for (const { write } of ENCODINGS)
      expect(scrubber.text(`before ${write(secret)} after`)).toMatch(/^before \[secret\]={0,2} after$/);
  });
});

describe('A text without secrets', () => {
  const secrets = ['b0a7c9d2e4f64a1f8c3e5d7a9b1c2d3e', 'correct-horse-battery-staple', 'production', 'k1', 'pass'];
  const scrubber = new Scrubber(secrets);

  it.each([
    'The battery of a horse is correct; staple it.',
    'passes bypass password compass, ok1 k12 product producti',
    '{"id":"usr_4nq8vKx1Ld","uuid":"0f8fad5b-d9cb-469f-a165-70867728950e","at":"2026-11-29T03:00:00Z","n":1234567890123456}',
    'https://api.example.com/v1/users?cursor=ZXhhbXBsZQ%3D%3D&limit=100',
  ])('stays as it is: %s', (text) => {
    expect(scrubber.text(text)).toBe(text);
  });

  it('stays as it is, whatever it is', () => {
    const json = fc.json();
    const id = fc.string({
      unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'),
      minLength: 9,
      maxLength: 80,
    });
    fc.assert(
      fc.property(fc.oneof(json, id, fc.lorem({ maxCount: 30 }), fc.base64String({ minLength: 16 })), (text) =>
        expect(new Scrubber(secrets.slice(0, 3)).text(text)).toBe(text),
      ),
      { numRuns: 3_000 },
    );
  });
});
