/**
 * What a fault is to somebody who knows the provider's side: whether the call was carried out, and what the caller can
 * tell of it.
 *
 * - `good`: slow or odd, and still an answer.
 * - `later`: nothing was done, and the answer says to come again. `muchLater`: after longer than anybody waits here.
 * - `lostDone`, `lostUndone`: no answer, or one that says nothing about whether the call was carried out.
 * - `unreadableDone`, `unreadableUndone`: an answer that is not what it should be.
 * - `refused`: nothing was done, and trying again would change nothing. `keysRefused`: because of the keys.
 * - `stale`: a list that does not know yet what was removed.
 * - `goneBefore`: somebody else had done it. `foreign`: an Item of somebody else's is asked for.
 */
export type Nature =
  | 'good'
  | 'later'
  | 'muchLater'
  | 'lostDone'
  | 'lostUndone'
  | 'unreadableDone'
  | 'unreadableUndone'
  | 'refused'
  | 'keysRefused'
  | 'stale'
  | 'goneBefore'
  | 'foreign';

/** Every fault by its name in the matrix. */
export const NATURES = {
  'connection refused': 'later',
  'reset before it is read': 'lostUndone',
  'reset after it was done': 'lostDone',
  'reset in mid-body': 'lostDone',
  'reset in mid-body (not done)': 'lostUndone',
  'no first byte': 'lostDone',
  'no first byte (not done)': 'lostUndone',
  'silent in mid-body': 'lostDone',
  'silent in mid-body (not done)': 'lostUndone',
  'dripping past the total time': 'lostDone',
  'dripping but in time': 'good',
  '429 without a delay': 'later',
  '429 after 0 s': 'later',
  '429 after 2 s': 'later',
  '429 after a date': 'later',
  '429 after a past date': 'later',
  '429 after gibberish': 'later',
  '429 after -1': 'later',
  '429 after ten thousand years': 'muchLater',
  '500 and nothing done': 'lostUndone',
  '500 after it was done': 'lostDone',
  '502 and nothing done': 'lostUndone',
  '502 after it was done': 'lostDone',
  '503 of unknown origin': 'lostUndone',
  maintenance: 'later',
  'maintenance for 1 s': 'later',
  'JSON as HTML': 'unreadableDone',
  'malformed JSON': 'unreadableDone',
  'truncated JSON': 'unreadableDone',
  'wrong shape': 'unreadableDone',
  'wrong shape (not done)': 'unreadableUndone',
  'five megabytes': 'unreadableDone',
  redirect: 'unreadableUndone',
  'redirect after it was done': 'unreadableDone',
  'wrong keys': 'keysRefused',
  'unknown error code': 'refused',
  'unknown error code 418': 'refused',
  'list that lags': 'stale',
  'already gone': 'goneBefore',
  "somebody else's Item": 'foreign',
} as const satisfies Record<string, Nature>;

export type FaultName = keyof typeof NATURES;

export const FAULTS = Object.keys(NATURES) as readonly FaultName[];

/** What the fault of a cell is. @throws RangeError for a name that is none. */
export function natureOf(fault: string): Nature {
  if (!Object.hasOwn(NATURES, fault)) throw new RangeError(`There is no fault "${fault}".`);
  return NATURES[fault as FaultName];
}
