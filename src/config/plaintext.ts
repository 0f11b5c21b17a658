import { AllowedPlaintext, FIXED_PLAINTEXT_ITEMS, isPlaintextItem } from '../transport/plaintext';
import { readList } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';

const SETTING = 'HTTP_TASKS_ALLOW_PLAINTEXT';

/** Reads `HTTP_TASKS_ALLOW_PLAINTEXT`; adds unknown items to `problems`. */
export function readPlaintext(env: Env, problems: ProblemList): AllowedPlaintext {
  const given = readList(env, SETTING);
  for (const item of given) {
    if (isPlaintextItem(item)) continue;
    problems.add(
      SETTING,
      `"${item}" is not valid; allowed: ${FIXED_PLAINTEXT_ITEMS.join(', ')}, and source.NAME for the source HTTP_TASKS_SOURCE_NAME_URL.`,
    );
  }
  return new AllowedPlaintext(given);
}
