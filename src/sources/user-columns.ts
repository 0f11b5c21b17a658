import { columnOf, idAt, idsOf, NAMED_FIELDS, snakeCase } from '../policy/user-ids';
import { USER_COLUMNS } from '../policy/source-spec';
import type { NamedIds, ProviderIds } from '../policy/user-ids';
import { mainServiceOf } from '../tasks/accounts';

/** What a column of a source takes. */
export type ColumnKind = 'id' | 'ids' | 'label' | 'moment';

/** An ID of a provider whose column is not one of {@link USER_COLUMNS}. */
export interface ColumnOfId {
  column: string;
  provider: string;
  id: string;
  list: boolean;
}

const KINDS: Readonly<Record<(typeof USER_COLUMNS)[number], ColumnKind>> = {
  plaid_user_id: 'id',
  plaid_user_token: 'id',
  batch_user_id: 'id',
  item_ids: 'ids',
  reference: 'label',
  closed_at: 'moment',
  account: 'label',
  received_at: 'moment',
  law: 'label',
};

/** The providers whose IDs a source may have. */
export interface ProvidersOfUsers {
  readonly all: readonly { readonly name: string; readonly ids: Readonly<Record<string, { list?: boolean }>> }[];
  /** Returns every mistake in a user's IDs, by field. */
  problemsOf(
    user: NamedIds & { account?: string | undefined },
    ids: ProviderIds,
  ): readonly { field: string; message: string }[];
}

/** Names that are shorter than this are part of too many words: a column resembles them only with a word of its name. */
const LEAST_PART = 4;

/** Names of IDs that are part of the name of almost every ID. */
const ANY_ID: ReadonlySet<string> = new Set(['id', 'ids']);

const DIGIT = /\d/;

/** The columns of a source of users, for the providers that a worker or command has. */
export class UserColumns {
  /** The columns of the providers that come with the package. */
  static readonly BASIC = new UserColumns();

  readonly names: readonly string[];
  readonly ids: readonly ColumnOfId[];
  /** Returns what is wrong with the IDs of a user, by column; undefined for IDs that fit their providers. */
  readonly problemOf: (user: NamedIds & { account?: string | undefined }) => string | undefined;
  readonly #kinds: ReadonlyMap<string, ColumnKind>;
  /** Whether the name of any column has a digit, as most IDs have. */
  readonly #haveDigits: boolean;
  readonly #resembling: readonly string[];
  readonly #elsewhere: readonly string[];

  /** @param elsewhere Services that other workers of the ledger have, such as `courier` and `courier/acme`. @default none */
  constructor(providers?: ProvidersOfUsers, elsewhere: readonly string[] = []) {
    const all = providers?.all ?? [];
    this.ids = all.flatMap(({ name: provider, ids }) =>
      Object.entries(ids).flatMap(([id, { list = false }]) =>
        NAMED_FIELDS.some((own) => own.provider === provider && own.id === id)
          ? []
          : [{ column: columnOf(provider, id), provider, id, list }],
      ),
    );
    this.names = [...USER_COLUMNS, ...this.ids.map(({ column }) => column)];
    const kinds = this.ids.map(({ column, list }) => [column, list ? 'ids' : 'id'] as const);
    this.#kinds = new Map<string, ColumnKind>([
      ...USER_COLUMNS.map((column) => [column, KINDS[column]] as const),
      ...kinds,
    ]);
    this.#haveDigits = this.names.some((name) => DIGIT.test(name));
    this.#resembling = this.ids.flatMap(({ provider, id }) =>
      [provider, id].map(bare).filter((name) => name !== '' && !ANY_ID.has(name)),
    );
    const own = new Set([...all.map(({ name }) => name), ...NAMED_FIELDS.map(({ provider }) => provider)]);
    this.#elsewhere = [...new Set(elsewhere.map(mainServiceOf))].filter((name) => !own.has(name) && name !== 'http');
    this.problemOf = (user) => {
      if (!providers || (!user.ids && user.account === undefined)) return undefined;
      const problems = providers.problemsOf(user, idsOf(user));
      return problems.length === 0
        ? undefined
        : [...new Set(problems.map(({ field, message }) => `${this.#placeOf(field)}: ${message}`))].join('; ');
    };
  }

  readonly isColumn = (name: string): boolean =>
    (this.#haveDigits || !DIGIT.test(name)) && this.#kinds.has(name.toLowerCase());

  kindOf(column: string): ColumnKind {
    return this.#kinds.get(column) ?? 'label';
  }

  /** Whether a column of this name is likely to have IDs of one of the providers. */
  resembles(name: string): boolean {
    const text = bare(name);
    const words = snakeCase(name).split(/[^a-z0-9]+/);
    return (
      this.#resembling.some((one) => (one.length < LEAST_PART ? words.includes(one) : text.includes(one))) ||
      this.providerElsewhere(name) !== undefined
    );
  }

  /** Returns the provider that another worker knows and this process does not, if the column is named like one of its IDs. */
  providerElsewhere(name: string): string | undefined {
    if (this.#elsewhere.length === 0) return undefined;
    const parts = name.split('.').map((part) => `${snakeCase(part).replace(/[^a-z0-9]+/g, '_')}_`);
    return this.#elsewhere.find((provider) => parts.some((part) => part.startsWith(`${snakeCase(provider)}_`)));
  }

  /** Whether a user has any ID. */
  hasId(user: NamedIds): boolean {
    if (user.plaidUserId !== undefined || user.batchUserId !== undefined) return true;
    const ids = idsOf(user);
    return Object.keys(ids).some((provider) =>
      Object.keys(ids[provider] ?? {}).some((id) => !isThing(provider, id) && idAt(ids, provider, id) !== undefined),
    );
  }

  #placeOf(field: string): string {
    const [, provider = '', id] = field.split('.');
    return this.ids.find((one) => one.provider === provider && one.id === id)?.column ?? field;
  }
}

function isThing(provider: string, id: string): boolean {
  return NAMED_FIELDS.some((one) => one.provider === provider && one.id === id && 'thing' in one);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
