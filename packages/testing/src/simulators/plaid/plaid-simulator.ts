import { PLAID_ENDPOINTS, plaidSeedSchema, plaidSettingsSchema, UNKNOWN_ROUTE } from '../control-api';
import type { PlaidSeedInput, PlaidSettings, PlaidSettingsInput } from '../control-api';
import type { PlaidState, PlaidStateFigures, SeedSummary } from '../control-responses';
import { parseControlBody } from '../control-error';
import type { ApiResponse, CarriedOutHow, Provider, ReceivedRequest, RecognisedCall } from '../provider';
import { ProviderHalf, startSimulatorOf } from '../simulator';
import type { FirstState, Operations, RunningSimulator, SimulatorOptions } from '../simulator';
import { plaidFailures, PlaidRefusal, plaidSuccess, refusals } from './plaid-responses';
import { plaidEndpoints, userConcerned } from './plaid-endpoints';
import type { PlaidEndpoint } from './plaid-endpoints';
import { readFields, readKeys } from './plaid-request';
import type { PlaidFields } from './plaid-request';
import { PlaidStore } from './plaid-state';

const ROUTES = new Map<string, PlaidEndpoint>([
  ['/user/items/get', 'userItemsGet'],
  ['/user/items/remove', 'userItemsRemove'],
  ['/user/products/terminate', 'userProductsTerminate'],
  ['/item/remove', 'itemRemove'],
  ['/user/remove', 'userRemove'],
  ['/item/get', 'itemGet'],
  ['/item/products/terminate', 'itemProductsTerminate'],
  ['/asset_report/remove', 'assetReportRemove'],
  ['/user/items/associate', 'userItemsAssociate'],
]);

/** The read lag of a list that contains all removed Items. */
const STALE: PlaidSettings['readLag'] = { ms: Number.POSITIVE_INFINITY, reads: 0 };

/** Options of the Plaid simulator. */
export interface PlaidSimulatorOptions extends SimulatorOptions, PlaidSettingsInput {
  /** @default sim-plaid-client-id */
  clientId?: string;
  /** @default sim-plaid-secret */
  secret?: string;
  /** Part of the access tokens: `access-<environment>-<item id>`. @default sandbox */
  environment?: string;
  /** Initial users. @default none */
  users?: PlaidSeedInput;
}

/** A running Plaid simulator, with the operations of the control API as methods. */
export interface PlaidSimulator
  extends RunningSimulator, Operations<PlaidSeedInput, PlaidSettingsInput, PlaidStateFigures, PlaidState> {
  clientId: string;
  secret: string;
  environment: string;
}

/**
 * Starts a simulator of Plaid on the loopback interface: the endpoints for removing a user and single Items, with Plaid's
 * authentication, error bodies and all-or-nothing removal, faults by rule, and the control API under `/__sim/`. All
 * state is in memory. Rejects when the port is in use.
 */
export async function startPlaidSimulator(options: PlaidSimulatorOptions = {}): Promise<PlaidSimulator> {
  const { port, faults, seed, callLogLimit, clientId, secret, environment, users, ...settings } = options;
  const keys = {
    clientId: clientId ?? 'sim-plaid-client-id',
    secret: secret ?? 'sim-plaid-secret',
    environment: environment ?? 'sandbox',
  };
  const half = new PlaidHalf(keys, { users, settings }, { callLogLimit });
  const running = await startSimulatorOf(half, { port, faults, seed, endpoints: PLAID_ENDPOINTS });
  return { ...running, ...keys };
}

/** Plaid's half: routes, keys and state. */
class PlaidHalf extends ProviderHalf<PlaidSeedInput, PlaidSettingsInput, PlaidSettings> implements Provider {
  readonly failures = plaidFailures;
  readonly receiptField = 'request_id';
  private readonly store: PlaidStore;

  constructor(
    private readonly keys: { clientId: string; secret: string; environment: string },
    first: FirstState<PlaidSeedInput, PlaidSettingsInput>,
    options: SimulatorOptions,
  ) {
    super(plaidSettingsSchema, first, options);
    this.store = new PlaidStore(keys.environment);
  }

  recognise(request: ReceivedRequest): RecognisedCall {
    const path = request.target.split('?', 1)[0] ?? '';
    const endpoint = request.method === 'POST' ? ROUTES.get(path) : undefined;
    if (!endpoint) return { endpoint: UNKNOWN_ROUTE, users: [], carryOut: () => refusals.unknownRoute().response };
    const fields = readFields(request);
    const user = fields && userConcerned(endpoint, fields, this.store);
    return {
      endpoint,
      users: user === undefined ? [] : [user],
      carryOut: (how) => this.carryOut(endpoint, request, fields, how),
    };
  }

  emptySuccess(): ApiResponse {
    return { ...plaidSuccess(), processed: false };
  }

  credentialsIn(request: ReceivedRequest): string[] {
    const fields = readFields(request);
    const { clientId, secret } = readKeys(request, fields);
    return [clientId, secret, fields?.user_token, fields?.access_token].filter((value) => typeof value === 'string');
  }

  seed(body: unknown): SeedSummary {
    return this.store.seed(parseControlBody(plaidSeedSchema, body));
  }

  figures(): PlaidStateFigures {
    return {
      provider: 'plaid',
      counts: this.store.counts(),
      repeatCounts: this.repeats.figures(),
      calls: this.calls.figures(),
    };
  }

  state(): PlaidState {
    return { ...this.figures(), ...this.store.listing(), repeats: this.repeats.list() };
  }

  protected clear(): void {
    this.store.clear();
  }

  private carryOut(
    endpoint: PlaidEndpoint,
    request: ReceivedRequest,
    fields: PlaidFields | undefined,
    { staleRead = false }: CarriedOutHow = {},
  ): ApiResponse {
    try {
      if (!fields) throw refusals.invalidBody();
      this.checkKeys(request, fields);
      const settings = staleRead ? { ...this.settings, readLag: STALE } : this.settings;
      return plaidEndpoints[endpoint](fields, { store: this.store, repeats: this.repeats, settings });
    } catch (error) {
      if (error instanceof PlaidRefusal) return error.response;
      throw error;
    }
  }

  private checkKeys(request: ReceivedRequest, fields: PlaidFields): void {
    const { clientId, secret } = readKeys(request, fields);
    const missing = [clientId === undefined && 'client_id', secret === undefined && 'secret'].filter(
      (name) => name !== false,
    );
    if (missing.length > 0) throw refusals.missingFields(...missing);
    if (clientId !== this.keys.clientId || secret !== this.keys.secret) throw refusals.invalidKeys();
  }
}
