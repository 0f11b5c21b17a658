import { isPlaceholder, placeholderName } from '../policy/placeholders';
import { USER_COLUMNS } from '../policy/source-spec';
import type { TargetUser } from '../policy/target-reference';
import { idsOf, placeOf } from '../policy/user-ids';

/** Placeholders that are valid IDs in a source, as {@link placeholderName} returns them. */
export type AllowedPlaceholders = ReadonlySet<string>;

/** No placeholder is allowed. */
export const NO_PLACEHOLDERS: AllowedPlaceholders = new Set();

/** @param names As configured. */
export function allowedPlaceholders(names: readonly string[] = []): AllowedPlaceholders {
  return new Set(names.map(placeholderName));
}

/**
 * Matches most IDs: letters, digits, `-` and `_`, with a digit other than 0. No such text is a placeholder except `-1` and
 * numbers that a spreadsheet shortened, and of the other rules only that of the names of columns can apply.
 */
const ORDINARY = /^(?!-1$|-?\d+e-\d+$)(?=[a-z\d_-]*[1-9])[a-z\d_-]+$/i;

/** Returns whether a text is certainly an ID, so that {@link idProblem} need not be asked. */
export function isOrdinaryId(text: string, isColumn: (name: string) => boolean): boolean {
  return ORDINARY.test(text) && !isColumn(text);
}

/**
 * Returns why a source's text is not an ID, or undefined. It rejects what errors in exports leave behind: the provider
 * would accept such an ID, and the data of the person it belonged to would be kept.
 *
 * The ID of a single run is not checked by this but taken literally.
 */
export function idProblem(
  id: string,
  allowed: AllowedPlaceholders,
  columns: readonly string[] = USER_COLUMNS,
): string | undefined {
  if (!ORDINARY.test(id)) {
    const problem = oddProblem(id, allowed);
    if (problem !== undefined) return problem;
  }
  const lowerCase = id.toLowerCase();
  return columns.some((column) => column === lowerCase) ? 'is the name of a column and not an ID' : undefined;
}

/** Also in those that word processors and other languages have: “u1”, „u1“, «u1», and in backticks. */
const QUOTED = /^"[^]*"$|^'[^]*'$|^[\p{Pi}\p{Pf}„‚`´][^]*[\p{Pi}\p{Pf}`´]$/u;

function oddProblem(id: string, allowed: AllowedPlaceholders): string | undefined {
  if (/[\p{Cc}\u2028\u2029]/u.test(id)) return 'contains a control character or a line break';
  if (id.includes('\ufeff')) return 'contains a byte order mark';
  if (id.includes('\ufffd')) return 'contains U+FFFD, which replaces characters that could not be decoded';
  if (id.trim() === '') return 'contains only white space';
  if (id.trim() !== id || /^[\p{Cf}\u2800\u3164\u115f]|[\p{Cf}\u2800\u3164\u115f]$/u.test(id))
    return 'begins or ends with white space or an invisible character, which would be part of the ID';
  if (isPlaceholder(id)) return allowed.has(placeholderName(id)) ? undefined : 'is a placeholder and not an ID';
  if (QUOTED.test(id)) return 'is in quotes, which would be part of the ID';
  if (/^\[[^]*\]$/u.test(id) || (/^\{[^]*\}$/u.test(id) && /[",:]/.test(id)))
    return 'is a list or an object and not one ID';
  return /^="[^]*"$/u.test(id) ? 'is a formula and not an ID' : undefined;
}

/** Returns the first ID of a user that breaks {@link idProblem}, by its field, or undefined. */
export function userProblem(
  user: TargetUser,
  allowed: AllowedPlaceholders,
): { field: string; problem: string } | undefined {
  for (const [provider, given] of Object.entries(idsOf(user))) {
    for (const [id, value] of Object.entries(given)) {
      const field = placeOf(user, provider, id);
      for (const [index, one] of (typeof value === 'string' ? [value] : value).entries()) {
        const problem = idProblem(one, allowed);
        if (problem !== undefined) return { field: typeof value === 'string' ? field : `${field}.${index}`, problem };
      }
    }
  }
  return undefined;
}
