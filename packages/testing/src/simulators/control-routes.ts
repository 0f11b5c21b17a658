import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallLog } from './call-log';
import { ControlError } from './control-error';
import type { FaultBook } from './fault-book';
import { readBody, send } from './loopback-server';
import type { Controls } from './provider';

/** Maximum size of a control body, in bytes: enough to seed several million users in one call. */
const MAX_CONTROL_BYTES = 512 * 1024 * 1024;

export const CONTROL_PREFIX = '/__sim/';

/** What the control routes act on. */
export interface Controlled {
  controls: Controls;
  faults: FaultBook;
  calls: CallLog;
  reset(): void;
}

type ControlRoute = (simulator: Controlled, query: URLSearchParams, body: unknown) => object;

const ROUTES: Record<string, ControlRoute> = {
  'POST users': ({ controls }, _query, body) => controls.seed(body),
  'POST settings': ({ controls }, _query, body) => {
    controls.configure(body);
    return { ok: true };
  },
  'POST faults': ({ faults }, _query, body) => faults.add(body),
  'GET faults': ({ faults }) => faults.list(),
  'DELETE faults': ({ faults }, query) => {
    faults.remove(query.get('id') ?? undefined);
    return faults.list();
  },
  'GET state': ({ controls }, query) => (wantsFiguresOnly(query) ? controls.figures() : controls.state()),
  'GET calls': ({ calls }, query) => calls.list(wholeNumber(query, 'after'), wholeNumber(query, 'limit')),
  'POST reset': (simulator) => {
    simulator.reset();
    return { ok: true };
  },
};

/** Handles one control request. Never throws: an invalid request gets a 400 that names the field. */
export async function handleControl(
  simulator: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request, MAX_CONTROL_BYTES);
    const url = new URL(request.url ?? '/', 'http://simulator.invalid');
    const name = `${request.method} ${url.pathname.slice(CONTROL_PREFIX.length)}`;
    const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
    if (!route)
      return refuse(response, 404, undefined, `unknown control route; known: ${Object.keys(ROUTES).join(', ')}`);
    if (!body)
      return refuse(
        response,
        413,
        undefined,
        `a control body may have at most ${MAX_CONTROL_BYTES} bytes; send it in parts`,
      );
    send(response, 200, JSON.stringify(route(simulator, url.searchParams, parseBody(body))));
  } catch (error) {
    if (error instanceof ControlError) return refuse(response, 400, error.field, error.message);
    // The caller is a test or a demo, which must see a bug in the simulator instead of waiting for a response.
    refuse(response, 500, undefined, error instanceof Error ? error.message : 'the simulator failed');
  }
}

function refuse(response: ServerResponse, status: number, field: string | undefined, message: string): void {
  send(response, status, JSON.stringify({ error: { field, message } }));
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new ControlError(undefined, 'the body is not JSON');
  }
}

function wantsFiguresOnly(query: URLSearchParams): boolean {
  const detail = query.get('detail') ?? 'full';
  if (detail !== 'full' && detail !== 'counts')
    throw new ControlError('detail', `"${detail}" is neither full nor counts`);
  return detail === 'counts';
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d+$/.test(text)) throw new ControlError(name, `"${text}" is not a whole number`);
  return Number(text);
}
