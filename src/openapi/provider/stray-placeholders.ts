import type { Problems } from '../../providers/problems';
import { isRecord } from './field-reader';

/** Where steps have templates, whose placeholders are checked where they are read. */
const TEMPLATE = /^steps\[\d+\]\.(?:(?:act|look|follow|find|proceed|bulk)\.input|find\.match)$/;

/** Notes every `${` outside of the inputs of calls: it would be taken literally there. */
export function refuseStrayPlaceholders(value: unknown, problems: Problems, place = ''): void {
  if (TEMPLATE.test(place)) return;
  if (typeof value === 'string' && value.includes('${'))
    problems.add(place, 'placeholders are only possible in the inputs of calls and under find.match');
  if (Array.isArray(value)) value.forEach((one, index) => refuseStrayPlaceholders(one, problems, `${place}[${index}]`));
  if (!isRecord(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = place === '' ? key : `${place}.${key}`;
    if (key.includes('${')) problems.add(at, 'a placeholder cannot be the name of a field');
    refuseStrayPlaceholders(inner, problems, at);
  }
}
