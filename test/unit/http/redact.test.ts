import fc from 'fast-check';
import { Scrubber, SCRUBBED, safeCode, safeId } from 'temporal-http-tasks/internal/http/redact';

const SECRET = 'pä/ss+word="x\\y" 42';
const scrubber = new Scrubber([SECRET, 'k1']);

describe('A scrubber', () => {
  it.each([
    ['as it is', SECRET],
    ['percent-encoded', encodeURIComponent(SECRET)],
    ['percent-encoded in lower case', encodeURIComponent(SECRET).replace(/%../g, (hex) => hex.toLowerCase())],
    ['as a form field', encodeURIComponent(SECRET).replaceAll('%20', '+')],
    ['escaped for JSON', JSON.stringify(SECRET).slice(1, -1)],
    ['escaped for JSON twice', JSON.stringify(JSON.stringify(SECRET)).slice(3, -3)],
  ])('finds a secret %s inside other text', (_how, form) => {
    expect(scrubber.text(`before ${form} after`)).toBe(`before ${SCRUBBED} after`);
  });

  it.each([0, 1, 2, 3, 4])('finds a secret in base64 after %i other bytes', (offset) => {
    const encoded = Buffer.from('u'.repeat(offset) + SECRET + ':tail').toString('base64');
    const scrubbed = scrubber.text(`Basic ${encoded}`);
    expect(scrubbed).toContain(SCRUBBED);
    expect(Buffer.from(scrubbed.replace(SCRUBBED, ''), 'base64').toString('utf8')).not.toContain('word');
    expect(scrubber.text(encoded.replaceAll('+', '-').replaceAll('/', '_'))).toContain(SCRUBBED);
  });

  it('finds secrets in keys and values at any depth, and keeps the rest', () => {
    const value = { [`a ${SECRET}`]: [{ b: SECRET, c: 1, d: null }], e: true };
    expect(scrubber.value(value)).toEqual({ [`a ${SCRUBBED}`]: [{ b: SCRUBBED, c: 1, d: null }], e: true });
  });

  it('finds a secret whose letters the response escaped one by one', () => {
    const escaped = [...SECRET].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
    const text = `{"echo":"${escaped}"}`;
    expect(text).not.toContain('word');
    expect(scrubber.parsed(text, JSON.parse(text))).toEqual({ echo: SCRUBBED });
  });

  it('removes a short key only where it is alone, so that ids which contain it survive', () => {
    expect(scrubber.text('k1 "k1" /k1/ ok12 sk1')).toBe(`${SCRUBBED} "${SCRUBBED}" /${SCRUBBED}/ ok12 sk1`);
  });

  it('keeps a key called __proto__ an ordinary key', () => {
    const text = `{"__proto__":{"a":"${'x'}"},"s":"k1"}`;
    const cleaned = scrubber.parsed(text, JSON.parse(text)) as object;
    expect(Object.keys(cleaned)).toEqual(['__proto__', 's']);
    expect(Object.getPrototypeOf(cleaned)).toBe(Object.prototype);
  });

  it('changes nothing when there are no secrets', () => {
    expect(new Scrubber([]).text('anything')).toBe('anything');
    expect(new Scrubber(['']).text('anything')).toBe('anything');
  });

  it('leaves no secret of eight or more characters in any text, whatever is around it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (secret, before, after) => {
        const cleaned = new Scrubber([secret]).text(before + secret + after);
        return !cleaned.replaceAll(SCRUBBED, '\u0000').includes(secret);
      }),
    );
  });
});

describe('A provider’s text in a failure', () => {
  it.each<[unknown, string | undefined]>([
    ['ITEM_NOT_FOUND', 'ITEM_NOT_FOUND'],
    [31, '31'],
    ['k1', SCRUBBED],
    ['https://api.example.com/users/7', undefined],
    ['user 7 is unknown', undefined],
    ['<b>', undefined],
    ['x'.repeat(65), undefined],
    ['', undefined],
    [{}, undefined],
    [null, undefined],
  ])('code %p is kept as %p', (given, kept) => {
    expect(safeCode(given, scrubber)).toBe(kept);
  });

  it.each<[unknown, string | undefined]>([
    ['m8MDnv9okwxFNBV', 'm8MDnv9okwxFNBV'],
    ['YWJj/ZGVm+Z2g=', 'YWJj/ZGVm+Z2g='],
    ['/1.0/key/data/users/7', undefined],
    ['x'.repeat(129), undefined],
    ['two words', undefined],
  ])('id %p is kept as %p', (given, kept) => {
    expect(safeId(given, scrubber)).toBe(kept);
  });
});
