import type { ApiResponse, CarriedOutHow } from '../provider';
import type { RepeatLog } from '../repeat-log';
import type { ProviderSettings, Unplaced } from './control';
import type {
  DescribedApi,
  DescribedCall,
  DescribedList,
  DescribedOnce,
  DescribedOperation,
  DescribedRequest,
  DescribedStep,
  Pattern,
} from './description';
import { filled, matchInput } from './matching';
import type { Bindings } from './matching';
import { hide, possible, show, stateOtherThan } from './patterns';
import { absent, success } from './responses';
import { describedPaths, Draft, madeUpId, sketchAt } from './sketch';
import { itemsIn, textOf } from './users';
import type { FiledRequest, Item, Subject, User, Users } from './users';

const ROLES = ['act', 'bulk', 'proceed', 'look', 'follow', 'find'] as const;
type Role = (typeof ROLES)[number];

/** A request that is a call of a step. */
export interface StepCall {
  step: DescribedStep;
  role: Role;
  call: DescribedCall;
  input: Readonly<Record<string, unknown>>;
  bound: Bindings;
}

/** What calls of the steps read and change. */
export interface CallContext {
  api: DescribedApi;
  users: Users;
  repeats: RepeatLog;
  settings: ProviderSettings;
  /** Paths that had no place in a response. */
  unplaced: Map<string, Unplaced>;
}

/** Returns the calls of steps that a request can be, those that name the most first. */
export function callsFor(
  { api, users }: CallContext,
  operation: string,
  input: Readonly<Record<string, unknown>>,
): StepCall[] {
  const found = api.steps.flatMap((step) =>
    ROLES.flatMap((role) => {
      const call = (step as Partial<Record<Role, DescribedCall>>)[role];
      const match = call?.operation === operation ? matchInput(call.input, input) : undefined;
      return call && match ? [{ step, role, call, input, ...match }] : [];
    }),
  );
  const isKnown = ({ bound, step }: StepCall): number => Number(users.known(bound, step) !== undefined);
  const named = ({ bound }: StepCall): number => Object.keys(bound).length;
  // `?by=email` is another call than one without it, which takes the same value for an ID of another kind.
  const most = Math.max(0, ...found.map(({ constants }) => constants));
  const meant = found.filter(({ constants }) => constants === most);
  return meant.sort((one, other) => named(other) - named(one) || isKnown(other) - isKnown(one));
}

/** Carries a request out: the first call that changes something, or all that read. */
export function carryOut(
  context: CallContext,
  operation: DescribedOperation,
  calls: readonly StepCall[],
  how: CarriedOutHow,
): ApiResponse {
  const [change] = calls.filter(({ role }) => role === 'act' || role === 'bulk' || role === 'proceed');
  if (change) return new Change(context, operation, change).carryOut();
  return new Read(context, operation, how).respond(calls);
}

/** A request that removes or files something. */
class Change {
  readonly #context: CallContext;
  readonly #operation: DescribedOperation;
  readonly #call: StepCall;

  constructor(context: CallContext, operation: DescribedOperation, call: StepCall) {
    this.#context = context;
    this.#operation = operation;
    this.#call = call;
  }

  carryOut(): ApiResponse {
    const { step, role } = this.#call;
    if (role === 'bulk' && step.kind === 'once') return this.#bulk(step);
    if (role === 'proceed' && step.kind === 'request') return this.#proceed();
    switch (step.kind) {
      case 'once':
        return this.#once(step);
      case 'list':
        return this.#items(step);
      case 'request':
        return this.#file(step);
    }
  }

  #once(step: DescribedOnce): ApiResponse {
    const { users, settings } = this.#context;
    const { bound } = this.#call;
    const user = users.of(bound, step, settings);
    if (!user?.exists) return this.#absent();
    const subject = users.subject(user, step, step.each === undefined ? '' : (textOf(bound[step.each]) ?? ''));
    if (subject.goneAtMs !== undefined && this.#refusesRepeats) return this.#refuseRepeat(user);
    this.#remove(user, subject);
    return this.#done(new Draft(this.#operation.success.body));
  }

