import { UNKNOWN_ROUTE } from '../control-api';
import type { SeedSummary } from '../control-responses';
import { parseControlBody } from '../control-error';
import type {
  ApiResponse,
  CarriedOutHow,
  Provider,
  ProviderFailures,
  ReceivedRequest,
  RecognisedCall,
} from '../provider';
import { ProviderHalf, startSimulatorOf } from '../simulator';
import type { FirstState, Operations, RunningSimulator, SimulatorOptions } from '../simulator';
import { providerSeedSchema, providerSettingsSchema } from './control';
import type {
  ProviderSeedInput,
  ProviderSettings,
  ProviderSettingsInput,
  ProviderState,
  ProviderStateFigures,
  StepState,
  Unplaced,
} from './control';
import type { DescribedApi, DescribedKey } from './description';
import { callsFor, carryOut, stateOf } from './provider-calls';
import type { CallContext, StepCall } from './provider-calls';
import { isSignedIn, keyValue, Routes, sentKeys, tokenFor } from './requests';
import { failure } from './responses';
import { itemsIn, textOf, Users } from './users';
import type { User } from './users';

/** The endpoint name of the calls that fetch access tokens. */
const TOKEN_ENDPOINT = 'accessToken';

/** Options of a provider's simulator. */
export interface ProviderSimulatorOptions extends SimulatorOptions, ProviderSettingsInput {
  /** Initial users. @default none */
  users?: ProviderSeedInput;
}

/** A running simulator of a provider, with the operations of the control API as methods. */
export interface ProviderSimulator
  extends RunningSimulator, Operations<ProviderSeedInput, ProviderSettingsInput, ProviderStateFigures, ProviderState> {
  provider: string;
  /** The settings under which workers call it, all made up, but for the one with its URL. */
  keys: Readonly<Record<string, string>>;
}

/**
 * Starts a simulator of an API on the loopback interface, made from its document and from what a provider file says its
 * calls do. What a step is about exists until its `act` succeeds; then looks say that it is absent, lists are empty and
 * requests are done. It has the faults and the control API of all simulators, under `/__sim/`. All state is in memory.
 * Rejects when the port is in use.
 */
export async function startProviderSimulator(
  api: DescribedApi,
  options: ProviderSimulatorOptions = {},
): Promise<ProviderSimulator> {
  const { port, faults, seed, callLogLimit, users, ...settings } = options;
  const half = new DescribedHalf(api, { users, settings }, { callLogLimit });
  const endpoints = [...api.operations.map(({ operation }) => operation), TOKEN_ENDPOINT];
  const running = await startSimulatorOf(half, { port, faults, seed, endpoints });
  return { ...running, provider: api.provider, keys: keysOf(api) };
}

function keysOf({ operations }: DescribedApi): Record<string, string> {
  const keys = operations.flatMap((operation) => operation.keys);
  return Object.fromEntries(
    keys.flatMap(({ setting, scheme, clientIdSetting }) => [
      [setting, keyValue({ setting, ...(scheme && { scheme }) })],
      ...(clientIdSetting === undefined ? [] : [[clientIdSetting, keyValue({ setting: clientIdSetting })]]),
    ]),
  ) as Record<string, string>;
}

