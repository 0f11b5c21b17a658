/** Whether this is the whole run, `npm run test:whole`, which takes its time; `npm test` has to be done in twenty minutes. */
const IS_WHOLE = process.env['HTTP_TASKS_TESTS'] === 'whole';

/** How much of something a test takes: enough to see it break, and in the whole run as much as it takes to be sure. */
export function amount(enough: number, { whole }: { whole: number }): number {
  return IS_WHOLE ? whole : enough;
}

/** A test of the whole run only. Not a skipped one elsewhere: those fail the run, and rightly so. */
export const itInWhole: (title: string, test: () => Promise<void>, timeoutMs?: number) => void = IS_WHOLE
  ? it
  : () => undefined;

/** Of many cases alike, those of the whole run, or else only the chosen ones. */
export function casesOf<T>(whole: readonly T[], isChosen: (one: T) => boolean): T[] {
  return whole.filter((one) => IS_WHOLE || isChosen(one));
}
