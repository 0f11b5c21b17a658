import fc from 'fast-check';
import { isPlaceholder } from 'temporal-http-tasks/internal/policy/placeholders';
import { sourceSpec } from 'temporal-http-tasks/internal/policy/source-spec';
import {
  allowedPlaceholders,
  idProblem,
  NO_PLACEHOLDERS,
  userProblem,
} from 'temporal-http-tasks/internal/sources/id-rules';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { fileWith, removeFolders, rowsOf } from './reading';

afterAll(removeFolders);

describe('what is not an ID', () => {
  it.each([
    ...[
      'NULL',
      'null',
      '\\N',
      'nan',
      'undefined',
      '#N/A',
      'None',
      'nil',
      '(null)',
      '<null>',
      '[null]',
      '"null"',
      'N/A',
      'n.a.',
      '#REF!',
      '#VALUE!',
      '#NAME?',
      '#NULL!',
      '#DIV/0!',
    ],
    ...[
      '-',
      '--',
      '—',
      '.',
      '...',
      '?',
      '0',
      '-1',
      'unknown',
      'Empty',
      '(blank)',
      'not set',
      'TRUE',
      'false',
      'Infinity',
      '-inf',
      '[object Object]',
      '[object Undefined]',
    ],
    ...[
      '1.23E+11',
      '1,23E+11',
      '9.007199254740992e+15',
      '1e+20',
      '1e-7',
      '1001.0',
      '1001.00',
      '{{user_id}}',
      '${userId}',
      '%user_id%',
      '<%= id %>',
      '()',
      '""',
      'anonymous',
      'guest',
    ],
    ...[
      '1.2345678E7',
      '9.00719925474E15',
      '12345678901234567.5',
      '1.#IND',
      '-1.#QNAN',
      '-nan',
      'NaT',
      '#NV',
      '#WERT!',
      '#NOM?',
      '#BLOCKED!',
      'anon',
      'redacted',
      '***',
    ],
    ...[
      'null,null',
      'NULL;',
      'undefinedundefined',
      'nullundefined',
      'object Object',
      'java.lang.Object@1b6d3586',
      '<Buffer 62>',
      "b'abc'",
      'user_id',
      'uuid',
    ],
    ...[
      'usr_undefined',
      'user-undefined',
      'undefined-undefined',
      'undefined:x',
      'usr_null',
      'user:null',
      'usr_[object Object]',
      '[object Object]_2',
      '[object Undefined],[object Null]',
    ],
    ...['-----', '---------------------', '=====', '--|--', '+----+', '- - -', '!!', '(1 row)', '(12 rows affected)'],
    ...[
      '00000000-0000-0000-0000-000000000000',
      '00000000000000000000000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '0000000000',
    ],
  ])('%j is a placeholder in any case, unless it is allowed', (text) => {
    for (const spelling of [text, text.toLowerCase(), text.toUpperCase()]) {
      expect(isPlaceholder(spelling)).toBe(true);
      expect(idProblem(spelling, NO_PLACEHOLDERS)).toMatch(/placeholder|white space/);
      expect(idProblem(spelling, allowedPlaceholders([text]))).toBeUndefined();
    }
  });

  it.each([
    ['a\tb', 'control character'],
    ['a\0', 'control character'],
    ['a\r\nb', 'line break'],
    ['a\u0085', 'control character'],
    ['a\u2028b', 'line break'],
    [' ', 'only white space'],
    ['\u00a0\u3000', 'only white space'],
    [' a', 'begins or ends with white space'],
    ['a\u00a0', 'begins or ends with white space'],
    ['\u200ba', 'begins or ends with white space'],
    ['\u200ea\u200e', 'invisible character'],
    ['\u202aa\u202c', 'invisible character'],
    ['\u00ada', 'invisible character'],
    ['\u2800', 'invisible character'],
    ['a\ufeffb', 'byte order mark'],
    ['Andr\ufffd', 'U+FFFD'],
    ['"u1"', 'is in quotes'],
    ["'u1'", 'is in quotes'],
    ['“u1”', 'is in quotes'],
    ['„u1“', 'is in quotes'],
    ['‚u1‘', 'is in quotes'],
    ['«u1»', 'is in quotes'],
    ['»u1«', 'is in quotes'],
    ['`u1`', 'is in quotes'],
    ['="00123"', 'is a formula'],
    ['["u1"]', 'is a list or an object'],
    ['{u1,u2}', 'is a list or an object'],
    ['{"id":"u1"}', 'is a list or an object'],
    ['batch_user_id', 'is the name of a column'],
    ['PLAID_USER_ID', 'is the name of a column'],
  ])('%j: %s', (text, problem) => {
    expect(idProblem(text, NO_PLACEHOLDERS)).toContain(problem);
    expect(idProblem(text, NO_PLACEHOLDERS)).not.toContain('u1');
  });

  it.each([
    '1',
    '00',
    '007',
    '10.5',
    '1e5',
    '12E7',
    '12e45678',
    '12.5',
    'nulls',
    'b1',
    'object',
    '#1',
    'a#',
    '100000000',
    'f00',
    '-x',
    'null1',
    'nullable',
    'undefinedness',
    'usr_undefined2',
    'dev-null',
    'jo_nullable',
    'longer_than_that_null',
    '(1)',
    '(a b)',
    ':)x',
    'a b',
    'a,b',
    'o"neil',
    '{3F2504E0-4F89-11D3-9A0C-0305E82C3301}',
    'é😀',
    '=a',
    'test',
    'user',
    '[a',
    'NaNa',
    '+33612345678',
    'a@b.c',
  ])('%j may be one', (text) => {
    expect(idProblem(text, NO_PLACEHOLDERS)).toBeUndefined();
  });

  it('is found in each ID of a user, and not in the reference', () => {
    expect(userProblem({ plaidUserToken: 'NULL' }, NO_PLACEHOLDERS)).toMatchObject({ field: 'plaidUserToken' });
    expect(userProblem({ plaidUserId: 'a', batchUserId: ' b' }, NO_PLACEHOLDERS)).toMatchObject({
      field: 'batchUserId',
    });
    expect(userProblem({ plaidUserId: 'a', itemIds: ['i', '-'] }, NO_PLACEHOLDERS)).toMatchObject({
      field: 'itemIds.1',
    });
    expect(userProblem({ plaidUserId: 'a', reference: ' null ' }, NO_PLACEHOLDERS)).toBeUndefined();
  });
});

