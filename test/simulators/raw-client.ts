/** Sends what a test says, byte for byte, with node:http only: the simulators must not be judged by the product's own client. */
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { BatchSimulator, PlaidSimulator, RunningSimulator } from '@temporal-http-tasks/testing';

/** The fields that tests look at in bodies of either provider or of the control API. */
export interface ResponseBody {
  [field: string]: unknown;
  request_id?: string;
  error_type?: string;
  error_code?: string;
  error_message?: string;
  items?: { item_id: string }[];
  code?: number;
  message?: string;
  token?: string;
}

export interface RawResponse {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  isJson: boolean;
  /** The parsed body; empty when it is not JSON. */
  json: ResponseBody;
}

/** One HTTP exchange. `target` goes into the request line unchanged. Rejects when the connection breaks. */
export function exchange(
  port: number,
  method: string,
  target: string,
  headers: Record<string, string> = {},
  body?: string,
  timeoutMs?: number,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      method,
      path: target,
      agent: false,
      headers: withLength(headers, body),
    });
    if (timeoutMs !== undefined) sent.setTimeout(timeoutMs, () => sent.destroy(new Error('the client gave up')));
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, ...parse(text) });
      });
    });
    sent.end(body);
  });
}

function withLength(headers: Record<string, string>, body: string | undefined): Record<string, string> {
  return body === undefined ? headers : { 'content-length': String(Buffer.byteLength(body)), ...headers };
}

function parse(text: string): Pick<RawResponse, 'isJson' | 'json'> {
  try {
    return { isJson: true, json: JSON.parse(text) as ResponseBody };
  } catch {
    return { isJson: false, json: {} };
  }
}

export function plaidHeaders(plaid: PlaidSimulator): Record<string, string> {
  return { 'content-type': 'application/json', 'plaid-client-id': plaid.clientId, 'plaid-secret': plaid.secret };
}

export function callPlaid(plaid: PlaidSimulator, path: string, body: object, timeoutMs?: number): Promise<RawResponse> {
  return exchange(plaid.port, 'POST', path, plaidHeaders(plaid), JSON.stringify(body), timeoutMs);
}

/** `path` follows `/1.0/{API_KEY}`. */
export function callBatch(
  batch: BatchSimulator,
  method: string,
  path: string,
  body?: unknown,
  app = 'ios',
): Promise<RawResponse> {
  const headers = { 'content-type': 'application/json', 'x-authorization': batch.restApiKey };
  const text = body === undefined ? undefined : JSON.stringify(body);
  return exchange(batch.port, method, `/1.0/${batch.appKeys[app]}${path}`, headers, text);
}

export function control(
  simulator: RunningSimulator,
  method: string,
  path: string,
  body?: unknown,
): Promise<RawResponse> {
  return exchange(simulator.port, method, `/__sim/${path}`, {}, body === undefined ? undefined : JSON.stringify(body));
}
