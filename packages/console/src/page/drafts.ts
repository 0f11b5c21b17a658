import type { FormField } from '../gateway/wire.js';
import { valueAt, withValueAt } from './json-paths.js';
import type { JsonObject } from './json-paths.js';

const PREFIX = 'http-tasks-draft:';
/** Kinds of fields whose values are chosen from a list, so that they cannot contain a secret or a user's ID. */
const CHOSEN: readonly FormField['control'][] = ['choice', 'boolean'];

/** Typed values by form. Lost when the page is reloaded or closed. */
const drafts = new Map<string, JsonObject>();

/**
 * Returns the values that were typed into this form. After a reload only chosen values are left: a browser may write a
 * tab's storage to disk, where secrets and users' IDs must not be.
 */
export function readDraft(name: string, fields: readonly FormField[]): JsonObject {
  return drafts.get(name) ?? storedDraft(name, fields);
}

/** Keeps the values of a form, except secret fields. */
export function keepDraft(name: string, fields: readonly FormField[], value: JsonObject): void {
  let kept = value;
  let stored: JsonObject = {};
  for (const field of fields) {
    const path = field.path ?? [field.name];
    if (field.control === 'secret' || field.control === 'secrets') kept = withValueAt(kept, path, undefined);
    else if (CHOSEN.includes(field.control)) stored = withValueAt(stored, path, valueAt(value, path));
  }
  drafts.set(name, kept);
  try {
    if (Object.keys(stored).length === 0) window.sessionStorage.removeItem(PREFIX + name);
    else window.sessionStorage.setItem(PREFIX + name, JSON.stringify(stored));
  } catch {
    // A browser that stores nothing: the draft ends with the page.
  }
}

function storedDraft(name: string, fields: readonly FormField[]): JsonObject {
  try {
    const stored = JSON.parse(window.sessionStorage.getItem(PREFIX + name) ?? '{}') as JsonObject;
    // Only values that the form still offers.
    return fields.reduce<JsonObject>((draft, field) => {
      const path = field.path ?? [field.name];
      const value = valueAt(stored, path);
      const fits =
        field.control === 'boolean' ? typeof value === 'boolean' : field.choices?.some((one) => one === value);
      return fits === true ? withValueAt(draft, path, value) : draft;
    }, {});
  } catch {
    return {};
  }
}
