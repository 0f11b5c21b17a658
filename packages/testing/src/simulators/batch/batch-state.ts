import { randomUUID } from 'node:crypto';
import type { BatchSeed, BatchSettings } from '../control-api';
import type {
  BatchAppFigures,
  BatchAppState,
  BatchState,
  BatchStateFigures,
  GdprRequestState,
  SeedSummary,
} from '../control-responses';
import { ControlError } from '../control-error';

/** The custom data of one ID in one app. */
export interface CustomData {
  /** False for an ID that never had data but was deleted. */
  existed: boolean;
  deletions: number;
  removalRequests: number;
  /** The first GDPR removal. After it is done, the user is no longer found. */
  removal: GdprRequest | undefined;
  /** When the data will be deleted; set when a deletion is accepted. */
  goneAtMs: number | undefined;
}

/** A GDPR request; `polls` is the number of times it was read. */
export interface GdprRequest {
  app: string;
  requestType: 'remove' | 'review';
  id: { type: string; value: string };
  createdAtMs: number;
  polls: number;
  found: boolean;
}

/** The data at Batch, by app name. Every look-up is one Map access. */
export class BatchStore {
  private readonly apps: ReadonlyMap<string, Map<string, CustomData>>;
  private readonly gdprRequests = new Map<string, GdprRequest>();

  constructor(appNames: readonly string[]) {
    this.apps = new Map(appNames.map((name) => [name, new Map<string, CustomData>()]));
  }

  /** Returns an ID's record, creating it for an unknown ID. */
  record(app: string, id: string): CustomData {
    const users = this.usersOf(app);
    let data = users.get(id);
    if (!data) {
      data = { existed: false, deletions: 0, removalRequests: 0, removal: undefined, goneAtMs: undefined };
      users.set(id, data);
    }
    return data;
  }

  /** Returns whether a GDPR request finds the user. Deleting only its custom data does not hide it. */
  isFound(app: string, id: string, settings: BatchSettings): boolean {
    const data = this.usersOf(app).get(id);
    if (!data?.existed) return false;
    return data.removal === undefined || gdprStatus(data.removal, settings).status === 'pending';
  }

  openGdprRequest(about: Pick<GdprRequest, 'app' | 'requestType' | 'id' | 'found'>): {
    token: string;
    request: GdprRequest;
  } {
    const token = randomUUID();
    const request = { ...about, createdAtMs: Date.now(), polls: 0 };
    this.gdprRequests.set(token, request);
    return { token, request };
  }

  /** Returns the ID that a request concerns. Does not count as a poll. */
  gdprUser(token: string): string | undefined {
    return this.gdprRequests.get(token)?.id.value;
  }

  /** Reads a request as a client does, which counts as a poll. */
  pollGdprRequest(app: string, token: string, settings: BatchSettings): Record<string, unknown> | undefined {
    const request = this.gdprRequests.get(token);
    if (request?.app !== app) return undefined;
    const status = gdprStatus(request, settings);
    request.polls += 1;
    return wireRequest(token, request, status);
  }

  /** Returns the requests of an app. Does not count as a poll. */
  listGdprRequests(app: string, settings: BatchSettings): Record<string, unknown>[] {
    const own = [...this.gdprRequests].filter(([, request]) => request.app === app);
    return own.map(([token, request]) => wireRequest(token, request, gdprStatus(request, settings)));
  }

  /** Adds IDs; known ones have data again. Refuses unknown app names. */
  seed(seed: BatchSeed): SeedSummary {
    for (const app of Object.keys(seed.apps)) {
      if (!this.apps.has(app)) {
        throw new ControlError(`apps.${app}`, `unknown app; known: ${[...this.apps.keys()].join(', ')}`);
      }
    }
    let added = 0;
    for (const [app, users] of this.apps) {
      for (const id of idsFor(seed, app)) {
        users.set(id, { existed: true, deletions: 0, removalRequests: 0, removal: undefined, goneAtMs: undefined });
        added += 1;
      }
    }
    return { added, users: [...this.apps.values()].reduce((sum, users) => sum + users.size, 0) };
  }

  clear(): void {
    for (const users of this.apps.values()) users.clear();
    this.gdprRequests.clear();
  }

  counts(): BatchStateFigures['counts'] {
    const counts: BatchStateFigures['counts'] = {};
    for (const [app, users] of this.apps) {
      const figures: BatchAppFigures = { users: 0, gone: 0, left: 0, pending: 0, touched: 0, unknown: 0 };
      for (const data of users.values()) {
        for (const list of listsOf(data)) figures[list] += 1;
        if (data.existed) figures.users += 1;
      }
      counts[app] = figures;
    }
    return counts;
  }

  /** Returns everything by ID. Iterates over all IDs, so it is meant for use between runs. */
  listing(settings: BatchSettings): Pick<BatchState, 'apps' | 'gdprRequests'> {
    const apps: Record<string, BatchAppState> = {};
    for (const [app, users] of this.apps) {
      const state: BatchAppState = { gone: [], left: [], pending: [], touched: [], unknown: [] };
      for (const [id, data] of users) {
        for (const list of listsOf(data)) state[list].push(id);
      }
      apps[app] = state;
    }
    const gdprRequests = [...this.gdprRequests].map(([token, request]): GdprRequestState => {
      const { app, requestType, id } = request;
      return { token, app, requestType, id, ...gdprStatus(request, settings) };
    });
    return { apps, gdprRequests };
  }

  private usersOf(app: string): Map<string, CustomData> {
    const users = this.apps.get(app);
    if (!users) throw new Error(`the Batch simulator has no app ${app}`);
    return users;
  }
}

function wireRequest(token: string, request: GdprRequest, status: object): Record<string, unknown> {
  return {
    request_id: token,
    request_date: new Date(request.createdAtMs).toISOString().slice(0, -1),
    request_type: request.requestType,
    trigger_type: 'api',
    id: request.id,
    ...status,
  };
}

function* idsFor(seed: BatchSeed, app: string): Generator<string> {
  yield* seed.apps[app] ?? [];
  yield* seed.users;
  for (let n = 0; n < (seed.generate?.count ?? 0); n++) yield `${seed.generate?.prefix}${n}`;
}

function gdprStatus(request: GdprRequest, { gdpr }: BatchSettings): { status: 'pending' | 'done'; error?: string } {
  if (request.polls < gdpr.polls || Date.now() < request.createdAtMs + gdpr.delayMs) return { status: 'pending' };
  return { status: 'done', ...(!request.found && { error: 'user not found' }) };
}

function isDeleted(data: CustomData): boolean {
  return data.goneAtMs !== undefined && data.goneAtMs <= Date.now();
}

function listsOf(data: CustomData): (keyof BatchAppState)[] {
  const accepted = data.goneAtMs !== undefined;
  if (!data.existed) return accepted ? ['unknown', 'touched'] : [];
  if (!accepted) return ['left'];
  return isDeleted(data) ? ['gone', 'touched'] : ['left', 'pending', 'touched'];
}
