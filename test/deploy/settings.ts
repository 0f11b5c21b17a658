import { settingsInSource } from '../support/settings-in-source';

/** What Temporal's environment configuration reads, by its documentation. */
const TEMPORAL = /^TEMPORAL_(ADDRESS|NAMESPACE|API_KEY|PROFILE|CONFIG_FILE|TLS(_[A-Z_]+)?)$/;

/** Those of these variables that neither the worker nor Temporal's own configuration reads. */
export function unknownSettings(names: readonly string[]): string[] {
  const read = new Set(settingsInSource());
  return names.filter(
    (name) =>
      !TEMPORAL.test(name) && !read.has(name) && !(name.endsWith('_FILE') && read.has(name.replace(/_FILE$/, ''))),
  );
}
