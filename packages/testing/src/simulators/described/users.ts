import { ControlError } from '../control-error';
import type {
  DescribedApi,
  DescribedId,
  DescribedList,
  DescribedOnce,
  DescribedRequest,
  DescribedStep,
} from './description';
import type { Bindings } from './matching';
import { madeUpId, sketchAt } from './sketch';
import type { ProviderSeed } from './control';

/** IDs by name; a list where a user may have several. */
export type Ids = Readonly<Record<string, string | readonly string[]>>;

/** What a step without items is about. */
export interface Subject {
  goneAtMs: number | undefined;
  /** How often it was removed. */
  removals: number;
  /** Looks that still show it although it is gone. */
  staleReads: number;
}

/** What a list shows. */
export interface Item extends Subject {
  readonly id: string;
  readonly user: User;
}

/** A request that was filed. */
export interface FiledRequest {
  readonly handle: string;
  readonly step: DescribedRequest;
  readonly user: User;
  readonly bound: Bindings;
  reads: number;
  proceeded: boolean;
}

/** One user with everything that the steps are about. */
export interface User {
  /** The first ID. */
  readonly name: string;
  readonly ids: Record<string, string | readonly string[]>;
  readonly exists: boolean;
  readonly subjects: Map<string, Subject>;
  readonly items: Map<string, Item[]>;
  readonly requests: FiledRequest[];
  /** Something of theirs was removed, or its removal was filed. */
  touched: boolean;
}

/** How users are made that have no description. */
export interface UserSettings {
  itemsPerUser: number;
  unknownIds: 'exist' | 'absent';
}

/** The users of a simulated API. Every look-up is one Map access. */
export class Users {
  readonly #api: DescribedApi;
  readonly #users = new Set<User>();
  readonly #byId = new Map<string, User>();
  readonly #items = new Map<string, Item>();
  readonly #requests = new Map<string, FiledRequest>();
  readonly #replays = new Map<string, FiledRequest>();
  #numbered = 0;

  constructor(api: DescribedApi) {
    this.#api = api;
  }

  get all(): ReadonlySet<User> {
    return this.#users;
  }

