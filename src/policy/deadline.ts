import { z } from 'zod';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const DURATION = /^(\d{1,9})\s*(ms|s|seconds?|m|minutes?|h|hours?|d|days?)$/;

/** Default time that a run may take, in milliseconds: seven days. */
export const DEFAULT_DEADLINE_MS = 7 * 86_400_000;

/** The longest time that a run may take: ten years, in milliseconds. */
export const MOST_DEADLINE_MS = 3_653 * 86_400_000;

const TOO_FAR = 'must be at most ten years from now (3653 days)';

/**
 * A duration from the start (`90s`, `30 minutes`, `7 days`) or a moment in ISO 8601 with its offset from UTC, in either case
 * at most ten years from now.
 */
export const deadlineText = z
  .string()
  .refine(isDeadline, 'must be a duration such as "90s" or "7 days", or a moment such as "2030-01-31T12:00:00Z"')
  .refine((text) => !isTooFar(text, Date.now()), TOO_FAR)
  .describe(
    'When to give up: "7 days" after the start unless given, or a moment such as 2030-01-31T12:00:00Z; at most ten years from now.',
  );

/** A duration such as `30 days`, from one millisecond to ten years. */
export const durationText = z
  .string()
  .refine((text) => (toDurationMs(text) ?? 0) > 0, 'must be a duration such as "12 hours" or "30 days"')
  .refine((text) => (toDurationMs(text) ?? 0) <= MOST_DEADLINE_MS, 'must be at most ten years (3653 days)');

function isDeadline(text: string): boolean {
  return DURATION.test(text) || z.iso.datetime({ offset: true }).safeParse(text).success;
}

/**
 * Returns whether a well-formed deadline is more than ten years after `nowMs`, and so must not be the end of a run that
 * begins then.
 */
export function isTooFar(text: string, nowMs: number): boolean {
  return isDeadline(text) && deadlineAtMs(text, nowMs) > nowMs + MOST_DEADLINE_MS;
}

/** The moment (milliseconds since 1970) at which a run that started at `startedAtMs` has to end. */
export function deadlineAtMs(deadline: string | undefined, startedAtMs: number): number {
  if (deadline === undefined) return startedAtMs + DEFAULT_DEADLINE_MS;
  const durationMs = toDurationMs(deadline);
  return durationMs === undefined ? Date.parse(deadline) : startedAtMs + durationMs;
}

/** The milliseconds of a duration such as `90s`, `30 minutes` or `7 days`; undefined for any other text. */
export function toDurationMs(text: string): number | undefined {
  const [, amount = '', unit = ''] = DURATION.exec(text) ?? [];
  if (!amount) return undefined;
  const key = unit === 'ms' ? 'ms' : unit.charAt(0);
  return Number(amount) * (UNIT_MS[key] ?? 1);
}
