import type { CallTimeouts } from '../tasks/define';

/**
 * No part of a call may take longer than an operator's total: it shortens the parts too. A task's own total does not,
 * since the clock ends the call anyway, and calls with the same time-out of the connection share their connections.
 */
export function capTimeouts(timeouts: CallTimeouts, capMs = Number.POSITIVE_INFINITY): CallTimeouts {
  return {
    connectMs: Math.min(timeouts.connectMs, capMs),
    firstByteMs: Math.min(timeouts.firstByteMs, capMs),
    bodyMs: Math.min(timeouts.bodyMs, capMs),
    totalMs: Math.min(timeouts.totalMs, capMs),
  };
}
