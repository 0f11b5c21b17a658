import { appendFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { openLocalFile } from '../../src/sources/open-source';
import { SourceError } from '../../src/sources/source';
import { allOf, failureOf, fileWith, removeFolders, rowsIn, rowsOf } from './reading';

afterAll(removeFolders);

const HEAD = 'plaid_user_id,plaid_user_token,batch_user_id,reference,item_ids';

describe('a CSV file of users', () => {
  it('is taken literally: cells are not trimmed, empty ones are not given, Items are parted by semicolons', async () => {
    expect(await rowsIn(`${HEAD}\nusr_1,, 10 ,"a ""b"", c",x; y\n,tok,,,\n`)).toEqual([
      { line: 2, user: { plaidUserId: 'usr_1', batchUserId: ' 10 ', reference: 'a "b", c', itemIds: ['x', ' y'] } },
      { line: 3, user: { plaidUserToken: 'tok' } },
    ]);
  });

  it('names the line where a row begins, also behind cells with line breaks of every kind and behind empty lines', async () => {
    const content = `${HEAD}\r\n\r\n,,"1\r\n2\n3",,\r\n,,4,,\n\n,,,nobody,\n`;
    expect(await rowsIn(content)).toEqual([
      { line: 3, user: { batchUserId: '1\r\n2\n3' } },
      { line: 6, user: { batchUserId: '4' } },
      { line: 8, problem: 'names nobody; give plaid_user_id, plaid_user_token or batch_user_id' },
    ]);
  });

  it.each([
    ['a byte order mark', (text: string) => Buffer.from(`\ufeff${text}`)],
    ['gzip', (text: string) => gzipSync(text)],
    ['a byte order mark inside gzip', (text: string) => gzipSync(`\ufeff${text}`)],
    ['two gzip members', (text: string) => Buffer.concat([gzipSync(text.slice(0, 20)), gzipSync(text.slice(20))])],
    ['no line break at the end', (text: string) => Buffer.from(text.trimEnd())],
    ['line breaks of Windows', (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'))],
  ])('may have %s', async (_, pack) => {
    expect(await rowsIn(pack('"batch_user_id",reference\n1,a\n"é😀",b\n'))).toEqual([
      { line: 2, user: { batchUserId: '1', reference: 'a' } },
      { line: 3, user: { batchUserId: 'é😀', reference: 'b' } },
    ]);
  });

  it('may have other columns, and other names for ours', async () => {
    const file = fileWith('e-mail,plaid id,items\nx@example.com,usr_1,a;b\n');
    expect(await rowsOf(await openLocalFile(file, { columns: { plaid_user_id: 'plaid id', item_ids: 'items' } }))).toEqual([
      { line: 2, user: { plaidUserId: 'usr_1', itemIds: ['a', 'b'] } },
    ]);
  });

  it.each([
    ['batch_user_id\n"usr"x\n1\n', 'the quotes are not those of CSV'],
    ['batch_user_id\nus"r\n1\n', 'the quotes are not those of CSV'],
    ['batch_user_id\nusr,2\n1\n', 'has 2 cells, and the first line names 1 columns'],
    [`${HEAD}\nusr,tok,,,\n,,1,,\n`, 'plaid_user_token: only one of plaid_user_id and plaid_user_token may be given'],
    [`${HEAD}\n,,usr,,a\n,,1,,\n`, 'item_ids: needs plaid_user_id or plaid_user_token'],
    [`${HEAD}\nusr,,,,a;;b\n,,1,,\n`, 'item_ids: entry 2 must not be empty'],
    [`${HEAD}\nusr,,,${'r'.repeat(201)},\n,,1,,\n`, 'reference: '],
    [`${HEAD}\n,,${'u'.repeat(1024)},,\n,,1,,\n`, 'batch_user_id: must have at most 1023 characters'],
  ])('reports a bad row with its line and goes on: %j', async (content, problem) => {
    const [bad, good, ...more] = await rowsIn(content);
    expect(bad).toEqual({ line: 2, problem: expect.stringContaining(problem) as string });
    expect(good).toEqual({ line: 3, user: { batchUserId: '1' } });
    expect(more).toEqual([]);
  });

  it('reports bytes that are no UTF-8 instead of making another id of them', async () => {
    const content = Buffer.concat([Buffer.from('batch_user_id,reference\na,'), Buffer.from([0xc3, 0x28]), Buffer.from('\nb,x\n')]);
    expect(await rowsIn(content)).toEqual([
      { line: 2, problem: 'cell 2 is not UTF-8' },
      { line: 3, user: { batchUserId: 'b', reference: 'x' } },
    ]);
  });

  it('reports a row above 1 MiB, also a packed one, and keeps only its beginning', async () => {
    const content = gzipSync(`batch_user_id\n${'a'.repeat(3 * 1024 * 1024)}\n"${'b\n'.repeat(1024 * 1024)}"\nc\n`);
    const rows = await allOf(await openLocalFile(fileWith(content, 'users.csv.gz')));
    expect(rows.map(({ line, problem, user }) => [line, problem ?? user])).toEqual([
      [2, 'the row has more than 1 MiB'],
      [3, 'the row has more than 1 MiB'],
      [3 + 1024 * 1024 + 1, { batchUserId: 'c' }],
    ]);
    expect(rows[0]?.problem !== undefined && rows[0].raw?.length).toBe(4096);
  });

  it.each([
    ['without a known column', 'id,name\nusr_canary,x\n', 'needs at least one of the columns'],
    ['without a head', 'usr_canary,x\nusr_2,y\n', 'needs at least one of the columns'],
    ['with a column twice', 'batch_user_id,batch_user_id\nusr_canary,2\n', 'has the column batch_user_id twice'],
    ['with a column that is nearly right', 'plaid_user_id,Batch User-ID\nusr_canary,2\n', 'nearly called batch_user_id'],
    ['parted by semicolons', 'plaid_user_id;batch_user_id\nusr_canary;2\n', 'needs at least one of the columns'],
    ['with a quote that is never closed', 'batch_user_id\n1\n"usr_canary\n3\n', 'line 3: a quote is opened'],
    ['that is UTF-16', Buffer.from('\ufeffbatch_user_id\nusr_canary\n', 'utf16le'), 'save it as UTF-8'],
    ['whose gzip is cut off', gzipSync('batch_user_id\nusr_canary\n'.repeat(100)).subarray(0, 40), 'damaged or cut off'],
    ['that is a gzip bomb', gzipSync(Buffer.alloc(80 * 1024 * 1024)), 'this is no file of users'],
  ])('%s is refused, and no id is told', async (_, content, why) => {
    const error = await failureOf(rowsIn(content));
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain(why);
    expect(error.message).not.toContain('canary');
  });

  it('is refused when a column that was renamed is not there', async () => {
    const source = await openLocalFile(fileWith('plaid_user_id,b\nusr,1\n'), { columns: { batch_user_id: 'batch' } });
    expect((await failureOf(allOf(source))).message).toContain('columns.batch_user_id');
  });
});

describe('reading a file from a position', () => {
  it('goes on behind each row as if it had never stopped', async () => {
    const file = fileWith(gzipSync(`${HEAD}\n,,1,,\n,,"2\n",,\n,,,bad,\nusr,,,,\n`), 'users.csv.gz');
    const source = await openLocalFile(file);
    const rows = await allOf(source);
    expect(rows).toHaveLength(4);
    for (const [index, { position }] of rows.entries()) {
      expect(await allOf(source, { after: position })).toEqual(rows.slice(index + 1));
    }
  });

  it('takes rows that were added, and refuses a file whose earlier rows have changed or gone', async () => {
    const file = fileWith('batch_user_id\n1\n2\n3\n');
    const after = (await allOf(await openLocalFile(file)))[2]?.position;
    appendFileSync(file, '4\n');
    expect(await rowsOf(await openLocalFile(file), { after })).toEqual([{ line: 5, user: { batchUserId: '4' } }]);
    for (const content of ['batch_user_id\n1\n3\n4\n', 'batch_user_id\n1\n2\n']) {
      const error = await failureOf(rowsOf(await openLocalFile(fileWith(content)), { after }));
      expect(error.message).toContain('the first 3 rows are not those that were read before');
    }
    expect((await failureOf(rowsOf(await openLocalFile(file), { after: 'x' }))).message).toContain('position');
  });
});

describe('ids in CSV', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r', ' ', '\t', 'é', '😀', '\0', '=', "'"), minLength: 1, maxLength: 12 });

  it('come out as they went in, whatever characters they have, each at its line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }), fc.boolean(), async (users, crlf) => {
        const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
        const end = crlf ? '\r\n' : '\n';
        let line = 2;
        const expected = users.map(([batchUserId, plaidUserId]) => {
          const row = { line, user: { batchUserId, plaidUserId } };
          line += `${batchUserId}${plaidUserId}`.split('\n').length;
          return row;
        });
        const content = ['batch_user_id,plaid_user_id', ...users.map((ids) => ids.map(quoted).join(','))].join(end) + end;
        expect(await rowsIn(content)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('never make the reader fail other than by a refusal, whatever the bytes are', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), async (noise, withHead) => {
        const content = Buffer.concat([Buffer.from(withHead ? 'batch_user_id,reference\n' : ''), noise]);
        const failure = await rowsIn(content).then(() => undefined, (error: unknown) => error);
        expect(failure === undefined || failure instanceof SourceError).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
