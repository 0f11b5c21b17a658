/**
 * The gateway in use, and the token of each. The page's own gateway is the one that served it; another can be chosen
 * only among those that its operator named. The choice is kept in this origin's storage, which, unlike a cookie, no
 * other port or sibling domain can write. Tokens are kept in memory, each under the origin that it was given for.
 */

const OWN = window.location.origin;
const OTHERS: readonly string[] = (document.documentElement.dataset['otherGateways'] ?? '')
  .split(' ')
  .filter((origin) => origin !== '');
const STORED_AS = 'http-tasks-gateway';

const tokens = new Map<string, string>();
let current = remembered();

/** The origins that can be chosen, the page's own first. */
export function gateways(): readonly string[] {
  return [OWN, ...OTHERS];
}

/** The origin of the gateway in use. */
export function currentGateway(): string {
  return current;
}

/** Returns whether this is the gateway that served the page. */
export function isOwn(gateway: string): boolean {
  return gateway === OWN;
}

/** Uses this gateway from now on, also after a reload. @throws Error for one that the operator did not name. */
export function useGateway(gateway: string): void {
  if (!gateways().includes(gateway))
    throw new Error(`The page may not use ${gateway}; start its console with --other-gateway ${gateway}.`);
  current = gateway;
  try {
    if (isOwn(gateway)) window.localStorage.removeItem(STORED_AS);
    else window.localStorage.setItem(STORED_AS, gateway);
  } catch {
    // A browser that stores nothing: the choice ends with the page.
  }
}

/** Keeps the token of a gateway until the page is left; it is sent to this origin only. An empty one removes it. */
export function keepToken(gateway: string, token: string): void {
  const trimmed = token.trim();
  if (trimmed === '') tokens.delete(gateway);
  else tokens.set(gateway, trimmed);
}

/**
 * Takes the token from an address with `#token=…`, as the command line prints it. It belongs to the page's own gateway,
 * whichever is in use, and is removed from the address and from this entry of the history.
 */
export function takeTokenFromAddress(): boolean {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
  if (token === null) return false;
  keepToken(OWN, token);
  window.history.replaceState(undefined, '', '#/tasks');
  return true;
}

/** Returns the headers that authenticate a request to this gateway. */
export function signedFor(gateway: string): Record<string, string> {
  const token = tokens.get(gateway);
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** Returns the stored choice; one that the operator no longer allows is ignored. */
function remembered(): string {
  try {
    const stored = window.localStorage.getItem(STORED_AS);
    return stored !== null && OTHERS.includes(stored) ? stored : OWN;
  } catch {
    return OWN;
  }
}
