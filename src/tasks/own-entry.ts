/**
 * What a record holds under a name that somebody else chose. Plain indexing would also find what every object inherits:
 * a field called `constructor` would have a place and a way to be written that nobody gave it.
 */
export function ownEntry<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
