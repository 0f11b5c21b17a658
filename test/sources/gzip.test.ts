import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { failureOf, removeFolders, rowsIn } from './reading';

afterAll(removeFolders);

const HEAD = 'batch_user_id,note\n';

/** Rows that gzip can make little of, so that few of them are larger than what one read returns. */
function rows(from: number, to: number): string {
  return Array.from(
    { length: to - from },
    (_, index) => `b_${from + index},${randomBytes(120).toString('hex')}\n`,
  ).join('');
}

async function countIn(bytes: Buffer): Promise<number> {
  return (await rowsIn(bytes, 'users.csv.gz')).filter(({ user }) => user !== undefined).length;
}

const CHUNK = 64 * 1024;

describe('gzip with zeros behind its end', () => {
  it.each([1, 7, 8, 511, 512, 513, 4_096, 16_384, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])(
    'is read with %i of them behind one user',
    async (zeros) => {
      const packed = gzipSync(`${HEAD}b_1,x\n`);
      for (let time = 0; time < 5; time++) expect(await countIn(Buffer.concat([packed, Buffer.alloc(zeros)]))).toBe(1);
    },
  );

  it('is read whole, wherever the end is within what one read returns', async () => {
    const text = `${HEAD}${rows(0, 600)}`;
    const packed = gzipSync(text);
    expect(packed.length).toBeGreaterThan(CHUNK);
    for (const missing of [-1, 0, 1, 9]) {
      // A stored member brings the end to the byte that is wanted.
      const filler = gzipSync('', { level: 0 });
      const before =
        CHUNK * Math.ceil((packed.length + filler.length) / CHUNK) - packed.length - filler.length - missing;
      const name = Buffer.concat([
        Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
        Buffer.alloc(Math.max(0, before), 0x61),
        Buffer.from([0]),
        filler.subarray(10),
      ]);
      const bytes = Buffer.concat([name, packed, Buffer.alloc(2 * CHUNK)]);
      expect(await countIn(bytes)).toBe(600);
    }
  });

  it('is refused when anything but zeros follows, however far behind', async () => {
    const packed = gzipSync(`${HEAD}${rows(0, 900)}`);
    for (const gap of [1, 1_024, CHUNK, 2 * CHUNK + 5]) {
      for (const more of [gzipSync(rows(900, 910)), Buffer.from('x'), Buffer.from([0, 0, 1])]) {
        const error = await failureOf(rowsIn(Buffer.concat([packed, Buffer.alloc(gap), more]), 'users.csv.gz'));
        expect(error).toBeInstanceOf(SourceError);
        expect(error.message).toContain('users may be missing');
      }
    }
  });
});

describe('gzip of several members', () => {
  it('is read to its end or refused, for any sizes, padding, cut and rubbish', async () => {
    const part = fc.record({ rows: fc.constantFrom(0, 1, 50, 200, 400), level: fc.constantFrom(0, 1, 9) });
    const end = fc.constantFrom('none', 'zeros', 'rubbish', 'gzip behind zeros', 'cut');
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        end,
        fc.integer({ min: 1, max: 70_000 }),
        async (parts, ending, size) => {
          let users = 0;
          const members = parts.map(({ rows: count, level }, index) => {
            const text = `${index === 0 ? HEAD : ''}${rows(users, users + count)}`;
            users += count;
            return gzipSync(text, { level });
          });
          if (users === 0) return;
          const whole = Buffer.concat(members);
          const ends: Record<string, Buffer> = {
            none: whole,
            zeros: Buffer.concat([whole, Buffer.alloc(size)]),
            rubbish: Buffer.concat([whole, Buffer.from(`x${'y'.repeat(size)}`)]),
            'gzip behind zeros': Buffer.concat([whole, Buffer.alloc(size), gzipSync('b_x,y\n')]),
            cut: whole.subarray(0, whole.length - 1 - (size % (members.at(-1)?.length ?? 1))),
          };
          const bytes = ends[ending] ?? whole;
          if (ending === 'none' || ending === 'zeros') expect(await countIn(bytes)).toBe(users);
          // Cut at the very end of a member, a file is whole by itself.
          else if (bytes.length > 0)
            expect(await rowsIn(bytes, 'users.csv.gz').catch((error: unknown) => error)).toBeInstanceOf(
              ending === 'cut' && isWhole(bytes, members) ? Array : SourceError,
            );
        },
      ),
      { numRuns: 60 },
    );
  });
});

function isWhole(bytes: Buffer, members: readonly Buffer[]): boolean {
  const ends = members.map((_, index) => members.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0));
  return ends.includes(bytes.length);
}

it('gzip that unpacks without end is refused, also with zeros behind it', async () => {
  const error = await failureOf(
    rowsIn(Buffer.concat([gzipSync(Buffer.alloc(80 * 1024 * 1024, 0x61)), Buffer.alloc(10)]), 'users.csv.gz'),
  );
  expect(error.message).toContain('this is not a user file');
});
