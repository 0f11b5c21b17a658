import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';

/**
 * IPv4 ranges that IANA reserves for private networks, loopback, link-local, documentation, benchmarks and multicast
 * (RFC 6890 and its registry).
 */
const CLOSED_V4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/**
 * Ranges within the public 2000::/3 that are not public: protocol assignments, Teredo and 6to4 (which hide an IPv4
 * address), documentation.
 */
const CLOSED_V6: readonly (readonly [network: string, bits: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const closed = new BlockList();
for (const [network, bits] of CLOSED_V4) closed.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of CLOSED_V6) closed.addSubnet(network, bits, 'ipv6');

const publicV6 = new BlockList();
publicV6.addSubnet('2000::', 3, 'ipv6');

/** Prefixes followed by an IPv4 address in the last 32 bits: IPv4-mapped, and NAT64. */
const AROUND_V4: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0xffff],
  [0x64, 0xff9b, 0, 0, 0, 0],
];

/** Whether a resolved address belongs to a host on the public Internet. Returns false for anything unknown. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !closed.check(address, 'ipv4');
    case 6: {
      // An address with a zone (`fe80::1%eth0`) is link-local.
      if (address.includes('%')) return false;
      const inner = innerV4(address);
      if (inner !== undefined) return !closed.check(inner, 'ipv4');
      return publicV6.check(address, 'ipv6') && !closed.check(address, 'ipv6');
    }
    default:
      return false;
  }
}

function innerV4(address: string): string | undefined {
  const groups = groupsOf(address);
  if (!AROUND_V4.some((prefix) => prefix.every((group, index) => groups[index] === group))) return undefined;
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/**
 * Returns the eight groups of an IPv6 address. The URL parser writes an IPv4 tail in hexadecimal, so that only `::` has
 * to be expanded.
 */
function groupsOf(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const read = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  if (tail === undefined) return read(head);
  const [before, after] = [read(head), read(tail)];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Error code of a connection that was refused because the host name resolves to an address that is not public. */
export const NOT_PUBLIC = 'ADDRESS_NOT_PUBLIC';

/**
 * Wraps a DNS lookup for connections that may only go to public addresses. The socket connects to the addresses that
 * were checked, so a name that resolves differently a moment later (DNS rebinding) gains nothing. A single address that
 * is not public refuses the whole name.
 */
export function publicLookup(lookup: LookupFunction = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, response, family) => {
      if (error) return callback(error, []);
      const addresses = addressesOf(response, family);
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isPublicAddress(address))) return callback(notPublic(), []);
      if (options.all === true) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

/** Some resolvers ignore `all` and return one address. */
function addressesOf(response: string | LookupAddress[], family: number | undefined): LookupAddress[] {
  return typeof response === 'string' ? [{ address: response, family: family ?? 4 }] : response;
}

function notPublic(): NodeJS.ErrnoException {
  return Object.assign(new Error('The address is not public'), { code: NOT_PUBLIC });
}
