import fc from 'fast-check';
import { readPlaintext } from 'temporal-http-tasks/internal/config/database-settings';
import { isThisMachine } from 'temporal-http-tasks/internal/transport/plaintext';
import { parsePostgresUrl } from 'temporal-http-tasks/internal/transport/postgres-url';
import type { PostgresTarget } from 'temporal-http-tasks/internal/transport/postgres-url';
import { ProblemList } from 'temporal-http-tasks/internal/config/env';
import { whyAmbiguousUrl } from 'temporal-http-tasks/internal/transport/url-text';

const parse = (url: string, plaintextAllowed = false): PostgresTarget | string =>
  parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });

/** Names and addresses that are read as something near, and lead elsewhere or could be made to. */
const ELSEWHERE = [
  ...[
    'db.example.com',
    'db',
    'localhost.example.com',
    '127.0.0.1.nip.io',
    'LOCALHOST.example.com',
    'localhost.',
    '127.0.0.1.',
    'localhost6',
    'xlocalhost',
  ],
  ...['10.0.0.1', '0.0.0.0', '128.0.0.1', '126.255.255.255', '127.1', '2130706433', '0x7f000001', '0177.0.0.1'],
  ...['[::]', '[::2]', '[::ffff:10.0.0.1]', '[::127.0.0.1]', '[fe80::1]', '[2001:db8::1]', '[64:ff9b::7f00:1]'],
];
const HERE = [
  'localhost',
  'LOCALHOST',
  'LocalHost',
  '127.0.0.1',
  '127.255.254.253',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '%2Frun%2Fpostgresql',
];

describe('this machine', () => {
  it.each(HERE)('is %s', (host) => expect(isThisMachine(decodeURIComponent(host))).toBe(true));
  it.each(ELSEWHERE)('is not %s', (host) => expect(isThisMachine(host)).toBe(false));

  it('is every address of 127.0.0.0/8 and no other of IPv4, mapped into IPv6 or not', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const expected = address.startsWith('127.');
        expect(isThisMachine(address)).toBe(expected);
        expect(isThisMachine(`::ffff:${address}`)).toBe(expected);
      }),
    );
  });
});

