import type { z } from 'zod';
import type { userIds } from './offboard-input';
import type { Law } from './request-claims';
import { idAt, idsOf, inOrder, NAMED_FIELDS } from './user-ids';
import type { ProviderIds } from './user-ids';

/** One user of a source: at least one ID, taken literally; `itemIds` only with an ID at Plaid. */
export type TargetUser = z.output<typeof userIds> & {
  itemIds?: readonly string[];
  /** When the account was closed: a date and time with its offset from UTC, as `instantMs` reads it. */
  closedAt?: string | undefined;
  /** When the user's own request was received, as `readDay` reads it. */
  receivedAt?: string | undefined;
  law?: Law | undefined;
};

/** Names one user of a sweep, whose IDs are in the ledger only. */
export interface TargetReference {
  sweepId: string;
  seq: number;
}

/** Returns the workflow ID of the run that offboards one user of a sweep; the fence distinguishes runs of the sweep. */
export function childWorkflowId(
  sweepId: string,
  { seq, round }: { seq: number; round: number },
  fence: number,
): string {
  return `${sweepId}/${seq}-${round}.${fence}`;
}

/** IDs whose placeholders name a field of the first providers, as in the histories of earlier versions. */
const TARGET_IDS = ['plaidUserId', 'plaidUserToken', 'batchUserId'] as const;

/** One of {@link TARGET_IDS}. */
export type TargetId = (typeof TARGET_IDS)[number];

/** The IDs that a user has at the other providers, for a history: `true` for one ID, or the length of a list. */
export type TargetIds = Readonly<Record<string, Readonly<Record<string, true | number>>>>;

const PLACEHOLDER = /^\{\{target\.([^{}:]+?)(:number)?\}\}$/;

/** Returns what a workflow, and so its history, contains instead of an ID until an activity replaces it. */
function placeholderOf(name: string): string {
  return `{{target.${name}}}`;
}

/**
 * Returns the IDs of a user with a placeholder for each: `{{target.courier.contactId}}`, or `{{target.courier.deviceIds.0}}`
 * for the first entry of a list.
 */
export function placeholderIds(named: readonly TargetId[], others: TargetIds = {}): ProviderIds {
  const own = idsOf(Object.fromEntries(named.map((id) => [id, placeholderOf(id)])));
  const more = Object.entries(others).map(([provider, ids]) => [
    provider,
    Object.fromEntries(
      Object.entries(ids).map(([id, count]) => [
        id,
        count === true
          ? placeholderOf(`${provider}.${id}`)
          : Array.from({ length: count }, (_, index) => placeholderOf(`${provider}.${id}.${index}`)),
      ]),
    ),
  ]);
  return { ...own, ...(Object.fromEntries(more) as ProviderIds) };
}

/** Returns which of {@link TARGET_IDS} a user has. */
export function targetIdsOf(user: TargetUser): TargetId[] {
  const ids = idsOf(user);
  return TARGET_IDS.filter((field) =>
    NAMED_FIELDS.some((one) => one.field === field && idAt(ids, one.provider, one.id) !== undefined),
  );
}

/** Returns which IDs a user has besides those with a field of their own. */
export function otherIds(user: TargetUser): TargetIds {
  const isNamed = (provider: string, id: string): boolean =>
    NAMED_FIELDS.some((one) => one.provider === provider && one.id === id);
  const all = idsOf(user);
  return Object.fromEntries(
    inOrder(Object.keys(all)).flatMap((provider) => {
      const rest = Object.entries(all[provider] ?? {}).filter(([id]) => !isNamed(provider, id));
      const counts = rest.map(([id, value]) => [id, typeof value === 'string' ? true : value.length] as const);
      return counts.length > 0 ? [[provider, Object.fromEntries(counts)] as const] : [];
    }),
  );
}

/** Returns the input without the fields that are a placeholder: the part that a history contains in full. */
export function withoutPlaceholders(input: unknown): unknown {
  const isPlaceholder = (value: unknown): boolean => typeof value === 'string' && PLACEHOLDER.test(value);
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.filter((inner) => !isPlaceholder(inner)).map(strip);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => (isPlaceholder(inner) ? [] : [[key, strip(inner)]])),
    );
  };
  return strip(input);
}

/** Thrown for a placeholder that no ID of the user can replace; nothing may be sent then. */
class UnfilledPlaceholderError extends Error {
  override readonly name = 'UnfilledPlaceholderError';

  constructor(placeholder: string) {
    super(`The user has no ID that can replace ${placeholder}.`);
  }
}

/**
 * Returns the input of a task with the IDs of a user instead of their placeholders, also within lists.
 *
 * @throws UnfilledPlaceholderError
 */
export function fillPlaceholders(input: unknown, user: TargetUser): unknown {
  const ids = idsOf(user);
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') return PLACEHOLDER.test(value) ? valueOf(value, ids) : value;
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(input);
}

function valueOf(placeholder: string, ids: ProviderIds): string | number {
  const [, name = '', wantsNumber] = PLACEHOLDER.exec(placeholder) ?? [];
  const own = NAMED_FIELDS.find(({ field }) => field === name);
  const [provider = '', called = '', index] = own ? [own.provider, own.id] : name.split('.');
  const given = idAt(ids, provider, called);
  const value = typeof given === 'object' && index !== undefined ? given[Number(index)] : given;
  if (typeof value !== 'string') throw new UnfilledPlaceholderError(placeholder);
  if (wantsNumber === undefined) return value;
  const number = Number(value);
  if (!/^-?(?:0|[1-9]\d*)$/.test(value) || !Number.isSafeInteger(number))
    throw new UnfilledPlaceholderError(placeholder);
  return number;
}
