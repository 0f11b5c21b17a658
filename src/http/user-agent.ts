import { packageVersion } from '../package-version';

/** The `user-agent` header of every request. */
export const USER_AGENT = `temporal-http-tasks/${packageVersion()}`;
