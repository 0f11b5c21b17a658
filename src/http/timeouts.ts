import type { CallTimeouts } from '../tasks/define';

/** No part of a call may take longer than the whole: an operator's shorter total shortens the parts too. */
export function capTimeouts(timeouts: CallTimeouts, capMs: number | undefined): CallTimeouts {
  const cap = Math.min(timeouts.totalMs, capMs ?? timeouts.totalMs);
  return {
    connectMs: Math.min(timeouts.connectMs, cap),
    firstByteMs: Math.min(timeouts.firstByteMs, cap),
    bodyMs: Math.min(timeouts.bodyMs, cap),
    totalMs: cap,
  };
}
