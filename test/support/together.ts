/**
 * Defines tests that wait more than they work: all of them begin with the first one, so that they wait together, and each
 * reports its own end. They must not depend on each other.
 */
export function together(tests: Readonly<Record<string, () => Promise<void>>>): void {
  const ends = new Map<string, Promise<void>>();
  beforeAll(() => {
    for (const [title, run] of Object.entries(tests)) {
      const end = run();
      // Reported by the test of its name, which may not have begun.
      end.catch(() => undefined);
      ends.set(title, end);
    }
  });
  for (const title of Object.keys(tests)) it(title, async () => ends.get(title));
}
