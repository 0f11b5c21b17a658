/** Returns the column of a source with this ID: `courier_contact_id` for `contactId` of `courier`. */
export function columnOf(provider: string, id: string): string {
  return `${snakeCase(provider)}_${snakeCase(id)}`;
}

/** Returns a name in camelCase with small letters and underscores. */
export function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}
