import { z } from 'zod';

const SHARE = /^(\d{1,3}(?:\.\d{1,6})?)\s?%$/;
const COUNT = /^\d{1,12}$/;

/** How many cases may fail: a number, or a share of all in percent. */
export const toleranceValue = z
  .union([z.number().int().min(0), z.string()])
  .refine(
    (value) => typeof value === 'number' || COUNT.test(value) || Number(SHARE.exec(value)?.[1] ?? Number.NaN) <= 100,
    'must be a whole number from 0, or a share such as "5%", at most "100%"',
  );

/** A checked tolerance: a number of cases, or a share of all in percent. */
export type Tolerance = { count: number } | { percent: number };

/** Returns the meaning of a checked {@link toleranceValue}. */
export function toTolerance(value: z.output<typeof toleranceValue>): Tolerance {
  if (typeof value === 'number') return { count: value };
  const percent = SHARE.exec(value)?.[1];
  return percent === undefined ? { count: Number(value) } : { percent: Number(percent) };
}

/** Returns the number of cases of `total` that may fail. */
export function mostTolerated(tolerance: Tolerance, total: number): number {
  return 'count' in tolerance ? tolerance.count : Math.floor((total * tolerance.percent) / 100);
}
