import type { ServerResponse } from 'node:http';
import type { OpenCall } from './call-log';
import type { FaultRule } from './control-api';
import { send, textOfBody } from './loopback-server';
import type { ApiResponse, CarriedOutHow, JsonBody, Provider, ReceivedRequest, RecognisedCall } from './provider';
import { retryAfterValue } from './retry-after';

/** Delay before a reset, in milliseconds, so that the bytes sent before are read. */
const BEFORE_RESET_MS = 10;

/** Closes the connection with a TCP reset, like a crashed server or load balancer. */
export function resetConnection(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** Announces the whole body, sends half of it and resets the connection. */
export function resetMidBody(response: ServerResponse, reply: ApiResponse): void {
  sendHalf(response, reply, () => {
    setTimeout(() => resetConnection(response), BEFORE_RESET_MS);
  });
}

/** Announces the whole body, sends half of it and then nothing until the client gives up. */
export function stallMidBody(response: ServerResponse, reply: ApiResponse): void {
  sendHalf(response, reply, () => undefined);
}

/**
 * Sends nothing until the client gives up or `stallMs` has passed; then sends the late response, or resets if there is
 * none.
 */
export function stall(
  response: ServerResponse,
  stallMs: number | undefined,
  responseLate: (() => void) | undefined,
): void {
  if (stallMs === undefined) return;
  const timer = setTimeout(responseLate ?? (() => resetConnection(response)), stallMs);
  response.once('close', () => clearTimeout(timer));
}

/** Sends the body in small pieces. */
export function dripBody(
  response: ServerResponse,
  reply: ApiResponse,
  pace: { intervalMs: number; bytesPerChunk: number },
): void {
  const body = Buffer.from(textOfBody(reply.body));
  writeJsonHead(response, reply.status, body);
  let sent = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sent, sent + pace.bytesPerChunk));
    sent += pace.bytesPerChunk;
    if (sent < body.length) return;
    clearInterval(timer);
    response.end();
  }, pace.intervalMs);
  response.once('close', () => clearInterval(timer));
}

function sendHalf(response: ServerResponse, reply: ApiResponse, sent: () => void): void {
  const body = Buffer.from(textOfBody(reply.body));
  // Without a body, the head would be the whole response.
  if (body.length === 0) return sent();
  writeJsonHead(response, reply.status, body);
  response.write(body.subarray(0, Math.ceil(body.length / 2)), sent);
}

function writeJsonHead(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
}

/** A call for which a fault rule fired. */
export interface FaultyCall {
  provider: Provider;
  request: ReceivedRequest;
  call: RecognisedCall;
  response: ServerResponse;
  log: OpenCall;
}

const BAD_GATEWAY_PAGE = '<html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>\n';

/** Applies the fault to the call, its response or the connection. */
export function deliverFault(rule: FaultRule, faulty: FaultyCall): void {
  const { provider, response, log } = faulty;
  log.fault(rule.kind);
  switch (rule.kind) {
    case 'dropBefore':
      return resetConnection(response);
    case 'dropAfter':
      carryOut(faulty);
      return resetConnection(response);
    case 'resetMidBody':
      return resetMidBody(response, actOn(rule.processed, faulty));
    case 'stall':
      return stall(response, rule.stallMs, rule.processed ? lateResponse(faulty) : undefined);
    case 'stallMidBody':
      return stallMidBody(response, actOn(rule.processed, faulty));
    case 'staleRead':
      return refuse(faulty, carryOut(faulty, { staleRead: true }));
    case 'rateLimit':
      return refuse(faulty, provider.failures.rateLimited(), { 'retry-after': retryAfterValue(rule.retryAfter) });
    case 'serverError':
      actOn(rule.processed, faulty);
      return refuse(faulty, provider.failures.serverError());
    case 'badGateway':
      actOn(rule.processed, faulty);
      log.responded(502);
      return send(response, 502, BAD_GATEWAY_PAGE, { 'content-type': 'text/html' });
    case 'maintenance':
      return refuse(faulty, provider.failures.maintenance(), { 'retry-after': retryAfterValue(rule.retryAfter) });
    case 'wrongContentType':
      return alter(faulty, rule.processed, (json) => json, { 'content-type': 'text/html' });
    case 'malformedJson':
      return alter(faulty, rule.processed, (json) => `{"broken": tru${json}`);
    case 'truncatedJson':
      return alter(faulty, rule.processed, (json) => json.slice(0, Math.ceil(json.length / 2)));
    case 'wrongShape':
      return alter(faulty, rule.processed, () => JSON.stringify([{ [provider.receiptField]: 12, items: 'none' }]));
    case 'hugeBody':
      return alter(faulty, true, (json) => `{"padding":"${'x'.repeat(rule.bytes)}",${json.slice(1)}`);
    case 'slowDrip': {
      const reply = carryOut(faulty);
      log.responded(reply.status, reply.code);
      return dripBody(response, reply, rule);
    }
    case 'redirect':
      actOn(rule.processed, faulty);
      log.responded(rule.status);
      return send(response, rule.status, '', { location: rule.location, 'content-type': 'text/plain' });
    case 'unauthorized':
      return refuse(faulty, provider.failures.unauthorized());
    case 'unknownErrorCode':
      return refuse(faulty, provider.failures.undocumented(rule.status, rule.errorType, rule.errorCode));
    case 'echoSecret':
      return echoCredentials(rule.as, faulty);
  }
}

function carryOut({ call, log }: FaultyCall, how?: CarriedOutHow): ApiResponse {
  const response = call.carryOut(how);
  if (response.processed) log.processed();
  return response;
}

/** Returns the provider's real response, or an approximate success if the call is not to be processed. */
function actOn(processed: boolean, faulty: FaultyCall): ApiResponse {
  return processed ? carryOut(faulty) : faulty.provider.emptySuccess();
}

function refuse({ response, log }: FaultyCall, reply: ApiResponse, headers?: Record<string, string | undefined>): void {
  log.responded(reply.status, reply.code);
  send(response, reply.status, textOfBody(reply.body), headers);
}

function alter(
  faulty: FaultyCall,
  processed: boolean,
  change: (json: string) => string,
  headers?: Record<string, string>,
): void {
  const response = actOn(processed, faulty);
  faulty.log.responded(response.status, response.code);
  send(faulty.response, response.status, change(textOfBody(response.body)), headers);
}

function lateResponse(faulty: FaultyCall): () => void {
  const response = carryOut(faulty);
  return () => refuse(faulty, response);
}

/** Puts the credentials into every text that a client may store: messages, the receipt field, and a header. */
function echoCredentials(as: 'error' | 'ok', faulty: FaultyCall): void {
  const credentials = faulty.provider.credentialsIn(faulty.request).join(' ');
  const headers = { 'x-debug-request': credentials.replaceAll(/[^\x20-\x7e]/g, '?') };
  if (as === 'error') return refuse(faulty, faulty.provider.failures.quoting(credentials), headers);
  const response = carryOut(faulty);
  const body = {
    ...(response.body as JsonBody),
    [faulty.provider.receiptField]: `receipt ${credentials}`,
    debug: { credentials },
  };
  refuse(faulty, { ...response, body }, headers);
}
