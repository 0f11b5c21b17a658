/** Returns whether two names are the same person's, whatever their case and spaces. */
export function isSamePerson(one: string, other: string): boolean {
  const bare = (name: string): string => name.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase();
  return bare(one) === bare(other);
}