/** The provider's half: routes, keys and state. */
class DescribedHalf
  extends ProviderHalf<ProviderSeedInput, ProviderSettingsInput, ProviderSettings>
  implements Provider
{
  readonly receiptField = 'request_id';
  readonly failures: ProviderFailures;
  private readonly routes: Routes;
  private readonly users: Users;
  private readonly unplaced = new Map<string, Unplaced>();

  constructor(
    private readonly api: DescribedApi,
    first: FirstState<ProviderSeedInput, ProviderSettingsInput>,
    options: SimulatorOptions,
  ) {
    super(providerSettingsSchema, first, options);
    this.routes = new Routes(api.operations);
    this.users = new Users(api);
    this.failures = failuresOf(api);
  }

  recognise(request: ReceivedRequest): RecognisedCall {
    const [path = ''] = request.target.split('?', 1);
    if (request.method === 'POST' && this.api.tokenPaths.includes(path))
      return { endpoint: TOKEN_ENDPOINT, users: [], carryOut: () => this.accessToken(request) };
    const read = this.routes.read(request);
    if (!read) return { endpoint: UNKNOWN_ROUTE, users: [], carryOut: () => failure(this.api, 404, 'unknown_route') };
    const { operation, input, parts } = read;
    const calls = callsFor(this.context, operation.operation, input);
    return {
      endpoint: operation.operation,
      ...this.about(calls),
      carryOut: (how: CarriedOutHow = {}) => {
        if (!isSignedIn(operation.keys, parts)) return this.failures.unauthorized();
        return carryOut(this.context, operation, calls, how);
      },
    };
  }

  emptySuccess(): ApiResponse {
    return { status: 200, body: { request_id: 'sim-empty' }, processed: false };
  }

  credentialsIn(request: ReceivedRequest): string[] {
    const read = this.routes.read(request);
    return read ? sentKeys(read.operation.keys, read.parts) : [];
  }

  seed(body: unknown): SeedSummary {
    return this.users.seed(parseControlBody(providerSeedSchema, body), this.settings);
  }

  figures(): ProviderStateFigures {
    const counts = { users: 0, gone: 0, left: 0, touched: 0 };
    for (const user of this.users.all) {
      if (user.touched) counts.touched += 1;
      if (!user.exists) continue;
      counts.users += 1;
      counts[this.isGone(user) ? 'gone' : 'left'] += 1;
    }
    const { provider } = this.api;
    return { provider, counts, repeatCounts: this.repeats.figures(), calls: this.calls.figures() };
  }

  state(): ProviderState {
    const users = [...this.users.all];
    const known = users.filter(({ exists }) => exists);
    const names = (some: readonly User[]): string[] => some.map(({ name }) => name);
    return {
      ...this.figures(),
      gone: names(known.filter((user) => this.isGone(user))),
      left: names(known.filter((user) => !this.isGone(user))),
      touched: names(users.filter(({ touched }) => touched)),
      steps: known.flatMap((user) => this.stepsOf(user)),
      requests: users.flatMap(({ requests, name: user }) =>
        requests.map((request) => ({
          handle: request.handle,
          step: request.step.step,
          user,
          state: stateOf(request, this.settings),
        })),
      ),
      unplaced: [...this.unplaced.values()],
      repeats: this.repeats.list(),
    };
  }

  protected clear(): void {
    this.users.clear();
    this.unplaced.clear();
  }

  private get context(): CallContext {
    const { api, users, repeats, settings, unplaced } = this;
    return { api, users, repeats, settings, unplaced };
  }

  /** The users of a call, without making any. */
  private about(calls: readonly StepCall[]): Pick<RecognisedCall, 'users' | 'alsoKnownAs' | 'items'> {
    const [first] = calls;
    if (!first) return { users: [] };
    if (first.role === 'bulk') return { users: this.bulkUsers(first) };
    const named = [...itemsIn(first.bound), ...entryOf(first)];
    const items = named.length > 0 ? { items: named } : {};
    const user = this.users.known(first.bound, first.step);
    if (user) return { users: [user.name], alsoKnownAs: Object.values(user.ids).flat(), ...items };
    const [id] = Object.keys(first.bound).filter((name) => Object.hasOwn(this.api.ids, name));
    const name = id === undefined ? undefined : textOf(first.bound[id]);
    return { users: name === undefined ? [] : [name], ...items };
  }

  private bulkUsers({ step, bound }: StepCall): string[] {
    const name = step.kind === 'once' ? (step.bulk?.id ?? '') : '';
    return [bound.ids ?? []].flat().map((id) => this.users.known({ [name]: id }, step)?.name ?? id);
  }

  private accessToken(request: ReceivedRequest): ApiResponse {
    const form = new URLSearchParams(request.body.toString('utf8'));
    const [, basic = ''] = /^Basic (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const pair = Buffer.from(basic, 'base64').toString('utf8').split(':').map(decodeURIComponent);
    const [clientId, secret] = basic === '' ? [form.get('client_id'), form.get('client_secret')] : pair;
    const keys = this.api.operations.flatMap((operation) => operation.keys);
    const key = keys.find((one) => isClient(one, clientId ?? '', secret ?? ''));
    if (!key) return { status: 401, body: { error: 'invalid_client' }, processed: false, code: 'invalid_client' };
    const body = { access_token: tokenFor(key.setting), token_type: 'Bearer', expires_in: 3_600 };
    return { status: 200, body, processed: true };
  }

  private stepsOf(user: User): StepState[] {
    const lists = [...user.items].map(([step, items]): StepState => {
      const idsOf = (isDeleted: boolean): string[] =>
        items.filter(({ goneAtMs }) => (goneAtMs !== undefined) === isDeleted).map(({ id }) => id);
      const removals = Math.max(0, ...items.map((item) => item.removals));
      const [left, removed] = [idsOf(false), idsOf(true)];
      return { step, user: user.name, gone: left.length === 0, removals, items: { left, removed } };
    });
    const others = [...this.users.subjectsOf(user)].map(({ step, entry }): StepState => {
      const subject = this.users.subject(user, step, entry);
      const gone = subject.goneAtMs !== undefined;
      return { step: step.step, user: user.name, ...(entry !== '' && { entry }), gone, removals: subject.removals };
    });
    return [...lists, ...others];
  }

  private isGone(user: User): boolean {
    return this.stepsOf(user).every(({ gone }) => gone);
  }
}

/** The entry of a list of IDs that a call is about: each has calls of its own. */
function entryOf({ step, bound }: StepCall): string[] {
  const entry = step.kind === 'once' && step.each !== undefined ? textOf(bound[step.each]) : undefined;
  return entry === undefined ? [] : [entry];
}

function isClient(key: DescribedKey, clientId: string, secret: string): boolean {
  const { setting, clientIdSetting } = key;
  if (clientIdSetting === undefined) return false;
  return clientId === keyValue({ setting: clientIdSetting }) && secret === keyValue({ setting });
}

function failuresOf(api: DescribedApi): ProviderFailures {
  return {
    rateLimited: () => failure(api, 429, 'rate_limited'),
    serverError: () => failure(api, 500, 'server_error'),
    maintenance: () => failure(api, 503, 'unavailable'),
    unauthorized: () => failure(api, 401, 'unauthorized'),
    tooLarge: () => failure(api, 413, 'too_large'),
    undocumented: (status, errorType, errorCode = errorType) => failure(api, status, errorCode),
    quoting: (text) => ({ ...failure(api, 400, 'quoted'), body: { message: text } }),
  };
}
