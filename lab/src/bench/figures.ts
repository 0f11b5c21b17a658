/** The limit of a figure. */
export type Limit = { atMost: number } | { atLeast: number };

/** One measured figure with its limit. */
export type Figure = { value: number; unit: string; ok: boolean } & Limit;

/** All figures by name. */
export type Figures = Readonly<Record<string, Figure>>;

/**
 * Returns a figure and whether it keeps its limit; the value is rounded to three significant digits, the precision of
 * the measurement.
 */
export function figure(value: number, unit: string, limit: Limit): Figure {
  const ok = 'atMost' in limit ? value <= limit.atMost : value >= limit.atLeast;
  return { value: Number(value.toPrecision(3)), unit, ...limit, ok };
}

/** Returns the median of the values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1];
  const high = sorted[Math.floor(middle)];
  if (low === undefined || high === undefined) throw new RangeError('There is no median of nothing.');
  return (low + high) / 2;
}
