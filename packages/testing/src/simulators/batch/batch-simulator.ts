import { randomUUID } from 'node:crypto';
import { CallLog } from '../call-log';
import { BATCH_ENDPOINTS, batchSeedSchema, batchSettingsSchema, UNKNOWN_ROUTE } from '../control-api';
import type { BatchSeedInput, BatchSettings, BatchSettingsInput } from '../control-api';
import type { BatchState, BatchStateFigures, SeedSummary } from '../control-answers';
import { parseControlBody } from '../control-error';
import type { Answer, Controls, Provider, ReceivedRequest, RecognisedCall } from '../provider';
import { RepeatLog } from '../repeat-log';
import { DEFAULT_CALL_LOG_LIMIT, Simulator } from '../simulator';
import type { RunningSimulator, SimulatorOptions } from '../simulator';
import { batchFailures, BatchRefusal, batchSuccess, refusals } from './batch-answers';
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
export interface BatchSimulator extends RunningSimulator {
  restApiKey: string;
  appKeys: Readonly<Record<string, string>>;
  /** Adds IDs. Throws `ControlError` naming an invalid field. */
  seed(users: BatchSeedInput): SeedSummary;
  /** Replaces the given settings and keeps the others. */
  configure(settings: BatchSettingsInput): void;
  figures(): BatchStateFigures;
  state(): BatchState;
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
  const side = new BatchSide(keys, users, settings, new CallLog(callLogLimit ?? DEFAULT_CALL_LOG_LIMIT));
  const simulator = new Simulator(side, side, side.calls, { port, faults, seed, endpoints: BATCH_ENDPOINTS });
  side.onConfigured = (live) => simulator.configure(live);
  const running = await simulator.start();
  return {
    ...running,
    ...keys,
    seed: (more) => side.seed(more),
    configure: (changed) => side.configure(changed),
    figures: () => side.figures(),
    state: () => side.state(),
  };
}

/** Batch's half: routes, keys and state. */
class BatchSide implements Provider, Controls {
  readonly failures = batchFailures;
  readonly receiptField = 'token';
  onConfigured: (settings: BatchSettings) => void = () => undefined;
  private readonly store: BatchStore;
  private readonly appsByKey: ReadonlyMap<string, string>;
  private readonly repeats = new RepeatLog();
  private settings: BatchSettings;

  constructor(
    private readonly keys: { restApiKey: string; appKeys: Readonly<Record<string, string>> },
    private readonly firstUsers: BatchSeedInput | undefined,
    private readonly firstSettings: BatchSettingsInput,
    readonly calls: CallLog,
  ) {
    this.store = new BatchStore(Object.keys(keys.appKeys));
    this.appsByKey = new Map(Object.entries(keys.appKeys).map(([name, key]) => [key, name]));
    this.settings = parseControlBody(batchSettingsSchema, firstSettings);
  }

  recognise(request: ReceivedRequest): RecognisedCall {
    const route = findBatchRoute(request.method, request.target);
    if (!route) return { endpoint: UNKNOWN_ROUTE, users: [], carryOut: () => refusals.unknownRoute().answer };
    const app = this.appOf(route);
    return {
      endpoint: route.endpoint,
      users: usersConcerned(route.endpoint, route.last, request.body, this.store),
      ...(app !== undefined && { app }),
      carryOut: () => this.carryOut(route, app, request),
    };
  }

  emptySuccess(): Answer {
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

  configure(body: unknown): void {
    const changed = typeof body === 'object' ? body : {};
    this.settings = parseControlBody(batchSettingsSchema, { ...this.settings, ...changed });
    this.onConfigured(this.settings);
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

  reset(): void {
    this.store.clear();
    this.repeats.clear();
    this.configure(parseControlBody(batchSettingsSchema, this.firstSettings));
    if (this.firstUsers) this.seed(this.firstUsers);
  }

  private appOf(route: BatchRoute): string | undefined {
    const apiKey = decodeSegment(route.apiKey);
    return apiKey === undefined ? undefined : this.appsByKey.get(apiKey);
  }

  private carryOut(route: BatchRoute, app: string | undefined, request: ReceivedRequest): Answer {
    try {
      // An unknown API key is a wrong key, not a wrong route.
      const restKeyFits = request.headers['x-authorization'] === this.keys.restApiKey;
      if (!restKeyFits || app === undefined) throw refusals.authentication();
      const { store, repeats, settings } = this;
      return batchEndpoints[route.endpoint]({ app, last: route.last, body: request.body, store, repeats, settings });
    } catch (error) {
      if (error instanceof BatchRefusal) return error.answer;
      throw error;
    }
  }
}