describe('a Postgres URL', () => {
  it.each(HERE)('needs no TLS on this machine: %s', (host) => {
    expect(parse(`postgres://u:p@${host}/db`)).toMatchObject({
      user: 'u',
      password: 'p',
      database: 'db',
      plaintextAllowed: false,
    });
    expect(parse(`postgres://u:p@${host}/db`)).not.toHaveProperty('tls');
  });

  it.each(ELSEWHERE)('needs TLS that checks the server beyond it: %s', (host) => {
    for (const query of [
      '',
      '?sslmode=disable',
      '?sslmode=require',
      '?sslmode=no-verify',
      '?sslmode=prefer',
      '?sslmode=allow',
      '?application_name=x',
    ]) {
      expect(parse(`postgres://u:p@${host}:5432/db${query}`)).toEqual(expect.stringContaining('sslmode=verify-full'));
    }
    expect(parse(`postgres://u:p@${host}:5432/db?sslmode=verify-full`)).toMatchObject({ tls: { verify: 'full' } });
    expect(parse(`postgres://u:p@${host}:5432/db`, true)).toMatchObject({ plaintextAllowed: true });
  });

  it.each([
    ['postgres://u:p@127.0.0.1/db?host=db.example.com', 'names a host twice'],
    ['postgres:///db?host=db.example.com', 'sslmode=verify-full'],
    ['postgres://u:p@/db?host=db.example.com', 'sslmode=verify-full'],
    ['postgres:///db?host=127.0.0.1&host=db.example.com', 'the parameter host twice'],
    ['postgres:///db?host=127.0.0.1,db.example.com', 'several hosts'],
    ['postgres://127.0.0.1,db.example.com/db', 'several hosts'],
    ['postgres://127.0.0.1:5432,db.example.com:5432/db', 'cannot be read'],
    ['postgres://127.0.0.1/db?hostaddr=10.0.0.1', '(hostaddr)'],
    ['postgres://127.0.0.1/db?HOST=10.0.0.1', '(HOST)'],
    ['postgres://127.0.0.1/db?port=1', '(port)'],
    ['postgres:///db', 'names no host'],
    ['postgres://u:p@/db', 'names no host'],
    [
      'postgres://db.example.com/db?sslmode=verify-full&ssl=false',
      'write sslmode=verify-full or sslmode=disable instead',
    ],
    ['postgres://db.example.com/db?sslmode=verify-full&sslmode=disable', 'the parameter sslmode twice'],
    ['postgres://db.example.com/db?sslmode=VERIFY-FULL', 'does not exist'],
    ['postgres://db.example.com/db?sslmode=verify-full&uselibpqcompat=true', '(uselibpqcompat)'],
    ['postgres://db.example.com/db?sslmode=', 'without a value'],
    ['postgres://db.example.com/db?sslrootcert=/nowhere', 'without TLS'],
    ['postgres://127.0.0.1/db?sslrootcert=/nowhere', 'add sslmode=verify-full'],
    ['postgres://db.example.com/db?sslmode=verify-ca', 'without sslrootcert=FILE'],
    ['postgres://db.example.com/db?sslmode=verify-ca&sslrootcert=system', 'without sslrootcert=FILE'],
    [
      'postgres://db.example.com/db?sslmode=verify-full&sslrootcert=/nowhere/ca.pem',
      'file in sslrootcert that cannot be read',
    ],
    [
      `postgres://db.example.com/db?sslmode=verify-full&sslrootcert=${__filename}`,
      'file in sslrootcert that cannot be read',
    ],
    ['postgres://db.example.com/db?sslmode=verify-full&sslcert=/x', 'one of sslcert and sslkey'],
    ['postgres://127.0.0.1/db?sslmode=prefer', 'falls back to plain text'],
    ['postgres://u:p%zz@127.0.0.1/db', 'percent sign'],
    ['postgres://u:p@ho!st/db?sslmode=verify-full', 'has an invalid host'],
  ])('%s is refused', (url, why) => expect(parse(url)).toEqual(expect.stringContaining(why)));

  it('reads user, password, port, database and the folder of a socket as they are encoded', () => {
    expect(
      parse(
        'postgresql://us%40er:p%23%2F%3F%40w@LOCALHOST:6432/da%20ta?application_name=x&options=-c%20search_path%3Da',
      ),
    ).toEqual({
      ...{
        host: 'LOCALHOST',
        port: 6432,
        user: 'us@er',
        password: 'p#/?@w',
        database: 'da ta',
        applicationName: 'x',
        options: '-c search_path=a',
      },
      ...{ plaintextAllowed: false, label: 'postgres://LOCALHOST:6432/da%20ta' },
    });
    expect(parse('postgres://u:p@/db?host=/run/postgresql')).toMatchObject({
      host: '/run/postgresql',
      user: 'u',
      password: 'p',
      database: 'db',
    });
  });

  it('never becomes another host, or part of a message, by a password that is not encoded', () => {
    const special = fc.constantFrom('@', '#', '?', '/', '\\', ' ', '\n', '\t');
    const word = fc.stringMatching(/^[a-zA-Z0-9]{6,12}$/);
    fc.assert(
      fc.property(
        word,
        special,
        fc.oneof(word, fc.nat({ max: 65_535 }).map(String)),
        fc.constantFrom('127.0.0.1', 'db.example.com', 'localhost:5432'),
        (tail, sign, head, host) => {
          for (const url of [
            `postgres://app:${head}${sign}${tail}@${host}/x`,
            `postgres://app:${tail}${sign}${head}@${host}/x?sslmode=verify-full`,
            `postgres://${tail}${sign}p:${head}@${host}/x`,
          ]) {
            const refused = parse(url);
            if (typeof refused !== 'string')
              throw new Error(`${JSON.stringify(url)} was taken, for the host ${refused.host}`);
            expect(refused).not.toContain(tail);
            expect(refused).not.toContain('example');
          }
        },
      ),
    );
  });

  it('that is encoded is read back exactly', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (password) => {
        expect(parse(`postgres://app:${encodeURIComponent(password)}@127.0.0.1/x`)).toMatchObject({
          host: '127.0.0.1',
          password,
        });
      }),
    );
  });
});

describe('a URL of any setting', () => {
  it.each([
    'https://a@b@c.example',
    'https://u:1/p@c.example',
    'https://u:1?p@c.example',
    'https://good.example\\@evil.example',
    'https://a\tb.example',
    'user:pass@host',
    'mailto:a@b.example',
  ])('is refused where it can be read in two ways: %s', (url) => expect(whyAmbiguousUrl(url)).toBeDefined());
  it.each(['https://a.example/x?y=z', 'https://u:p@c.example:1/x', 'https://c.example/%40x'])(
    'is taken where it cannot: %s',
    (url) => expect(whyAmbiguousUrl(url)).toBeUndefined(),
  );
});

describe('HTTP_TASKS_ALLOW_PLAINTEXT', () => {
  it('allows what it lists and nothing else', () => {
    const problems = new ProblemList();
    const allowed = readPlaintext({ HTTP_TASKS_ALLOW_PLAINTEXT: ' temporal, source.Closed-Accounts ,' }, problems);
    expect(problems.finish(allowed.items)).toEqual(['source.closed_accounts', 'temporal']);
    expect([
      allowed.allows('source.CLOSED_ACCOUNTS'),
      allowed.allows('temporal'),
      allowed.allows('ledger'),
      allowed.allows('source.other'),
      allowed.allows('otlp'),
    ]).toEqual([true, true, false, false, false]);
  });

  it.each(['all', '*', 'true', 'Ledger', 'source', 'source.', 'sources.a', 'ledger;temporal', 'ledger temporal'])(
    'refuses %s',
    (item) => {
      const problems = new ProblemList();
      readPlaintext({ HTTP_TASKS_ALLOW_PLAINTEXT: `ledger,${item}` }, problems);
      expect(() => problems.finish({})).toThrow(
        `HTTP_TASKS_ALLOW_PLAINTEXT: "${item}" is not valid; allowed: ledger, temporal, otlp`,
      );
    },
  );
});
