import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address';

/** Code of a connection that was not made: the host's name leads to an address that is not public. */
export const NOT_PUBLIC = 'ADDRESS_NOT_PUBLIC';

/**
 * Looks a name up for a connection that may only go to public addresses. The socket connects to the very addresses that
 * were checked, so a name that leads elsewhere a moment later gains nothing. One address that is not public refuses the
 * name as a whole: an honest one has none.
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

/** Not every resolver heeds `all`. */
function addressesOf(answer: string | LookupAddress[], family: number | undefined): LookupAddress[] {
  return typeof answer === 'string' ? [{ address: answer, family: family ?? 4 }] : answer;
}

function notPublic(): NodeJS.ErrnoException {
  return Object.assign(new Error('The address is not public'), { code: NOT_PUBLIC });
}
