import { gzipSync } from 'node:zlib';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { NO_PLACEHOLDERS, userProblem } from 'temporal-http-tasks/internal/sources/id-rules';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { failureOf, removeFolders, rowsIn } from '../sources/reading';
import { Bystander, INHERITED_NAMES, tried } from './fuzzing';

let bystander: Bystander;
beforeAll(() => void (bystander = new Bystander()));
afterAll(async () => {
  removeFolders();
  await bystander.leave();
});

const COLUMNS = ['plaid_user_id', 'batch_user_id', 'reference'] as const;
const MARK = Buffer.from('\ufeff');

const cell = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      '"',
      ',',
      ';',
      '\n',
      '\r',
      '\r\n',
      ' ',
      '\t',
      '\0',
      '\ufeff',
      "'",
      '=',
      '😀',
      '\u{10ffff}',
    ),
    minLength: 1,
    maxLength: 12,
  }),
);
const users = fc.array(fc.record({ plaid_user_id: cell, batch_user_id: cell, reference: cell }), {
  minLength: 1,
  maxLength: 6,
});
const wrapping = fc.record({ crlf: fc.boolean(), marked: fc.boolean(), packed: fc.boolean() });

function wrapped(text: string, { marked, packed }: { marked: boolean; packed: boolean }): Buffer {
  const bytes = Buffer.concat([marked ? MARK : Buffer.alloc(0), Buffer.from(text)]);
  return packed ? gzipSync(bytes) : bytes;
}

/** The bytes with some others in them, and perhaps truncated. */
const damage = fc.tuple(
  fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 0x0a, 0x0d, 0x22, 0x2c, 0x7b, 0x80, 0xc0, 0xed, 0xff)), {
    maxLength: 5,
  }),
  fc.option(fc.nat()),
);

function damaged(bytes: Buffer, [changes, end]: [[number, number][], number | null]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [at, byte] of changes) copy[at % copy.length] = byte;
  return end === null ? copy : copy.subarray(0, (end % copy.length) + 1);
}

async function refusalOf(content: Uint8Array, name: string): Promise<SourceError | undefined> {
  try {
    await rowsIn(content, name);
    return undefined;
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
}

describe('A file of users', () => {
  it('that another program wrote is read as it was meant or by row not at all, packed or not, with a mark and any line ends', async () => {
    await fc.assert(
      fc.asyncProperty(users, wrapping, async (rows, { crlf, ...more }) => {
        const expected = rows.map((row) => {
          const user = { plaidUserId: row.plaid_user_id, batchUserId: row.batch_user_id, reference: row.reference };
          return userProblem(user, NO_PLACEHOLDERS) === undefined ? user : undefined;
        });
        const csv = stringify(rows, {
          header: true,
          columns: [...COLUMNS],
          quoted_string: true,
          record_delimiter: crlf ? '\r\n' : '\n',
        });
        expect((await rowsIn(wrapped(csv, more), 'users.csv')).map(({ user }) => user)).toEqual(expected);
        const jsonl = rows.map((row) => JSON.stringify(row)).join(crlf ? '\r\n' : '\n');
        expect((await rowsIn(wrapped(jsonl, more), 'users.jsonl')).map(({ user }) => user)).toEqual(expected);
      }),
      tried(60),
    );
  });

  it('that was damaged is read, or refused in words, and in no other way', async () => {
    await fc.assert(
      fc.asyncProperty(users, wrapping, damage, fc.boolean(), async (rows, { crlf, ...more }, harm, isCsv) => {
        const text = isCsv
          ? stringify(rows, { header: true, columns: [...COLUMNS], record_delimiter: crlf ? '\r\n' : '\n' })
          : rows.map((row) => JSON.stringify(row)).join('\n');
        await refusalOf(damaged(wrapped(text, more), harm), isCsv ? 'users.csv' : 'users.jsonl');
      }),
      tried(120),
    );
  });

  it('that is packed and truncated anywhere is refused, since users may be missing', async () => {
    const packed = gzipSync('batch_user_id\n1\n2\n3\n');
    for (let end = 3; end < packed.length; end += 1)
      expect((await refusalOf(packed.subarray(0, end), 'users.csv'))?.message).toContain('corrupt or truncated gzip');
  });

  it('may have columns and fields of any name, which reach nothing', async () => {
    const csv = `batch_user_id,${INHERITED_NAMES.join(',')}\nu,${INHERITED_NAMES.map(() => 'x').join(',')}\n`;
    expect(await rowsIn(csv)).toEqual([{ line: 2, user: { batchUserId: 'u' } }]);
    const jsonl = `{"batch_user_id":"u","__proto__":{"plaid_user_id":"v","polluted":1},"constructor":{"prototype":{"polluted":1}}}\n`;
    expect(await rowsIn(jsonl, 'users.jsonl')).toEqual([{ line: 1, user: { batchUserId: 'u' } }]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('A file that is much larger once it is unpacked', () => {
  const MEMBER = 1024 * 1024;
  /** 160 MB in 160 KB: gzip may have several members. */
  const bomb = (head: string, member: string): Buffer =>
    Buffer.concat([gzipSync(head), ...Array<Buffer>(160).fill(gzipSync(member))]);

  it.each([
    ['a row without end', 'users.csv', 'batch_user_id\n', 'a'.repeat(MEMBER), /more than 64 MiB begins here/],
    ['a quote without end', 'users.csv', 'batch_user_id\n"', '\n'.repeat(MEMBER), /more than 64 MiB begins here/],
    ['a first row without end', 'users.csv', '', 'a,'.repeat(MEMBER / 2), /more than 64 MiB begins here/],
    ['an object without end', 'users.jsonl', '{"batch_user_id":"', 'a'.repeat(MEMBER), /more than 64 MiB begins here/],
  ])('is refused for %s, and takes no memory to speak of', async (_what, name, head, member, says) => {
    const file = bomb(head, member);
    const before = process.resourceUsage().maxRSS;
    expect((await failureOf(rowsIn(file, name))).message).toMatch(says);
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024);
  });
});
