/** Returns the number of characters to insert, delete, replace or swap with their neighbour. */
export function editDistance(from: string, to: string): number {
  let [before, last] = [[] as number[], Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1])
        least = Math.min(least, (before[column - 2] ?? 0) + 1);
      current.push(least);
    }
    [before, last] = [last, current];
  }
  return last[to.length] ?? 0;
}

/**
 * Maximum length of the names that are compared, in characters: longer ones are not misspellings, and comparing takes
 * quadratic time.
 */
const MOST_COMPARED = 100;

/** Returns the name that was probably meant; undefined when none is similar. Case and separators do not count. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const bare = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = bare(given);
  if (wanted === '' || given.length > MOST_COMPARED) return undefined;
  const most = Math.max(1, Math.floor(wanted.length / 3));
  const rated = names
    .filter((name) => name.length <= MOST_COMPARED)
    .map((name) => ({ name, distance: editDistance(wanted, bare(name)) }))
    .filter(({ distance, name }) => distance <= most && distance < bare(name).length);
  return rated.sort((one, other) => one.distance - other.distance)[0]?.name;
}

/** Returns a message with a period at its end, unless it ends in `.` or, as with {@link didYouMean}, in `?`. */
export function asSentence(message: string): string {
  return /[.?]$/.test(message) ? message : `${message}.`;
}

/** Returns the end of a message about an unknown name: `; did you mean contactId?`, or nothing. */
export function didYouMean(given: unknown, names: readonly string[], shown = (name: string): string => name): string {
  const nearest = typeof given === 'string' ? nearestName(given, names) : undefined;
  return nearest === undefined ? '' : `; did you mean ${shown(nearest)}?`;
}
