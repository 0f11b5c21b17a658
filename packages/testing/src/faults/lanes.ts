/**
 * Processes a list, `lanes` values at a time. After a failure no further value is begun, and those in progress are waited for.
 *
 * @throws The first failure.
 */
export async function inLanes<T>(
  values: Iterable<T>,
  lanes: number,
  work: (value: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = values[Symbol.iterator]();
  const queue = { [Symbol.iterator]: () => iterator };
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const value of queue) {
      if (signal.aborted || failures.length > 0) return;
      await work(value).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failures.length > 0) throw failures[0];
}
