import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { failureOf, fileWith, removeFolders, rowsIn, rowsOf } from './reading';

afterAll(removeFolders);

const lines = (...rows: unknown[]): string =>
  rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('');

describe('a JSONL file of users', () => {
  it('has one object a line; null and an empty text are not given, unknown fields are passed over', async () => {
    const content = lines(
      { plaid_user_id: 'u sr', batch_user_id: null, item_ids: ['a;b', 'c'], email: 'x@example.com' },
      '',
      ' \t{"batch_user_id":"1\\"2","reference":""} \r',
    );
    const expected = [
      { line: 1, user: { plaidUserId: 'u sr', itemIds: ['a;b', 'c'] } },
      { line: 3, user: { batchUserId: '1"2' } },
    ];
    expect(await rowsIn(content, 'users.jsonl')).toEqual(expected);
    expect(await rowsIn(gzipSync(`\ufeff${content}`), 'users.ndjson.gz')).toEqual(expected);
  });

  it('has IDs that are numbers digit by digit, however large', async () => {
    const numbers = ['7', '-7', '9007199254740993', '123456789012345678901234567890'];
    const content = numbers
      .map((number) => `{"reference" : "{\\"a\\":1.5", "batch_user_id" : ${number} , "x":[1.5,{"y":-1e3}]}\n`)
      .join('');
    expect((await rowsIn(content, 'users.jsonl')).map(({ user }) => user?.batchUserId)).toEqual(numbers);
  });

  it('reports which fields are used and which are ignored, also those that only later rows have', async () => {
    const source = await openLocalFile(
      fileWith(
        lines({ batch_user_id: 'x', a: 1 }, { reference: 'r', batch_user_id: 'y', 'my item': 1 }),
        'users.jsonl',
      ),
      { ignoreColumns: ['my item'] },
    );
    expect(await rowsOf(source)).toHaveLength(2);
    expect(source.columns).toEqual({ used: ['batch_user_id', 'reference'], ignored: ['a', 'my item'] });
  });

  it('may have other names for our columns', async () => {
    const file = fileWith(lines({ id: 'usr' }), 'users.jsonl');
    expect(await rowsOf(await openLocalFile(file, { columns: { batch_user_id: 'id' } }))).toEqual([
      { line: 1, user: { batchUserId: 'usr' } },
    ]);
  });

  it.each([
    ['{"batch_user_id":"canary"', 'not a JSON object'],
    ['["canary"]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{"batch_user_id":1.5}', 'batch_user_id: must be a string, or a whole number without fraction and exponent'],
    ['{"batch_user_id":1.0}', 'without fraction and exponent'],
    ['{"batch_user_id":1e3}', 'without fraction and exponent'],
    ['{"batch_user_id":-0}', 'without fraction and exponent'],
    ['{"batch_user_id":true}', 'batch_user_id: must be a string'],
    ['{"batch_user_id":"canary","batch_user_id":"2"}', 'the row has a duplicate key'],
    ['{"batch_user_id":"canary","batch\\u005fuser_id":"canary"}', 'the row has a duplicate key'],
    ['{"batch_user_id":"canary","x":[{"y":1,"y":1}]}', 'the row has a duplicate key'],
    ['\ufeff{"batch_user_id":"canary"}', 'byte order mark'],
    ['{"batch_user_id":"canary\\n"}', 'batch_user_id: contains a control character'],
    ['{"batch_user_id":" canary"}', 'batch_user_id: begins or ends with white space'],
    ['{"batch_user_id":"batch_user_id"}', 'batch_user_id: is the name of a column'],
    ['{"batch_user_id":{"id":"canary"}}', 'batch_user_id: must be a string'],
    ['{"batch_user_id":"canary\\ud800"}', 'batch_user_id: must be well-formed Unicode'],
    ['{"plaid_user_id":"canary","item_ids":"a"}', 'item_ids: must be a list of strings'],
    ['{"plaid_user_id":"canary","item_ids":[1.5]}', 'item_ids: entry 1 must be a string, or a whole number'],
    ['{"plaid_user_id":"canary","item_ids":[]}', 'item_ids: must contain at least one ID'],
    ['{"reference":"canary"}', 'has no user ID'],
    ['{"__proto__":{"batch_user_id":"canary"}}', 'has no user ID'],
  ])('reports the bad row %s by column and rule, without its value', async (row, problem) => {
    const rows = await rowsIn(lines({ batch_user_id: '1' }, row, { batch_user_id: '3' }), 'users.jsonl');
    expect(rows.map(({ line, user }) => [line, user?.batchUserId])).toEqual([
      [1, '1'],
      [2, undefined],
      [3, '3'],
    ]);
    expect(rows[1]?.problem).toContain(problem);
    expect(rows[1]?.problem).not.toContain('canary');
  });

  it('reports bytes that are not UTF-8', async () => {
    const content = Buffer.concat([
      Buffer.from('{"batch_user_id":"a'),
      Buffer.from([0xff]),
      Buffer.from('"}\n{"batch_user_id":"b"}\n'),
    ]);
    expect(await rowsIn(content, 'users.jsonl')).toEqual([
      { line: 1, problem: 'the row is not UTF-8' },
      { line: 2, user: { batchUserId: 'b' } },
    ]);
  });

  it.each([
    ['whose first row has no known field', lines({ id: 'canary' }), 'needs at least one of the columns'],
    [
      'with a field that is nearly right',
      lines({ plaid_user_id: 'canary', batchUserId: 'x' }),
      'nearly called batch_user_id',
    ],
    [
      'with a field that resembles an ID and comes first',
      lines({ plaid_id: 'canary', batch_user_id: 'x' }),
      'the column plaid_id would be ignored',
    ],
    [
      'with a field that resembles an ID in a later row',
      lines({ batch_user_id: 'x' }, { batch_user_id: 'y', my_item: 'canary' }),
      'the column my_item would be ignored',
    ],
  ])('%s is refused', async (_, content, why) => {
    const error = await failureOf(rowsIn(content, 'users.jsonl'));
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain(why);
    expect(error.message).not.toContain('canary');
  });

  it('has exact numbers in its lists, and names an entry that is not whole', async () => {
    const row = (items: string): string => `{"plaid_user_id":"p","more":[[1],2],"item_ids":${items},"reference":7}`;
    expect(await rowsIn(row('[9007199254740993,"i",12]'), 'users.jsonl')).toEqual([
      { line: 1, user: { plaidUserId: 'p', itemIds: ['9007199254740993', 'i', '12'], reference: '7' } },
    ]);
    const [wrong] = await rowsIn(row('["i",1e3]'), 'users.jsonl');
    expect(wrong?.problem).toContain('item_ids: entry 2 must be a string, or a whole number without fraction');
  });

  it('never makes the reader fail other than by a refusal, and gives ids as they are', async () => {
    // Inside other letters, because JSON itself, white space and so on are not IDs.
    const value = fc
      .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), fc.json())
      .map((text) => `x${text.replace(/[\p{Cc}\ufeff\ufffd\u2028\u2029]/gu, '')}y`);
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 6 }), async (noise) => {
        const ids = noise.filter((text) => !/\p{Surrogate}/u.test(text)).map((text) => text.slice(0, 1_000));
        const content = lines(
          { batch_user_id: 'first' },
          ...noise.map((text) => text.replaceAll('\n', ' ')),
          ...ids.map((id) => ({ batch_user_id: id })),
        );
        const rows = await rowsIn(content, 'users.jsonl');
        expect(rows.slice(rows.length - ids.length).map(({ user }) => user?.batchUserId)).toEqual(ids);
      }),
      { numRuns: 100 },
    );
  });
});