  #bulk(step: DescribedOnce): ApiResponse {
    const { users, settings } = this.#context;
    for (const id of new Set([this.#call.bound.ids ?? []].flat())) {
      const user = users.byId(step.bulk?.id ?? '', id, settings);
      if (user.exists) this.#remove(user, users.subject(user, step));
    }
    return success(this.#operation);
  }

  #items(step: DescribedList): ApiResponse {
    const { users, settings } = this.#context;
    const { bound } = this.#call;
    const owner = users.of(bound, step, settings);
    const known = itemsIn(bound).map((id) => users.item(step, id));
    const own = known.filter((item) => item !== undefined && (owner === undefined || item.user === owner));
    const items = own.filter((item) => item !== undefined);
    const left = items.filter(({ goneAtMs }) => goneAtMs === undefined);
    if (items.length === 0 || owner?.exists === false) return this.#absent();
    if (left.length === 0 && this.#refusesRepeats) return this.#refuseRepeat(items[0]?.user, items[0]?.id);
    for (const item of items) this.#remove(item.user, item, item.id);
    return this.#done(new Draft(this.#operation.success.body));
  }

  #file(step: DescribedRequest): ApiResponse {
    const { users, settings } = this.#context;
    const { bound } = this.#call;
    const callId = textOf(bound.callId);
    const replayed = users.replayed(step, callId);
    if (replayed) return this.#filed(step, replayed);
    const user = users.of(bound, step, settings);
    if (!user?.exists) return this.#absent();
    const earlier = user.requests.filter((request) => request.step === step);
    if (users.subject(user, step).goneAtMs !== undefined && this.#refusesRepeats) return this.#refuseRepeat(user);
    if (earlier.length > 0) this.#noteRepeat(user);
    user.touched = true;
    const request = { handle: this.#handle(step), step, user, bound, reads: 0, proceeded: false };
    users.file(request, callId);
    return this.#filed(step, request);
  }

  #filed(step: DescribedRequest, { handle }: FiledRequest): ApiResponse {
    const draft = new Draft(this.#operation.success.body);
    draft.put(step.handle, handle);
    return this.#done(draft, [step.handle]);
  }

  /** The response of a call that did what it is for: it shows none of the states that say otherwise. */
  #done(draft: Draft, kept: readonly string[] = []): ApiResponse {
    const { absent: absentIf = [], failed = [] } = this.#call.call;
    if (this.#operation.success.given !== true) hide(draft, [...absentIf, ...failed], kept);
    noteUnplaced(this.#context, this.#operation, draft);
    return success(this.#operation, draft.value);
  }

  #handle(step: DescribedRequest): string {
    const { body } = this.#operation.success;
    const number = this.#context.users.next();
    return madeUpId(body && sketchAt(body, step.handle), `request-${number}`, 9_000 + number);
  }

  #proceed(): ApiResponse {
    const request = this.#context.users.request(textOf(this.#call.bound.handle) ?? '');
    if (!request) return this.#absent();
    if (request.proceeded) this.#noteRepeat(request.user);
    request.proceeded = true;
    return success(this.#operation);
  }

  /** What is not there any more is refused where the provider file says how; else it is removed a second time. */
  get #refusesRepeats(): boolean {
    const { codes, statuses, given } = this.#operation.absent;
    return codes.length > 0 || statuses.length > 0 || given !== undefined || (this.#call.call.absent ?? []).length > 0;
  }

  #refuseRepeat(user: User | undefined, item?: string): ApiResponse {
    const about = { endpoint: this.#operation.operation, user: user?.name ?? '' };
    this.#context.repeats.note('refused', { ...about, ...(item !== undefined && { item }) });
    return this.#absent();
  }

  #absent(): ApiResponse {
    return absentResponse(this.#context, this.#operation, [this.#call.call]);
  }

  #remove(user: User, subject: Subject | Item, item?: string): void {
    user.touched = true;
    if (subject.goneAtMs !== undefined) this.#noteRepeat(user, item);
    subject.goneAtMs ??= Date.now();
    if (subject.removals === 0) subject.staleReads = this.#context.settings.readLag.reads;
    subject.removals += 1;
  }

  #noteRepeat(user: User, item?: string): void {
    const kind = this.#operation.effect === 'repeatSafe' ? 'repeatSafe' : 'irreversible';
    const about = { endpoint: this.#operation.operation, user: user.name };
    this.#context.repeats.note(kind, { ...about, ...(item !== undefined && { item }) });
  }
}

/** A request that changes nothing. One response may serve several steps. */
class Read {
  readonly #context: CallContext;
  readonly #operation: DescribedOperation;
  readonly #how: CarriedOutHow;
  readonly #draft: Draft;

  constructor(context: CallContext, operation: DescribedOperation, how: CarriedOutHow) {
    this.#context = context;
    this.#operation = operation;
    this.#how = how;
    this.#draft = new Draft(operation.success.body);
  }

  respond(calls: readonly StepCall[]): ApiResponse {
    const [gone, left]: [DescribedCall[], DescribedCall[]] = [[], []];
    for (const one of calls) (this.#read(one) ? left : gone).push(one.call);
    const shown = gone.flatMap((call) => (call.absent ?? []).slice(0, 1));
    // One of several things that the response shows may be gone, if a state of the response says so.
    if (gone.length > 0 && (left.length === 0 || shown.length < gone.length))
      return absentResponse(this.#context, this.#operation, gone);
    for (const pattern of shown) show(this.#draft, pattern);
    hide(
      this.#draft,
      left.flatMap((call) => call.absent ?? []),
      shown.flatMap((pattern) => (typeof pattern === 'object' ? Object.keys(pattern) : [])),
    );
    noteUnplaced(this.#context, this.#operation, this.#draft);
    return success(this.#operation, this.#draft.value);
  }

  /** @returns Whether what it reads is there. */
  #read({ step, role, call, input, bound }: StepCall): boolean {
    hide(this.#draft, [...(call.absent ?? []), ...(call.failed ?? [])]);
    const { users, settings } = this.#context;
    if (step.kind === 'request') return role === 'find' ? this.#find(step, bound) : this.#follow(step, bound);
    const user = users.of(bound, step, settings);
    if (!user?.exists) return false;
    if (step.kind === 'list') return this.#list(step, user, input);
    const entry = step.each === undefined ? '' : (textOf(bound[step.each]) ?? '');
    return this.#isShown(users.subject(user, step, entry));
  }

  #list({ step, look }: DescribedList, user: User, input: StepCall['input']): boolean {
    const all = (user.items.get(step) ?? []).map((item, index) => ({ item, index }));
    const shown = all.filter(({ item }) => this.#isShown(item));
    const from = look.next ? Number(input[look.next.cursor] ?? 0) : 0;
    const rest = shown.filter(({ index }) => index >= (Number.isSafeInteger(from) ? from : 0));
    const page = look.next ? rest.slice(0, this.#context.settings.pageSize) : rest;
    this.#draft.putItems(
      look.items,
      page.map(({ item }) => item.id),
    );
    const following = rest[page.length];
    const isPlaced = this.#draft.unplaced.length === 0;
    if (look.next) this.#next(look.next, isPlaced ? following?.index : undefined);
    return true;
  }

  #next({ path, cursor }: { path: string; cursor: string }, index: number | undefined): void {
    const { body } = this.#operation.success;
    const place = body && sketchAt(body, path);
    if (index === undefined) {
      if (place?.kind === 'scalar') this.#draft.drop(path);
      return;
    }
    const isUrl = place?.kind === 'scalar' && /^ur[il]/.test(place.format ?? '');
    this.#draft.put(path, isUrl ? `https://simulator.invalid/next?${cursor}=${index}` : String(index));
  }

  #follow({ follow, proceed, step }: DescribedRequest, bound: Bindings): boolean {
    const request = this.#context.users.request(textOf(bound.handle) ?? '');
    if (request?.step.step !== step) return false;
    request.reads += 1;
    const { body } = this.#operation.success;
    const { state, done, others } = follow;
    const when = proceed?.when ?? [];
    const pending = stateOtherThan([...done, ...others, ...when], body, state, 'pending');
    const now = stateOf(request, this.#context.settings);
    const patterns = now === 'done' ? done : now === 'waiting' ? when : [];
    const shown = patterns.length === 0 ? undefined : possible(patterns, body, state);
    if (shown !== undefined) show(this.#draft, shown, state);
    else this.#draft.put(state, pending);
    // A state that is tested first, or that has not come yet, must not be shown by an example of the document.
    const unlike = now === 'done' && shown !== undefined ? others : [...others, ...done, ...when];
    const paths = typeof shown === 'object' ? Object.keys(shown) : [];
    hide(
      this.#draft,
      unlike.filter((pattern) => pattern !== shown),
      [state, ...paths],
    );
    if (shown === undefined && patterns.length > 0) this.#noteMissingState(state, patterns);
    if (now === 'done' && shown !== undefined)
      this.#context.users.subject(request.user, request.step).goneAtMs ??= Date.now();
    return true;
  }

  #noteMissingState(path: string, patterns: readonly Pattern[]): void {
    const { operation, success } = this.#operation;
    const place = success.body && sketchAt(success.body, path);
    const described = place?.kind === 'scalar' ? (place.only ?? []).map(String) : [];
    const state = patterns.map((pattern) => (typeof pattern === 'object' ? JSON.stringify(pattern) : String(pattern)));
    const missing = { operation, path: `${path}: ${state.join(', ')}`, described };
    this.#context.unplaced.set(`${operation} ${missing.path}`, missing);
  }

  #find(step: DescribedRequest, bound: Bindings): boolean {
    const { find } = step;
    if (!find) return false;
    const { users } = this.#context;
    const asked = users.known(bound, step);
    const all = asked ? [asked] : [...users.all];
    const requests = all.flatMap((user) => user.requests).filter((request) => request.step === step);
    const entries = requests.map((request) => {
      const own = { ...request.user.ids, ...request.bound };
      const matched = Object.entries(find.match).map(([path, template]) => [path, filled(template, own)] as const);
      return [...matched.filter(([, value]) => value !== undefined), [find.handle, request.handle] as const];
    });
    this.#draft.putEntries(find.items, entries);
    return true;
  }

  #isShown(subject: Subject): boolean {
    if (subject.goneAtMs === undefined) return true;
    const byReads = subject.staleReads > 0;
    if (byReads) subject.staleReads -= 1;
    const { ms } = this.#context.settings.readLag;
    return byReads || this.#how.staleRead === true || Date.now() < subject.goneAtMs + ms;
  }
}

/** Returns how far a request has come: it moves when it is read. */
export function stateOf(
  { reads, proceeded, step }: FiledRequest,
  { polls }: ProviderSettings,
): 'pending' | 'waiting' | 'done' {
  if (reads <= polls) return 'pending';
  return step.proceed && !proceeded ? 'waiting' : 'done';
}

/** Returns the response for what is not there: a refusal, or a success that says so where only such states are named. */
function absentResponse(
  context: CallContext,
  operation: DescribedOperation,
  calls: readonly DescribedCall[],
): ApiResponse {
  const { codes, statuses, given } = operation.absent;
  const [pattern] = calls.flatMap((call) => call.absent ?? []);
  const isRefusal = codes.length > 0 || statuses.some((status) => status >= 400) || given !== undefined;
  const [good] = statuses;
  if (pattern === undefined && !isRefusal && good !== undefined)
    return { ...success({ ...operation, success: { ...operation.success, status: good } }), processed: false };
  if (pattern === undefined || isRefusal) return absent(context.api, operation);
  const draft = new Draft(operation.success.body);
  show(draft, pattern);
  noteUnplaced(context, operation, draft);
  return { ...success(operation, draft.value), processed: false };
}

function noteUnplaced(
  { unplaced }: CallContext,
  { operation, success: { body } }: DescribedOperation,
  draft: Draft,
): void {
  for (const path of draft.unplaced)
    unplaced.set(`${operation} ${path}`, { operation, path, described: body ? describedPaths(body) : [] });
}
