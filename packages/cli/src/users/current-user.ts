import { userInfo } from 'node:os';

/** As long as the ledger and an approval keep a name. */
const MAX_NAME_CHARACTERS = 200;

/**
 * The name of the person who runs this process, as the ledger and Temporal keep it: a claim.
 *
 * @param nameless What is kept where the user has no name, as in a container. @default `uid 1000`, by the user's number
 */
export function userName(nameless = process.getuid === undefined ? 'unknown' : `uid ${process.getuid()}`): string {
  try {
    return userInfo().username.slice(0, MAX_NAME_CHARACTERS) || nameless;
  } catch {
    return nameless;
  }
}
