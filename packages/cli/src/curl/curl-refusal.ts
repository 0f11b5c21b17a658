import { Refusal } from '../errors';

/** Refuses the command. No argument of it is ever repeated: it could be a secret. */
export function refuseCurl(problem: string): never {
  throw new Refusal('Usage', `--curl: the command ${problem}.`, 'curl');
}
