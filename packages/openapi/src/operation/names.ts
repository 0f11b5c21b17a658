const MAX_NAME = 100;

/** An identifier from any text: `repos/list-for-org` becomes `reposListForOrg`. Empty if no character of it is allowed in one. */
export function camelCase(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter(Boolean);
  const joined = words
    .map((word, place) => (place === 0 ? lowerStart(word) : upperFirst(word)))
    .join('')
    .slice(0, MAX_NAME);
  return /^\d/.test(joined) ? `op${joined}` : joined;
}

/** `userItemsRemove` becomes `user-items-remove`; never a path, whatever the text. */
export function kebabCase(identifier: string): string {
  return wordsOf(identifier).join('-').toLowerCase();
}

/** `clientId` becomes `CLIENT_ID`. */
export function upperSnakeCase(text: string): string {
  return wordsOf(text).join('_').toUpperCase();
}

/** `pet-status` becomes `PetStatus`. */
export function pascalCase(text: string): string {
  const joined = capitalised(text).slice(0, MAX_NAME);
  return /^\d/.test(joined) || joined === '' ? `Schema${joined}` : joined;
}

/** The words of a text, each with a capital: `/users/{id}` becomes `UsersId`. */
export function capitalised(text: string): string {
  return wordsOf(text).map(upperFirst).join('');
}

/** The words of an identifier, where its capitals and digits begin them: `getURLById2` has `get`, `URL`, `By`, `Id2`. */
export function wordsOf(text: string): string[] {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean);
}

/** The first of `name`, `name2`, `name3`… that is free, which is then taken. */
export function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let number = 2; taken.has(free); number += 1) free = `${name}${number}`;
  taken.add(free);
  return free;
}

/** Letters and digits only, so that `client_id`, `clientId` and `CLIENT-ID` are one. */
export function bareName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Words that make a field's name that of a bearer token or a key. */
const SECRET = /(token|secret|password|passwd|passphrase|apikey|privatekey|credential|credentials)$/;
/** Tokens that open nothing: positions in lists, and keys of one's own. */
const HARMLESS = /(page|next|previous|prev|continuation|cursor|sync|resume|idempotency|csrf|xsrf)(token|key)$/;

/** Returns whether a field contains a bearer token or a key, judged by its name. */
export function looksSecret(name: string): boolean {
  const bare = bareName(name);
  return SECRET.test(bare) && !HARMLESS.test(bare);
}

function lowerStart(word: string): string {
  const capitals = /^[A-Z]+/.exec(word)?.[0] ?? '';
  // `GetUser` begins with one capital, `URLGet` with an abbreviation, `GET` is one.
  if (capitals.length === word.length) return word.toLowerCase();
  const lowered = Math.max(1, capitals.length - 1);
  return word.slice(0, capitals.length > 0 ? lowered : 0).toLowerCase() + word.slice(capitals.length > 0 ? lowered : 0);
}

function upperFirst(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
