import fc from 'fast-check';
import { RecordSplitter, UnsplittableError } from 'temporal-http-tasks/internal/sources/record-splitter';
import type { RawRecord } from 'temporal-http-tasks/internal/sources/record-splitter';

const COMMA = 0x2c;
const CSV = { quotes: true, delimiter: COMMA };

/** The lines where records begin with their texts, or where a quote begins that does not end. */
function split(parts: readonly Buffer[], format = CSV): unknown {
  const splitter = new RecordSplitter(format);
  const records: RawRecord[] = [];
  try {
    for (const part of parts) for (const record of splitter.push(part)) records.push(record);
    for (const record of splitter.end()) records.push(record);
  } catch (error) {
    if (error instanceof UnsplittableError) return { unterminatedAt: error.line };
    throw error;
  }
  const texts = records.map(({ bytes }) => bytes.toString());
  expect(records.map(({ plain }, index) => plain ?? texts[index])).toEqual(texts);
  return records.map(({ line }, index) => [line, texts[index]]);
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index]));
}

const line = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '1', ',', ';', ' ', '_') }),
  fc.string({ unit: fc.constantFrom('a', ',', '\t', '\0', '\x7f', 'é', '\ufeff') }),
);
const lines = fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '\r')), { maxLength: 12 });
const cuts = fc.array(fc.nat(), { maxLength: 6 });

describe('the records of a file', () => {
  it('are its lines that are not empty, wherever it is cut into parts', () => {
    fc.assert(
      fc.property(lines, line, cuts, (several, last, at) => {
        const text = several.flat().join('') + last;
        const wanted = text
          .split(/\r\n|\r|\n/)
          .flatMap((one, index) => (one === '' ? [] : [[index + 1, one] as const]));
        expect(split(cut(Buffer.from(text), at))).toEqual(wanted);
        expect(split(cut(Buffer.from(text), at), { quotes: false, delimiter: -1 })).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it('are the same with quotes anywhere, wherever it is cut into parts', () => {
    const piece = fc.constantFrom('a', 'bc', ',', '"', '""', ',"', '",', '"\n', '\n', '\n', '\r\n', '\r', 'x,y\n', 'é');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), cuts, (pieces, at) => {
        // With a character that is not ASCII, each byte of the first part is looked at.
        const whole = Buffer.from(`é${pieces.join('')}`);
        const places = at.map((place) => Math.max(2, place % (whole.length + 1)));
        expect(split(cut(whole, places))).toEqual(split([whole]));
      }),
      { numRuns: 1_000 },
    );
  });

  it('are found in parts of any size', () => {
    const text = Array.from({ length: 20_000 }, (_, index) => `usr_${index},customer ${index}`).join('\n');
    const bytes = Buffer.from(text);
    const wanted = text.split('\n').map((one, index) => [index + 1, one]);
    for (const size of [5_000, 2 ** 16, 2 ** 20])
      expect(
        split(
          Array.from({ length: Math.ceil(bytes.length / size) }, (_, part) =>
            bytes.subarray(part * size, (part + 1) * size),
          ),
        ),
      ).toEqual(wanted);
  });
});
