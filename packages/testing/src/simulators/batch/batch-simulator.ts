import { randomUUID } from 'node:crypto';
import { BATCH_ENDPOINTS, batchSeedSchema, batchSettingsSchema, UNKNOWN_ROUTE } from '../control-api';
import type { BatchSeedInput, BatchSettings, BatchSettingsInput } from '../control-api';
import type { BatchState, BatchStateFigures, SeedSummary } from '../control-responses';
import { parseControlBody } from '../control-error';
import type { ApiResponse, Provider, ReceivedRequest, RecognisedCall } from '../provider';
import { ProviderHalf, startSimulatorOf } from '../simulator';
import type { FirstState, Operations, RunningSimulator, SimulatorOptions } from '../simulator';
import { batchFailures, BatchRefusal, batchSuccess, refusals } from './batch-responses';
import { batchEndpoints, usersConcerned } from './batch-endpoints';
import { decodeSegment, findBatchRoute } from './batch-routes';
import type { BatchRoute } from './batch-routes';
import { BatchStore } from './batch-state';

/** Options of the Batch simulator. */
export interface BatchSimulatorOptions extends SimulatorOptions, BatchSettingsInput {
  /** @default sim-batch-rest-key */
  restApiKey?: string;
  /** API keys by app name. @default `{ios: 'SIM-IOS-KEY', android: 'SIM-ANDROID-KEY'}` */
  appKeys?: Readonly<Record<string, string>>;
  /** Initial users. @default none */
  users?: BatchSeedInput;
}

/** A running Batch simulator, with the operations of the control API as methods. */
export interface BatchSimulator
  extends RunningSimulator, Operations<BatchSeedInput, BatchSettingsInput, BatchStateFigures, BatchState> {
  restApiKey: string;
  appKeys: Readonly<Record<string, string>>;
}

/**
 * Starts a simulator of Batch on the loopback interface: the Custom Data deletions and the GDPR API of version 1.0,
 * with Batch's authentication and error codes, faults by rule, and the control API under `/__sim/`. All state is in
 * memory. Rejects when the port is in use.
 */
export async function startBatchSimulator(options: BatchSimulatorOptions = {}): Promise<BatchSimulator> {
  const { port, faults, seed, callLogLimit, restApiKey, appKeys, users, ...settings } = options;
  const keys = {
    restApiKey: restApiKey ?? 'sim-batch-rest-key',
    appKeys: appKeys ?? { ios: 'SIM-IOS-KEY', android: 'SIM-ANDROID-KEY' },
  };
  const half = new BatchHalf(keys, { users, settings }, { callLogLimit });
  const running = await startSimulatorOf(half, { port, faults, seed, endpoints: BATCH_ENDPOINTS });
  return { ...running, ...keys };
}

/** Batch's half: routes, keys and state. */
class BatchHalf extends ProviderHalf<BatchSeedInput, BatchSettingsInput, BatchSettings> implements Provider {
  readonly failures = batchFailures;
  readonly receiptField = 'token';
  private readonly store: BatchStore;
  private readonly appsByKey: ReadonlyMap<string, string>;

  constructor(
    private readonly keys: { restApiKey: string; appKeys: Readonly<Record<string, string>> },
    first: FirstState<BatchSeedInput, BatchSettingsInput>,
    options: SimulatorOptions,
  ) {
    super(batchSettingsSchema, first, options);
    this.store = new BatchStore(Object.keys(keys.appKeys));
    this.appsByKey = new Map(Object.entries(keys.appKeys).map(([name, key]) => [key, name]));
  }

  recognise(request: ReceivedRequest): RecognisedCall {
    const route = findBatchRoute(request.method, request.target);
    if (!route) return { endpoint: UNKNOWN_ROUTE, users: [], carryOut: () => refusals.unknownRoute().response };
    const app = this.appOf(route);
    return {
      endpoint: route.endpoint,
      users: usersConcerned(route.endpoint, route.last, request.body, this.store),
      ...(app !== undefined && { app }),
      carryOut: () => this.carryOut(route, app, request),
    };
  }

  emptySuccess(): ApiResponse {
    return { ...batchSuccess({ token: randomUUID() }), processed: false };
  }

  credentialsIn(request: ReceivedRequest): string[] {
    const route = findBatchRoute(request.method, request.target);
    const apiKey = route && decodeSegment(route.apiKey);
    return [request.headers['x-authorization'], apiKey].filter((value) => typeof value === 'string');
  }

  seed(body: unknown): SeedSummary {
    return this.store.seed(parseControlBody(batchSeedSchema, body));
  }

  figures(): BatchStateFigures {
    return {
      provider: 'batch',
      counts: this.store.counts(),
      repeatCounts: this.repeats.figures(),
      calls: this.calls.figures(),
    };
  }

  state(): BatchState {
    return { ...this.figures(), ...this.store.listing(this.settings), repeats: this.repeats.list() };
  }

  protected clear(): void {
    this.store.clear();
  }

  private appOf(route: BatchRoute): string | undefined {
    const apiKey = decodeSegment(route.apiKey);
    return apiKey === undefined ? undefined : this.appsByKey.get(apiKey);
  }

  private carryOut(route: BatchRoute, app: string | undefined, request: ReceivedRequest): ApiResponse {
    try {
      // An unknown API key is a wrong key, not a wrong route.
      const restKeyFits = request.headers['x-authorization'] === this.keys.restApiKey;
      if (!restKeyFits || app === undefined) throw refusals.authentication();
      const { store, repeats, settings } = this;
      return batchEndpoints[route.endpoint]({ app, last: route.last, body: request.body, store, repeats, settings });
    } catch (error) {
      if (error instanceof BatchRefusal) return error.response;
      throw error;
    }
  }
}