  clear(): void {
    for (const known of [this.#users, this.#byId, this.#items, this.#requests, this.#replays]) known.clear();
    this.#numbered = 0;
  }

  /** Adds users, replacing those with the same first ID. */
  seed(seed: ProviderSeed, settings: UserSettings): { added: number; users: number } {
    for (const [index, { ids, items }] of seed.users.entries()) this.#refuse(`users.${index}`, ids, items);
    for (const { ids, items, absent } of seed.users) this.#add(ids, !absent, this.#itemsOf(items), settings);
    const { count = 0, prefix = '', itemsPerUser = settings.itemsPerUser } = seed.generate ?? {};
    for (let n = 0; n < count; n += 1)
      this.#add(generatedIds(this.#api.ids, `${prefix}${n}`, n), true, {}, { ...settings, itemsPerUser });
    return { added: seed.users.length + count, users: this.#users.size };
  }

  /** Returns the user whom a call is about; undefined when it names none. One of whom nothing is known is made. */
  of(bound: Bindings, step: DescribedStep, settings: UserSettings): User | undefined {
    const known = this.known(bound, step);
    if (known) return known;
    const ids = this.#idsIn(bound);
    if (Object.keys(ids).length === 0) return undefined;
    return this.#add(ids, settings.unknownIds === 'exist', {}, settings);
  }

  /** Returns the user whom a call is about, if there is one already. */
  known(bound: Bindings, step: DescribedStep): User | undefined {
    const handle = textOf(bound.handle);
    if (handle !== undefined) return this.#requests.get(handle)?.user;
    for (const [name, value] of Object.entries(this.#idsIn(bound))) {
      for (const id of [value].flat()) {
        const user = this.#byId.get(keyOf(name, id));
        if (user) return user;
      }
    }
    const [item] = itemsIn(bound);
    return item === undefined ? undefined : this.#items.get(keyOf(step.step, item))?.user;
  }

  /** Returns the user with one ID. */
  byId(name: string, value: string, settings: UserSettings): User {
    return (
      this.#byId.get(keyOf(name, value)) ?? this.#add({ [name]: value }, settings.unknownIds === 'exist', {}, settings)
    );
  }

  /** Returns what a step is about for a user. */
  subject(user: User, { step }: DescribedStep, entry = ''): Subject {
    const key = keyOf(step, entry);
    const known = user.subjects.get(key);
    if (known) return known;
    const subject = { goneAtMs: undefined, removals: 0, staleReads: 0 };
    user.subjects.set(key, subject);
    return subject;
  }

  item(step: DescribedStep, id: string): Item | undefined {
    return this.#items.get(keyOf(step.step, id));
  }

  request(handle: string): FiledRequest | undefined {
    return this.#requests.get(handle);
  }

  /** Returns the request that was filed with the same key. */
  replayed(step: DescribedStep, callId: string | undefined): FiledRequest | undefined {
    return callId === undefined ? undefined : this.#replays.get(keyOf(step.step, callId));
  }

  file(request: FiledRequest, callId: string | undefined): void {
    this.#requests.set(request.handle, request);
    request.user.requests.push(request);
    if (callId !== undefined) this.#replays.set(keyOf(request.step.step, callId), request);
  }

  /** Returns a number that was not returned before. */
  next(): number {
    this.#numbered += 1;
    return this.#numbered;
  }

  /** What the once steps and requests are about for a user, with the entry of a list of IDs. */
  *subjectsOf(user: User): Generator<{ step: DescribedOnce | DescribedRequest; entry: string }> {
    for (const step of this.#api.steps) {
      if (step.kind === 'list' || !this.#concerns(user, step)) continue;
      const entries = step.kind === 'once' && step.each !== undefined ? [user.ids[step.each] ?? []].flat() : [''];
      for (const entry of entries) yield { step, entry };
    }
  }

  #concerns(user: User, { needs }: DescribedStep): boolean {
    return needs.every((group) => group.some((id) => [user.ids[id] ?? []].flat().length > 0));
  }

  #add(ids: Ids, exists: boolean, items: Readonly<Record<string, readonly string[]>>, settings: UserSettings): User {
    const name = [Object.values(ids)[0] ?? ''].flat()[0] ?? '';
    const first = Object.keys(ids)[0] ?? '';
    const before = this.#byId.get(keyOf(first, name));
    if (before) this.#forget(before);
    const user: User = {
      name,
      ids: { ...ids },
      exists,
      subjects: new Map(),
      items: new Map(),
      requests: [],
      touched: false,
    };
    this.#users.add(user);
    for (const [id, value] of Object.entries(ids))
      for (const one of [value].flat()) this.#byId.set(keyOf(id, one), user);
    for (const step of this.#api.steps)
      if (step.kind === 'list' && exists && this.#concerns(user, step)) this.#addItems(user, step, items, settings);
    return user;
  }

  #addItems(
    user: User,
    step: DescribedList,
    given: Readonly<Record<string, readonly string[]>>,
    { itemsPerUser }: UserSettings,
  ): void {
    const asked = step.only === undefined ? [] : [user.ids[step.only] ?? []].flat();
    const ids = given[step.step] ?? [
      ...asked,
      ...Array.from({ length: itemsPerUser }, (_, n) => this.#itemId(step, user, n)),
    ];
    const items = ids.map((id): Item => ({ id, user, goneAtMs: undefined, removals: 0, staleReads: 0 }));
    user.items.set(step.step, items);
    for (const item of items) this.#items.set(keyOf(step.step, item.id), item);
  }

  #itemId({ look }: DescribedList, user: User, n: number): string {
    const body = this.#api.operations.find(({ operation }) => operation === look.operation)?.success.body;
    const place = body && sketchAt(body, look.items);
    const entry = place?.kind === 'list' ? place.entry : place;
    return madeUpId(entry, `item-${user.name}-${n}`, 1_000 + this.next());
  }

  #forget(user: User): void {
    this.#users.delete(user);
    for (const [key, one] of this.#byId) if (one === user) this.#byId.delete(key);
    for (const [step, items] of user.items) for (const { id } of items) this.#items.delete(keyOf(step, id));
  }

  #idsIn(bound: Bindings): Ids {
    return Object.fromEntries(Object.entries(bound).filter(([name]) => Object.hasOwn(this.#api.ids, name)));
  }

  #itemsOf(items: ProviderSeed['users'][number]['items']): Record<string, readonly string[]> {
    const lists = this.#api.steps.filter(({ kind }) => kind === 'list');
    if (Array.isArray(items)) return Object.fromEntries(lists.slice(0, 1).map(({ step }) => [step, items]));
    const { provider } = this.#api;
    const given = Object.entries<string[]>(items ?? {});
    return Object.fromEntries(
      given.map(([step, ids]) => [step.startsWith(`${provider}.`) ? step : `${provider}.${step}`, ids]),
    );
  }

  #refuse(place: string, ids: Ids, items: ProviderSeed['users'][number]['items']): void {
    const known = Object.keys(this.#api.ids);
    const unknown = Object.keys(ids).find((id) => !known.includes(id));
    if (unknown !== undefined)
      throw new ControlError(`${place}.ids.${unknown}`, `unknown ID; known: ${known.join(', ')}`);
    const lists = this.#api.steps.flatMap(({ kind, step }) => (kind === 'list' ? [step] : []));
    const wrong = Object.keys(this.#itemsOf(items)).find((step) => !lists.includes(step));
    if (wrong === undefined && !(Array.isArray(items) && lists.length !== 1)) return;
    throw new ControlError(`${place}.items`, `must be by list step; those are: ${lists.join(', ') || 'none'}`);
  }
}

/** Returns the items that a call names. */
export function itemsIn(bound: Bindings): readonly string[] {
  return [bound.items ?? bound.item ?? []].flat();
}

/** Returns a bound value that is a single text. */
export function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value;
}

function generatedIds(ids: Readonly<Record<string, DescribedId>>, name: string, n: number): Ids {
  const skipped = new Set<string>();
  const made: Record<string, string | readonly string[]> = {};
  for (const [id, { list, number, instead }] of Object.entries(ids)) {
    if (skipped.has(id)) continue;
    if (instead !== undefined) skipped.add(instead);
    const value = number ? String(1_000_000 + n) : name;
    made[id] = list ? [value, number ? String(2_000_000 + n) : `${name}-2`] : value;
  }
  return made;
}

function keyOf(name: string, value: string): string {
  return `${name}\n${value}`;
}
