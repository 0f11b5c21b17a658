import { randomUUID } from 'node:crypto';
import type { BatchSettings } from '../control-api';
import type { ApiResponse } from '../provider';
import type { RepeatLog } from '../repeat-log';
import { batchSuccess, refusals } from './batch-responses';
import { decodeSegment } from './batch-routes';
import type { BatchEndpoint } from './batch-routes';
import type { BatchStore, GdprRequest } from './batch-state';

/** Maximum length of an ID, in characters; Batch documents less than 1,024. */
const MAX_ID_LENGTH = 1023;
const MAX_BULK_IDS = 10_000;
const ID_TYPES: ReadonlySet<string> = new Set(['custom_id', 'advertising_id', 'installation_id']);

/** A call with a valid route and keys. Endpoints that have a body parse it as JSON. */
export interface BatchCall {
  app: string;
  last: string;
  body: Buffer;
  store: BatchStore;
  repeats: RepeatLog;
  settings: BatchSettings;
}

/**
 * Each endpoint validates its input, executes the call and returns the response. Throws `BatchRefusal` before anything
 * changes.
 */
export const batchEndpoints: Record<BatchEndpoint, (call: BatchCall) => ApiResponse> = {
  customDataDelete(call) {
    const id = decodeSegment(call.last);
    if (id === undefined) throw refusals.malformed('the id is not percent-encoded');
    checkId(id);
    acceptDeletion('customDataDelete', call, id);
    return batchSuccess({ token: randomUUID() });
  },

  customDataBulkDelete(call) {
    const ids = readJson(call.body);
    if (!Array.isArray(ids)) throw refusals.malformed('the body must be an array of ids');
    if (ids.length === 0 || ids.length > MAX_BULK_IDS)
      throw refusals.malformed(`1 to ${MAX_BULK_IDS} ids, not ${ids.length}`);
    for (const id of ids) checkId(id);
    for (const id of new Set(ids as string[])) acceptDeletion('customDataBulkDelete', call, id);
    return batchSuccess({ token: randomUUID() });
  },

  gdprRequestCreate(call) {
    const { requestType, id } = readGdprRequest(call.body);
    const { app, store, settings } = call;
    const found = id.type === 'custom_id' && store.isFound(app, id.value, settings);
    const { token, request } = store.openGdprRequest({ app, requestType, id, found });
    if (requestType === 'remove' && id.type === 'custom_id') acceptRemovalRequest(call, request);
    return batchSuccess({ token });
  },

  gdprRequestGet({ app, last, store, settings }) {
    const token = decodeSegment(last);
    const request = token === undefined ? undefined : store.pollGdprRequest(app, token, settings);
    if (!request) throw refusals.malformed('no such request, or it has expired');
    return batchSuccess(request);
  },

  gdprRequestsList({ app, store, settings }) {
    return { ...batchSuccess({}), body: store.listGdprRequests(app, settings) };
  },
};

/** Returns the users that a call concerns, for logs and fault rules, without changing anything. */
export function usersConcerned(
  endpoint: BatchEndpoint,
  last: string,
  body: Buffer,
  store: BatchStore,
): readonly string[] {
  switch (endpoint) {
    case 'customDataDelete': {
      const id = decodeSegment(last);
      return id === undefined ? [] : [id];
    }
    case 'customDataBulkDelete': {
      const ids = tryJson(body);
      return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
    }
    case 'gdprRequestCreate': {
      const value = member(member(tryJson(body), 'id'), 'value');
      return typeof value === 'string' ? [value] : [];
    }
    case 'gdprRequestGet': {
      const value = store.gdprUser(decodeSegment(last) ?? '');
      return value === undefined ? [] : [value];
    }
    case 'gdprRequestsList':
      return [];
  }
}

function checkId(id: unknown): void {
  if (typeof id !== 'string') throw refusals.malformed('an id must be a string');
  if (id === '') throw refusals.malformed('an id must not be empty');
  if (id.length > MAX_ID_LENGTH) throw refusals.malformed(`an id may have at most ${MAX_ID_LENGTH} characters`);
}

function acceptDeletion(endpoint: BatchEndpoint, { app, store, repeats, settings }: BatchCall, id: string): void {
  const data = store.record(app, id);
  if (data.deletions > 0) repeats.note('repeatSafe', { endpoint, user: id, app });
  data.deletions += 1;
  data.goneAtMs ??= Date.now() + settings.processingDelayMs;
}

function acceptRemovalRequest({ app, store, repeats, settings }: BatchCall, request: GdprRequest): void {
  const data = store.record(app, request.id.value);
  if (data.removalRequests > 0)
    repeats.note('repeatSafe', { endpoint: 'gdprRequestCreate', user: request.id.value, app });
  data.removalRequests += 1;
  data.removal ??= request;
  if (request.found) data.goneAtMs ??= Date.now() + settings.gdpr.delayMs;
}

function readGdprRequest(body: Buffer): { requestType: 'remove' | 'review'; id: { type: string; value: string } } {
  const json = readJson(body);
  const requestType = member(json, 'request_type');
  const type = member(member(json, 'id'), 'type');
  const value = member(member(json, 'id'), 'value');
  if (requestType === undefined) throw refusals.missing('request_type');
  if (type === undefined || value === undefined) throw refusals.missing('id.type and id.value');
  if (requestType !== 'remove' && requestType !== 'review') throw refusals.malformed('request_type');
  if (typeof type !== 'string' || !ID_TYPES.has(type)) throw refusals.malformed('id.type');
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID_LENGTH) throw refusals.malformed('id.value');
  return { requestType, id: { type, value } };
}

function readJson(body: Buffer): unknown {
  if (body.length === 0) throw refusals.missing('the JSON body');
  const json = tryJson(body);
  if (json === undefined) throw refusals.malformedJson();
  return json;
}

function tryJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return (value as Record<string, unknown>)[name];
}
