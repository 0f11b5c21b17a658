import { readRequestSettings } from 'temporal-http-tasks/internal/config/request-settings';
import { beginOf } from 'temporal-http-tasks/internal/policy/legal-clock';
import { DAY_RULE } from 'temporal-http-tasks/internal/policy/request-claims';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';

/**
 * Returns the moment before which requests have to be due: of a day its beginning, in the zone in which due dates are
 * counted.
 *
 * @throws Refusal for another text.
 */
export function readDueBefore(env: Io['env'], given: string): Date {
  const { timeZone } = readRequestSettings(env);
  const moment = beginOf(given, { timeZone });
  if (moment) return moment;
  const rule = timeZone === undefined ? DAY_RULE : DAY_RULE.replace('in UTC', `in ${timeZone}`);
  throw new Refusal('Usage', `--due-before ${rule}.`, 'dueBefore');
}
