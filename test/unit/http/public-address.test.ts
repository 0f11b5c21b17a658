import type { LookupFunction } from 'node:net';
import { isPublicAddress, NOT_PUBLIC, publicLookup } from 'temporal-http-tasks/internal/http/public-address';

describe('an address', () => {
  it.each([
    ...[
      '0.0.0.0',
      '10.1.2.3',
      '100.64.0.1',
      '127.0.0.1',
      '127.255.0.9',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
    ],
    ...['192.168.1.1', '192.0.2.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12:3456::1', 'ff02::1', '2001:db8::1', '::7f00:1'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:a9fe:a9fe', '64:ff9b::10.0.0.1'],
    ...['2002:7f00:1::', '2001:0:7f00:1::', 'fec0::1', '', 'localhost', '2130706433', '0x7f.1'],
  ])('%j is not public', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each([
    ...['1.1.1.1', '172.15.0.1', '172.32.0.1', '192.169.0.1', '100.128.0.1', '126.255.255.255'],
    ...[
      '2606:4700:4700::1111',
      '2a00:1450:4001:80b::200e',
      '::ffff:1.1.1.1',
      '64:ff9b::1.1.1.1',
      '2001:4860:4860::8888',
    ],
  ])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true));
});

type Asked = { error: NodeJS.ErrnoException | null; found: unknown };

function ask(lookup: LookupFunction, all: boolean): Promise<Asked> {
  return new Promise((resolve) => lookup('desk.example', { all }, (error, found) => resolve({ error, found })));
}

describe('a look-up for public addresses', () => {
  const responses =
    (...addresses: string[]): LookupFunction =>
    (_name, _options, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  it('returns the very addresses that it checked, as one or as all', async () => {
    expect(await ask(publicLookup(responses('1.1.1.1', '2606:4700::1')), true)).toEqual({
      error: null,
      found: [
        { address: '1.1.1.1', family: 4 },
        { address: '2606:4700::1', family: 6 },
      ],
    });
    expect(await ask(publicLookup(responses('1.1.1.1')), false)).toEqual({ error: null, found: '1.1.1.1' });
  });

  it('refuses a name when one of its addresses is not public, or when it has none', async () => {
    for (const addresses of [['1.1.1.1', '10.0.0.1'], ['::ffff:127.0.0.1'], []]) {
      expect((await ask(publicLookup(responses(...addresses)), true)).error).toMatchObject({ code: NOT_PUBLIC });
    }
  });

  it('checks each lookup again, so that a name which was public before is refused', async () => {
    const turns = ['1.1.1.1', '127.0.0.1'];
    const lookup = publicLookup((_name, _options, callback) => callback(null, turns.shift() ?? '', 4));
    expect((await ask(lookup, true)).found).toEqual([{ address: '1.1.1.1', family: 4 }]);
    expect((await ask(lookup, true)).error).toMatchObject({ code: NOT_PUBLIC });
  });

  it('passes on that a name is not known', async () => {
    const unknown = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    expect(
      (
        await ask(
          publicLookup((_name, _options, callback) => callback(unknown, '')),
          true,
        )
      ).error,
    ).toBe(unknown);
  });
});
