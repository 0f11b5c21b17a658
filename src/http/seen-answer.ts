import type { ExchangeResult } from './exchange';
import { MASK, SECRET_HEADER } from './redact';
import type { Scrubber } from './redact';

/** A response as a person may see it: secrets are removed, and headers that usually carry keys are masked. */
export interface SeenAnswer {
  status: number;
  reason: string;
  headers: Record<string, string>;
  /** Empty if the response was larger than the task allows. */
  body: string;
}

/** Redacts a response so that it can be shown. */
export function seeAnswer(answer: Extract<ExchangeResult, { kind: 'answer' }>, scrubber: Scrubber): SeenAnswer {
  const headers = Object.entries(answer.headers).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const text = Array.isArray(value) ? value.join(', ') : value;
    return [[name, SECRET_HEADER.test(name) ? MASK : scrubber.text(text)] as const];
  });
  return {
    status: answer.status,
    reason: scrubber.text(answer.reason),
    headers: Object.fromEntries(headers),
    body: scrubber.text(answer.body),
  };
}
