import type { ServerResponse } from 'node:http';
import { textOfBody } from './loopback-server';
import type { Answer } from './provider';

/** Delay before a reset, in milliseconds, so that the bytes sent before are read. */
const BEFORE_RESET_MS = 10;

/** Closes the connection with a TCP reset, like a crashed server or load balancer. */
export function resetConnection(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** Announces the whole body, sends half of it and resets the connection. */
export function resetMidBody(response: ServerResponse, answer: Answer): void {
  sendHalf(response, answer, () => {
    setTimeout(() => resetConnection(response), BEFORE_RESET_MS);
  });
}

/** Announces the whole body, sends half of it and then nothing until the client gives up. */
export function stallMidBody(response: ServerResponse, answer: Answer): void {
  sendHalf(response, answer, () => undefined);
}

/**
 * Sends nothing until the client gives up or `stallMs` has passed; then sends the late response, or resets if there is
 * none.
 */
export function stall(
  response: ServerResponse,
  stallMs: number | undefined,
  answerLate: (() => void) | undefined,
): void {
  if (stallMs === undefined) return;
  const timer = setTimeout(answerLate ?? (() => resetConnection(response)), stallMs);
  response.once('close', () => clearTimeout(timer));
}

/** Sends the body in small pieces. */
export function dripBody(
  response: ServerResponse,
  answer: Answer,
  pace: { intervalMs: number; bytesPerChunk: number },
): void {
  const body = Buffer.from(textOfBody(answer.body));
  writeJsonHead(response, answer.status, body);
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

function sendHalf(response: ServerResponse, answer: Answer, sent: () => void): void {
  const body = Buffer.from(textOfBody(answer.body));
  // Without a body, the head would be the whole response.
  if (body.length === 0) return sent();
  writeJsonHead(response, answer.status, body);
  response.write(body.subarray(0, Math.ceil(body.length / 2)), sent);
}

function writeJsonHead(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
}
