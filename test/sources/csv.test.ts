import { appendFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { allOf, failureOf, fileWith, removeFolders, rowsIn, rowsOf } from './reading';

afterAll(removeFolders);

const HEAD = 'plaid_user_id,plaid_user_token,batch_user_id,reference,item_ids';

describe('a CSV file of users', () => {
  it('is taken literally: cells are not trimmed, empty ones are not given, Items are parted by semicolons', async () => {
    expect(await rowsIn(`${HEAD}\nusr_1,,1 0,"  a ""b"",\nc",x;y y\n,tok,,,\n`)).toEqual([
      { line: 2, user: { plaidUserId: 'usr_1', batchUserId: '1 0', reference: '  a "b",\nc', itemIds: ['x', 'y y'] } },
      { line: 4, user: { plaidUserToken: 'tok' } },
    ]);
  });

  it('names the line where a row begins, also behind cells with line breaks of every kind and behind empty lines', async () => {
    const content = `${HEAD}\r\n\r\n,,1,"1\r\n2\n3\r4",\r\n,,4,,\n\n,,5,,\r,,,nobody,\n`;
    expect(await rowsIn(content)).toEqual([
      { line: 3, user: { batchUserId: '1', reference: '1\r\n2\n3\r4' } },
      { line: 7, user: { batchUserId: '4' } },
      { line: 9, user: { batchUserId: '5' } },
      { line: 10, problem: 'has no user ID; give plaid_user_id, plaid_user_token or batch_user_id' },
    ]);
  });

  it.each([
    ['a byte order mark', (text: string) => Buffer.from(`\ufeff${text}`)],
    ['gzip', (text: string) => gzipSync(text)],
    ['a byte order mark inside gzip', (text: string) => gzipSync(`\ufeff${text}`)],
    ['two gzip members', (text: string) => Buffer.concat([gzipSync(text.slice(0, 20)), gzipSync(text.slice(20))])],
    ['no line break at the end', (text: string) => Buffer.from(text.trimEnd())],
    ['line breaks of Windows', (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'))],
    ['line breaks of old Macs', (text: string) => Buffer.from(text.replaceAll('\n', '\r'))],
    ['line breaks of three kinds', (text: string) => Buffer.from(text.replace('\n', '\r').replace('\n', '\r\n'))],
    ['two byte order marks', (text: string) => Buffer.from(`\ufeff\ufeff${text}`)],
    ['UTF-16', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 in the other order', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-16 inside gzip', (text: string) => gzipSync(Buffer.from(`\ufeff${text}`, 'utf16le'))],
    ['semicolons', (text: string) => Buffer.from(text.replaceAll(',', ';'))],
    ['tabs', (text: string) => Buffer.from(text.replaceAll(',', '\t'))],
    [
      'a cell in quotes that follows a semicolon',
      (text: string) => Buffer.from(text.replaceAll(',', ';').replaceAll(/;(reference|[ab])/g, ';"$1"')),
    ],
  ])('may have %s', async (_, pack) => {
    expect(await rowsIn(pack('"batch_user_id",reference\n1,a\n"é😀",b\n'))).toEqual([
      { line: 2, user: { batchUserId: '1', reference: 'a' } },
      { line: 3, user: { batchUserId: 'é😀', reference: 'b' } },
    ]);
  });

  it('may have other columns, and other names for ours', async () => {
    const file = fileWith('e-mail,plaid id,items\nx@example.com,usr_1,a;b\n');
    expect(
      await rowsOf(await openLocalFile(file, { columns: { plaid_user_id: 'plaid id', item_ids: 'items' } })),
    ).toEqual([{ line: 2, user: { plaidUserId: 'usr_1', itemIds: ['a', 'b'] } }]);
  });

  it.each([
    ['batch_user_id\n"usr"x\n1\n', 'invalid CSV quoting'],
    ['batch_user_id\nus"r\n1\n', 'invalid CSV quoting'],
    ['batch_user_id\nusr,2\n1\n', 'has 2 cells, and the first line names 1 columns'],
    [`${HEAD}\nusr,tok,,,\n,,1,,\n`, 'plaid_user_token: only one of plaid_user_id and plaid_user_token may be given'],
    [`${HEAD}\n,,usr,,a\n,,1,,\n`, 'item_ids: needs plaid_user_id or plaid_user_token'],
    [`${HEAD}\nusr,,,,a;;b\n,,1,,\n`, 'item_ids: entry 2 must not be empty'],
    [`${HEAD}\nusr,,,${'r'.repeat(201)},\n,,1,,\n`, 'reference: '],
    [`${HEAD}\n,,${'u'.repeat(1024)},,\n,,1,,\n`, 'batch_user_id: must have at most 1023 characters'],
    [`${HEAD}\n${HEAD}\n,,1,,\n`, 'repeats the line that names the columns'],
    [`${HEAD}\n\ufeff${HEAD}\n,,1,,\n`, 'repeats the line that names the columns'],
    ['batch_user_id\n BATCH_USER_ID\n1\n', 'repeats the line that names the columns'],
    ['batch_user_id,reference\nreference,x\n1,\n', 'batch_user_id: is the name of a column'],
    ['batch_user_id\n\ufeff2\n1\n', 'begins with a byte order mark'],
    ['batch_user_id\n\0\n1\n', 'batch_user_id contains a control character outside quotes'],
    ['batch_user_id,x\nb,"y"\t\n1,\n', 'invalid CSV quoting'],
    ['batch_user_id,x\nb,y\tz\n1,\n', 'cell 2 contains a control character outside quotes'],
    ['batch_user_id,x\nb\u0085,"y"\n1,\n', 'batch_user_id contains a control character outside quotes'],
    ['batch_user_id,x\n"b\t",y\n1,\n', 'batch_user_id: contains a control character'],
  ])('reports a bad row with its line and continues: %j', async (content, problem) => {
    const [bad, good, ...more] = await rowsIn(content);
    expect(bad).toEqual({ line: 2, problem: expect.stringContaining(problem) as string });
    expect(good).toEqual({ line: 3, user: { batchUserId: '1' } });
    expect(more).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['batch_user_id,reference\n1,a\nreference,batch_user_id\nb,2\n', {}],
    ['plaid_user_id,batch_user_id\n1,a\n Batch_User_ID,"plaid_user_id"\nb,2\n', {}],
    ['plaid_user_id\n1\nbatch_user_id\nb\n', {}],
    ['plaid_user_id,reference\n1,a\nbatch_user_id,email\nb,b@example.com\n', {}],
    ['p,b\n1,a\nb,p\nb,2\n', { plaid_user_id: 'p', batch_user_id: 'b' }],
    ['p,ref\n1,a\nref,p\nb,2\n', { plaid_user_id: 'p', reference: 'ref' }],
    ['p,batch_user_id\n1,a\nplaid_user_id,batch_user_id\nb,2\n', { plaid_user_id: 'p' }],
  ])(
    'refuses a file with the first line of another one, whose rows would be read wrongly: %j',
    async (content, columns) => {
      const reading = openLocalFile(fileWith(content), { columns }).then((source) => rowsOf(source));
      expect((await failureOf(reading)).message).toMatch(/^file: line 3 names columns, .*were files concatenated\?/);
    },
  );

  it('takes IDs that are only similar to names of columns', async () => {
    const source = await openLocalFile(fileWith('p,b\np1,b1\nP 1,b 1\nlaw 1,p2\n'), {
      columns: { plaid_user_id: 'p', batch_user_id: 'b' },
    });
    expect((await rowsOf(source)).map(({ user }) => user?.plaidUserId)).toEqual(['p1', 'P 1', 'law 1']);
  });

  it('reports bytes that are not UTF-8 instead of making another id of them', async () => {
    const content = Buffer.concat([
      Buffer.from('batch_user_id,reference\na,'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('\nb,x\n'),
    ]);
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
    [
      'with a column that is nearly right',
      'plaid_user_id,Batch User-ID\nusr_canary,2\n',
      'nearly called batch_user_id',
    ],
    ['parted by bars', 'plaid_user_id|batch_user_id\nusr_canary|2\n', 'separated by |'],
    [
      'parted by something that sep= names',
      'sep=|\nplaid_user_id|batch_user_id\nusr_canary|2\n',
      'line 1 (sep=) names an unsupported separator',
    ],
    ['with a comment on top', '# canary\nplaid_user_id\nusr\n', 'looks like a comment'],
    ['that is JSON', '[{"batch_user_id":"canary"}]', 'looks like JSON'],
    ['with a quote that is never closed', 'batch_user_id\n1\n"usr_canary\n3\n', 'line 3: unterminated quote'],
    [
      'that is UTF-16 without a mark',
      Buffer.from('batch_user_id\nusr_canary\n', 'utf16le'),
      'looks like UTF-16LE without a byte order mark',
    ],
    [
      'that is UTF-16 in the other order without a mark',
      Buffer.from('batch_user_id\nusr_canary\n', 'utf16le').swap16(),
      'looks like UTF-16BE',
    ],
    [
      'whose UTF-16 is cut off',
      Buffer.from('\ufeffbatch_user_id\nusr_canary\n', 'utf16le').subarray(0, -1),
      'corrupt or truncated UTF-16',
    ],
    ['that is UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x62, 0, 0, 0]), 'is UTF-32'],
    ['that is a zip', Buffer.from('PK\x03\x04canary.csv'), 'is a zip archive'],
    [
      'that is a workbook',
      Buffer.from('PK\x03\x04\x14\0\x06\0[Content_Types].xml'),
      'is an Office file, for example an Excel workbook (.xlsx)',
    ],
    [
      'that is an OpenDocument file',
      Buffer.from('PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet'),
      'is an OpenDocument file',
    ],
    ['that is an old workbook', Buffer.from('d0cf11e0a1b11ae1', 'hex'), '(.xls)'],
    ['that is a PDF', '%PDF-1.7\n', 'is a PDF file'],
    ['that is a page', '\n<!DOCTYPE html><title>canary</title>', 'is an HTML page'],
    ['that is XML', '<?xml version="1.0"?><users/>', 'is XML'],
    ['that is packed with zstd', Buffer.from('28b52ffd04', 'hex'), 'packed with zstd'],
    ['that is packed with bzip2', Buffer.from('BZh91AY&SY'), 'packed with bzip2'],
    ['that is packed with xz', Buffer.from('fd377a585a00', 'hex'), 'packed with xz'],
    ['that is gzip in gzip', gzipSync(gzipSync('batch_user_id\nusr_canary\n')), 'gzip inside gzip'],
    ['that is a packed page', gzipSync('<html>canary'), 'is an HTML page'],
    [
      'whose gzip is cut off',
      gzipSync('batch_user_id\nusr_canary\n'.repeat(100)).subarray(0, 40),
      'corrupt or truncated gzip',
    ],
    ['that is a gzip bomb', gzipSync(Buffer.alloc(80 * 1024 * 1024)), 'this is not a user file'],
  ])('%s is refused, and no id is shown', async (_, content, why) => {
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
  it('continues behind each row as if it had never stopped', async () => {
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
      expect(error.message).toContain('the first 3 rows differ from those that were read before');
    }
    expect((await failureOf(rowsOf(await openLocalFile(file), { after: 'x' }))).message).toContain('position');
  });
});

describe('ids in CSV', () => {
  const note = fc.string({
    unit: fc.constantFrom('a', '"', ',', ';', '\t', '\n', '\r', '\0', ' '),
    minLength: 1,
    maxLength: 12,
  });
  const cell = fc
    .string({ unit: fc.constantFrom('a', '"', ',', ';', 'b c', 'é', '😀', '=', "'"), minLength: 1, maxLength: 12 })
    .map((text) => `x${text}y`);

  it('come out as they went in, whatever characters they may have, each at its line behind other cells with line breaks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell, note), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.constantFrom(',', ';', '\t'),
        async (users, end, delimiter) => {
          const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
          let line = 2;
          const expected = users.map(([batchUserId, plaidUserId, reference]) => {
            const row = { line, user: { batchUserId, plaidUserId, reference } };
            line += reference.split(/\r\n|\r|\n/).length;
            return row;
          });
          const content =
            [
              ['batch_user_id', 'plaid_user_id', 'reference'].join(delimiter),
              ...users.map((cells) => cells.map(quoted).join(delimiter)),
            ].join(end) + end;
          expect(await rowsIn(content)).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('are read alike with and without a quoted cell, which takes another way', async () => {
    const cell = fc.oneof(
      fc.constantFrom(
        '',
        'usr_1',
        'NULL',
        ' usr_2',
        'batch_user_id',
        'note',
        '\ufeff',
        'a\u0001',
        'a\u0085',
        'ü',
        '\ud83d\ude00',
      ),
      fc.string({ unit: fc.constantFrom('a', '1', ' ', '_', '\t', '\u007f', 'é', "'", '=') }),
    );
    const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(',', ';', '\t'), async (several, delimiter) => {
        const content = (note: string): string =>
          [['note', 'batch_user_id', 'reference'], ...several.map((cells) => [note, ...cells])]
            .map((cells) => cells.join(delimiter))
            .join('\n');
        const plain = await rowsIn(content('note')).catch((error: unknown) => String(error));
        expect(await rowsIn(content('"note"')).catch((error: unknown) => String(error))).toEqual(plain);
      }),
      { numRuns: 300 },
    );
  });

  it('never make the reader fail other than by a refusal, whatever the bytes are', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), async (noise, withHead) => {
        const content = Buffer.concat([Buffer.from(withHead ? 'batch_user_id,reference\n' : ''), noise]);
        const failure = await rowsIn(content).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(failure === undefined || failure instanceof SourceError).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
