import type { FaultName } from '../oracle/fault-natures';
import type { FaultRuleInput } from '../simulators/control-api';

type KindOf<Rule> = Rule extends { endpoint: unknown } ? Omit<Rule, 'endpoint' | 'user' | 'nth' | 'times'> : never;

/** How a simulator makes a fault happen to a call. */
export type CallFault = KindOf<FaultRuleInput>;

/** Longer than the whole time that a call is given here. */
const DRIP_SLOWLY = { intervalMs: 400, bytesPerChunk: 1 };
const DRIP_QUICKLY = { intervalMs: 5, bytesPerChunk: 16 };

/** Faults of calls, by their names in the matrix. Those that are missing here are made otherwise, see `scenes.ts`. */
export const CALL_FAULTS: Partial<Record<FaultName, CallFault>> = {
  'reset before it is read': { kind: 'dropBefore' },
  'reset after it was done': { kind: 'dropAfter' },
  'reset in mid-body': { kind: 'resetMidBody' },
  'reset in mid-body (not done)': { kind: 'resetMidBody', processed: false },
  'no first byte': { kind: 'stall' },
  'no first byte (not done)': { kind: 'stall', processed: false },
  'silent in mid-body': { kind: 'stallMidBody' },
  'silent in mid-body (not done)': { kind: 'stallMidBody', processed: false },
  'dripping past the total time': { kind: 'slowDrip', ...DRIP_SLOWLY },
  'dripping but in time': { kind: 'slowDrip', ...DRIP_QUICKLY },
  '429 without a delay': { kind: 'rateLimit' },
  '429 after 0 s': { kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 0 } },
  '429 after 2 s': { kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 2 } },
  '429 after a date': { kind: 'rateLimit', retryAfter: { form: 'httpDate', seconds: 2 } },
  '429 after a past date': { kind: 'rateLimit', retryAfter: { form: 'pastDate' } },
  '429 after gibberish': { kind: 'rateLimit', retryAfter: { form: 'malformed' } },
  '429 after -1': { kind: 'rateLimit', retryAfter: { form: 'raw', value: '-1' } },
  '429 after ten thousand years': { kind: 'rateLimit', retryAfter: { form: 'absurd' } },
  '500 and nothing done': { kind: 'serverError' },
  '500 after it was done': { kind: 'serverError', processed: true },
  '502 and nothing done': { kind: 'badGateway' },
  '502 after it was done': { kind: 'badGateway', processed: true },
  '503 of unknown origin': { kind: 'unknownErrorCode', status: 503, errorType: 'API_ERROR' },
  maintenance: { kind: 'maintenance' },
  'maintenance for 1 s': { kind: 'maintenance', retryAfter: { form: 'seconds', seconds: 1 } },
  'JSON as HTML': { kind: 'wrongContentType' },
  'malformed JSON': { kind: 'malformedJson' },
  'truncated JSON': { kind: 'truncatedJson' },
  'wrong shape': { kind: 'wrongShape' },
  'wrong shape (not done)': { kind: 'wrongShape', processed: false },
  'five megabytes': { kind: 'hugeBody' },
  redirect: { kind: 'redirect' },
  'redirect after it was done': { kind: 'redirect', processed: true },
  'wrong keys': { kind: 'unauthorized' },
  'unknown error code': { kind: 'unknownErrorCode' },
  'unknown error code 418': { kind: 'unknownErrorCode', status: 418 },
  'list that lags': { kind: 'staleRead' },
};
