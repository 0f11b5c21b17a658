import type { CallTimeouts } from '../tasks/define';

/**
 * Caps every timeout of a call at the operator's total timeout. A task's own total does not cap its other timeouts: the
 * clock ends the call anyway, and calls with the same connect timeout share their connections.
 */
export function capTimeouts(timeouts: CallTimeouts, capMs = Number.POSITIVE_INFINITY): CallTimeouts {
  return {
    connectMs: Math.min(timeouts.connectMs, capMs),
    firstByteMs: Math.min(timeouts.firstByteMs, capMs),
    bodyMs: Math.min(timeouts.bodyMs, capMs),
    totalMs: Math.min(timeouts.totalMs, capMs),
  };
}
