/**
 * Returns a record's own entry under a name from outside. Plain indexing would also find what every object inherits,
 * such as `constructor`.
 */
export function ownEntry<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
