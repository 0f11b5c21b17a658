import type { TargetUser } from './target-user';

/** Names one user of a sweep, whose ids are in the ledger only. */
export interface TargetReference {
  sweepId: string;
  seq: number;
}

/** The workflow ID of the run that off-boards one user of a sweep; the fence tells runs of the sweep apart. */
export function childWorkflowId(
  sweepId: string,
  { seq, round }: { seq: number; round: number },
  fence: number,
): string {
  return `${sweepId}/${seq}-${round}.${fence}`;
}

/** The ids by which a provider knows somebody. */
export const TARGET_IDS = ['plaidUserId', 'plaidUserToken', 'batchUserId'] as const;

/** One of {@link TARGET_IDS}. */
export type TargetId = (typeof TARGET_IDS)[number];

/** What stands for an id in a workflow, and so in its history, until an activity puts the id in its place. */
export function placeholderOf(id: TargetId): string {
  return `{{target.${id}}}`;
}

/** The input without the fields that hold a placeholder: what of it is in a history in full. */
export function withoutPlaceholders(input: unknown): unknown {
  const placeholders = new Set<unknown>(TARGET_IDS.map(placeholderOf));
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.filter((inner) => !placeholders.has(inner)).map(strip);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => (placeholders.has(inner) ? [] : [[key, strip(inner)]])),
    );
  };
  return strip(input);
}

/** The input of a task with the ids of a user in the place of their placeholders, also within lists. */
export function fillPlaceholders(input: unknown, user: TargetUser): unknown {
  const values = new Map(TARGET_IDS.map((id) => [placeholderOf(id), user[id]]));
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') return values.get(value) ?? value;
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(input);
}
