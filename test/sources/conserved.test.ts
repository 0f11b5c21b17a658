import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { CheckedRows } from 'temporal-http-tasks/internal/sources/check-rows';
import { InlineSource, openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import type { Source } from 'temporal-http-tasks/internal/sources/source';
import { fileWith, removeFolders } from './reading';

afterAll(removeFolders);

/** How a row of a generated source is broken; none of them is an empty line. */
const KINDS = [
  'good',
  'good',
  'good',
  'padded',
  'placeholder',
  'control',
  'short',
  'long',
  'quotes',
  'noUser',
  'utf8',
  'head',
  'mark',
  'huge',
] as const;
type Kind = (typeof KINDS)[number];

const COLUMNS = ['plaid_user_id', 'batch_user_id', 'reference'];

function csvRow(kind: Kind, index: number, delimiter: string, end: string): Buffer {
  const cells = [`usr_${index}`, `b_${index}`, `"note ${delimiter} of${end}${index}"`];
  const text = (list: readonly string[]): Buffer => Buffer.from(list.join(delimiter));
  switch (kind) {
    case 'good':
      return text(cells);
    case 'padded':
      return text([`usr_${index} `, ...cells.slice(1)]);
    case 'placeholder':
      return text([cells[0] ?? '', 'NULL', 'x']);
    case 'control':
      return text([`usr\u0001${index}`, ...cells.slice(1)]);
    case 'short':
      return text(cells.slice(1));
    case 'long':
      return text([...cells, 'x']);
    case 'quotes':
      return text([`u"${index}`, 'b', 'x']);
    case 'noUser':
      return text(['', '', 'x']);
    case 'utf8':
      return Buffer.concat([Buffer.from([0xff]), text(cells)]);
    case 'head':
      return text(COLUMNS);
    case 'mark':
      return text([`\ufeffusr_${index}`, ...cells.slice(1)]);
    case 'huge':
      return text(['u'.repeat(1_100_000), 'b', 'x']);
  }
}

function jsonRow(kind: Kind, index: number): Buffer {
  const row = { plaid_user_id: `usr_${index}`, batch_user_id: index + 2, reference: 'a\n"b' };
  const text = JSON.stringify(row);
  const broken: Partial<Record<Kind, string>> = {
    padded: JSON.stringify({ ...row, plaid_user_id: ' x' }),
    placeholder: JSON.stringify({ ...row, batch_user_id: 0 }),
    control: JSON.stringify({ ...row, plaid_user_id: 'a\tb' }),
    short: '{',
    long: `${text}${text}`,
    quotes: text.replace('}', ',"reference":1}'),
    noUser: '{"reference":"x"}',
    head: JSON.stringify(COLUMNS),
    mark: `\ufeff${text}`,
    huge: JSON.stringify({ ...row, reference: 'x'.repeat(1_100_000) }),
  };
  return kind === 'utf8'
    ? Buffer.concat([Buffer.from('{"batch_user_id":"'), Buffer.from([0xff]), Buffer.from('"}')])
    : Buffer.from(broken[kind] ?? text);
}

async function counts(source: Source): Promise<{ good: number; bad: number }> {
  const checked = new CheckedRows(source, { tolerance: { percent: 100 } });
  for await (const row of checked.rows()) expect(row.user).toBeDefined();
  return checked.counts;
}

describe('every row of a source is a user or a bad row', () => {
  const kinds = fc.array(fc.constantFrom(...KINDS), { maxLength: 40 });
  const end = fc.constantFrom('\n', '\r\n', '\r', 'mixed');
  const lines = fc.record({
    kinds,
    end,
    delimiter: fc.constantFrom(',', ';', '\t'),
    empty: fc.integer({ min: 0, max: 3 }),
    lastEnds: fc.boolean(),
    gzip: fc.constantFrom('no', 'one', 'members', 'padded'),
    announced: fc.boolean(),
  });

  /**
   * The rows behind the first one, with line ends and empty lines; the first one is good, since all bad is another
   * case.
   */
  function joined(
    rows: readonly Buffer[],
    { end: kind, empty, lastEnds }: { end: string; empty: number; lastEnds: boolean },
  ): Buffer {
    const ends = kind === 'mixed' ? ['\r', '\n', '\r\n'] : [kind];
    const parts = rows.flatMap((row, index) => {
      const one = ends[index % ends.length] ?? '\n';
      const last = index === rows.length - 1;
      return [
        row,
        Buffer.from(last && !lastEnds ? '' : one),
        Buffer.from(index % 5 === 1 && !last ? one.repeat(empty) : ''),
      ];
    });
    return Buffer.concat(parts);
  }

  function packed(text: Buffer, how: string): Buffer {
    if (how === 'no') return text;
    if (how === 'one') return gzipSync(text);
    if (how === 'padded') return Buffer.concat([gzipSync(text), Buffer.alloc(700)]);
    const half = Math.floor(text.length / 2);
    return Buffer.concat([gzipSync(text.subarray(0, half)), gzipSync(text.subarray(half))]);
  }

  it('of CSV files, however they are made', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (file) => {
        const all: Kind[] = ['good', ...file.kinds];
        // What stands inside quotes may be any line break.
        const rows = all.map((kind, index) =>
          csvRow(kind, index + 1, file.delimiter, file.end === 'mixed' ? '\r' : file.end),
        );
        const head = [
          ...(file.announced ? [Buffer.from(`sep=${file.delimiter}`)] : []),
          Buffer.from(COLUMNS.join(file.delimiter)),
        ];
        const name = file.gzip === 'no' ? 'users.csv' : 'users.csv.gz';
        const found = await counts(
          await openLocalFile(fileWith(packed(joined([...head, ...rows], file), file.gzip), name)),
        );
        const good = all.filter((kind) => kind === 'good').length;
        expect(found).toEqual({ good, bad: all.length - good });
      }),
      { numRuns: 80 },
    );
  });

  it('of JSON Lines, however they are made', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (file) => {
        const all: Kind[] = ['good', ...file.kinds];
        const name = file.gzip === 'no' ? 'users.jsonl' : 'users.jsonl.gz';
        const text = joined(
          all.map((kind, index) => jsonRow(kind, index + 1)),
          file,
        );
        const found = await counts(await openLocalFile(fileWith(packed(text, file.gzip), name)));
        const good = all.filter((kind) => kind === 'good').length;
        expect(found).toEqual({ good, bad: all.length - good });
      }),
      { numRuns: 80 },
    );
  });

  it('of lists', async () => {
    const users = [{ batchUserId: 'b_1' }, { batchUserId: 'NULL' }, { batchUserId: 'b_1' }, { plaidUserId: ' x' }];
    expect(await counts(new InlineSource(users, new Set()))).toEqual({ good: 2, bad: 2 });
  });

  it('of files that are read on from any row, with the counts of before', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.nat(), async (some, cut) => {
        const all: Kind[] = ['good', ...some.filter((kind) => kind !== 'huge')];
        const rows = all.map((kind, index) => csvRow(kind, index + 1, ',', '\n'));
        const file = fileWith(
          Buffer.concat([
            Buffer.from(`${COLUMNS.join(',')}\n`),
            ...rows.map((row) => Buffer.concat([row, Buffer.from('\n')])),
          ]),
        );
        const first = new CheckedRows(await openLocalFile(file), { tolerance: { percent: 100 } });
        const stopAt = 1 + (cut % all.filter((kind) => kind === 'good').length);
        let position = '';
        let seen = 0;
        let before = first.counts;
        for await (const row of first.rows()) {
          position = row.position;
          before = first.counts;
          if ((seen += 1) === stopAt) break;
        }
        const rest = new CheckedRows(await openLocalFile(file), {
          tolerance: { percent: 100 },
          after: { position, counts: before },
        });
        for await (const row of rest.rows()) expect(row.user).toBeDefined();
        const good = all.filter((kind) => kind === 'good').length;
        expect(rest.counts).toEqual({ good, bad: all.length - good });
      }),
      { numRuns: 60 },
    );
  });
});