describe('placeholders that are allowed', () => {
  it('are IDs in that source, as they are written there', async () => {
    const file = fileWith('plaid_user_id,batch_user_id,item_ids\nNULL,0,\n-,1,\nusr,2,null;a\n');
    const rows = await rowsOf(await openLocalFile(file, { allowPlaceholders: ['null', '0'] }));
    expect(rows).toEqual([
      { line: 2, user: { plaidUserId: 'NULL', batchUserId: '0' } },
      { line: 3, problem: 'plaid_user_id: is a placeholder and not an ID' },
      { line: 4, user: { plaidUserId: 'usr', batchUserId: '2', itemIds: ['null', 'a'] } },
    ]);
  });

  it('have to be placeholders, so that a misspelt one is noticed', () => {
    const check = (allowPlaceholders: string[]): boolean =>
      sourceSpec.safeParse({ file: 'x.csv', allowPlaceholders }).success;
    expect(check(['null', 'N/A', '0'])).toBe(true);
    expect(check(['nul'])).toBe(false);
  });
});

/** Texts that resemble placeholders and are made of the characters that most IDs consist of. */
const nearPlaceholder = fc
  .array(
    fc.oneof(
      fc.constantFrom('null', 'none', 'nan', 'nil', 'undefined', 'NULL', '1', '0', '00000000', 'e', 'E', '-', '_', 'f'),
      fc.constantFrom('-1', '1e-7', '12E-34', 'user_id', 'uuid', 'id', 'x', 'ffffffff', '000', '\u017f', '\u212a', 'é'),
      fc.stringMatching(/^[a-zA-Z\d_-]{0,3}$/),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) => parts.join(''));

it('no text without a problem is a placeholder', () => {
  fc.assert(
    fc.property(nearPlaceholder, (text) => {
      if (idProblem(text, NO_PLACEHOLDERS) === undefined) expect(isPlaceholder(text)).toBe(false);
    }),
    { numRuns: 20_000 },
  );
});
