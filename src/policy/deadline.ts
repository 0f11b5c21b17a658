import { z } from 'zod';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const DURATION = /^(\d{1,9})\s*(ms|s|seconds?|m|minutes?|h|hours?|d|days?)$/;

/** A run may take seven days unless its input says otherwise. */
export const DEFAULT_DEADLINE_MS = 7 * 86_400_000;

/** A duration from the start (`90s`, `30 minutes`, `7 days`) or a moment in ISO 8601 with its offset from UTC. */
export const deadlineText = z
  .string()
  .refine(
    (text) => DURATION.test(text) || z.iso.datetime({ offset: true }).safeParse(text).success,
    'must be a duration such as "90s" or "7 days", or a moment such as "2030-01-31T12:00:00Z"',
  )
  .describe('When to give up: "7 days" after the start unless given, or a moment such as 2030-01-31T12:00:00Z.');

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
