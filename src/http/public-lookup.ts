import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address';

/** Error code of a connection that was refused because the host name resolves to an address that is not public. */
export const NOT_PUBLIC = 'ADDRESS_NOT_PUBLIC';

/**
 * Wraps a DNS lookup for connections that may only go to public addresses. The socket connects to the addresses that
 * were checked, so a name that resolves differently a moment later (DNS rebinding) gains nothing. A single address that
 * is not public refuses the whole name.
 */
export function publicLookup(lookup: LookupFunction = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, answer, family) => {
      if (error) return callback(error, []);
      const addresses = addressesOf(answer, family);
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isPublicAddress(address))) return callback(notPublic(), []);
      if (options.all === true) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

/** Some resolvers ignore `all` and return one address. */
function addressesOf(answer: string | LookupAddress[], family: number | undefined): LookupAddress[] {
  return typeof answer === 'string' ? [{ address: answer, family: family ?? 4 }] : answer;
}

function notPublic(): NodeJS.ErrnoException {
  return Object.assign(new Error('The address is not public'), { code: NOT_PUBLIC });
}
