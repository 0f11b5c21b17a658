/** The IDs of one user in their normal form: by provider and by the name of the ID. */
export type ProviderIds = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** The environment of a provider that has only one, or of which a process knows none. */
export const ONLY_ENVIRONMENT = 'default';

/** Where the IDs of a user are valid. */
export interface UserPlaces {
  environmentOf: (service: string) => string;
  serviceNameAt: (provider: string, account: string | undefined) => string;
}

/** A user as inputs, sources and sweeps name it: the fields of the first providers, and `ids` for every provider. */
export interface NamedIds {
  plaidUserId?: string | undefined;
  plaidUserToken?: string | undefined;
  batchUserId?: string | undefined;
  itemIds?: readonly string[] | undefined;
  ids?: ProviderIds | undefined;
}

/** An ID that an input can also name by a field of its own. */
interface NamedField {
  field: keyof NamedIds;
  provider: string;
  id: string;
  /** The ID identifies things of the user and not the user. */
  thing?: boolean;
}

/** The ID of each field of the first providers. The names of the fields are permanent. */
export const NAMED_FIELDS = [
  { field: 'plaidUserId', provider: 'plaid', id: 'userId' },
  { field: 'plaidUserToken', provider: 'plaid', id: 'userToken' },
  { field: 'itemIds', provider: 'plaid', id: 'itemIds', thing: true },
  { field: 'batchUserId', provider: 'batch', id: 'userId' },
] as const satisfies readonly NamedField[];

/** Fields of which only one may be given, because their provider refuses both together. */
export const EXCLUSIVE_FIELDS = ['plaidUserId', 'plaidUserToken'] as const;

/** Returns where the ID of a field is in `ids`. */
export function namedField(field: (typeof NAMED_FIELDS)[number]['field']): Pick<NamedField, 'provider' | 'id'> {
  const found = NAMED_FIELDS.find((one) => one.field === field);
  if (!found) throw new TypeError(`${field} names no ID.`);
  return found;
}

/** Returns whether the user has an ID to which items belong, of which `itemIds` can name some. */
export function ownsItems(user: NamedIds): boolean {
  const { provider } = namedField('itemIds');
  const ids = idsOf(user);
  return NAMED_FIELDS.some(
    (one) => one.provider === provider && !('thing' in one) && idAt(ids, provider, one.id) !== undefined,
  );
}

/** The largest number of entries in one list of IDs. */
export const MOST_LISTED_IDS = 1_000;

/** Returns the IDs of a user in their normal form. A field and `ids` never both name the same ID; see {@link namedTwice}. */
export function idsOf(user: NamedIds): ProviderIds {
  if (user.ids === undefined) return namedIdsOf(user);
  const all = new Map<string, Record<string, string | readonly string[]>>(
    Object.entries(user.ids).map(([provider, given]) => [provider, { ...given }]),
  );
  for (const { field, provider, id: name } of NAMED_FIELDS) {
    const value = user[field];
    if (value !== undefined) all.set(provider, { ...all.get(provider), [name]: value });
  }
  return Object.fromEntries(all);
}

/** The fast path for users without `ids`, as most of a source are. */
function namedIdsOf(user: NamedIds): ProviderIds {
  const all: Record<string, Record<string, string | readonly string[]>> = {};
  for (const { field, provider, id: name } of NAMED_FIELDS) {
    const value = user[field];
    if (value !== undefined) (all[provider] ??= {})[name] = value;
  }
  return all;
}

/** Returns the fields whose ID is also in `ids`. */
export function namedTwice(user: NamedIds): { field: keyof NamedIds; place: string }[] {
  return NAMED_FIELDS.flatMap(({ field, provider, id: name }) =>
    user[field] !== undefined && idAt(user.ids ?? {}, provider, name) !== undefined
      ? [{ field, place: `ids.${provider}.${name}` }]
      : [],
  );
}

/** Returns one ID of a user; undefined if the user has none of that name. */
export function idAt(ids: ProviderIds, provider: string, name: string): string | readonly string[] | undefined {
  const given = Object.hasOwn(ids, provider) ? ids[provider] : undefined;
  return given && Object.hasOwn(given, name) ? given[name] : undefined;
}

/** Returns the path of an ID in the input that named it: its own field, or its place in `ids`. */
export function placeOf(user: NamedIds, provider: string, name: string): string {
  const own = NAMED_FIELDS.find((one) => one.provider === provider && one.id === name);
  return own && user[own.field] !== undefined ? own.field : `ids.${provider}.${name}`;
}

const FIRST = [...new Set(NAMED_FIELDS.map(({ provider }): string => provider))];

/** Returns the names of the providers in the order in which a user's IDs count: plaid, batch, then by name. */
export function inOrder(providers: Iterable<string>): string[] {
  const rank = (provider: string): number => (FIRST.includes(provider) ? FIRST.indexOf(provider) : FIRST.length);
  return [...new Set(providers)].sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
}

/** Returns the column of a source with this ID: `courier_contact_id` for `contactId` of `courier`. */
export function columnOf(provider: string, id: string): string {
  return `${snakeCase(provider)}_${snakeCase(id)}`;
}

/** Returns a name in camelCase with small letters and underscores. */
export function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}
