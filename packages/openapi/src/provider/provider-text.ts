import { CORE_SCHEMA, EVENT_ID, getScalarValue, load, parseEvents, YAMLException } from 'js-yaml';
import type { Event } from 'js-yaml';
import { OpenApiError } from '../document/openapi-error';
import { tame } from '../document/tame';

/** Bytes of a provider file, at most; real ones have a few thousand. */
export const MOST_PROVIDER_BYTES = 1024 * 1024;

const MOST_DEPTH = 60;

/** Characters of a place that are looked up; a key may be as long as the file. */
const MOST_PLACE = 500;

/** A provider file's text is not a single JSON or YAML value. */
export class ProviderTextError extends Error {
  override readonly name = 'ProviderTextError';

  constructor(
    message: string,
    readonly line?: number,
  ) {
    super(message);
  }
}

/** What a provider file contains. */
export interface ProviderText {
  value: unknown;
  /** Returns the line, from 1, of a place such as `steps[0].act.task`, or of what is around it; undefined when unknown. */
  lineOf: (place: string) => number | undefined;
}

/**
 * Reads YAML 1.2 or JSON. Nothing becomes a date, and a key that is given twice is refused.
 *
 * @throws ProviderTextError with the line where there is one.
 */
export function parseProviderText(text: string): ProviderText {
  const plain = text.replace(/^\ufeff/, '');
  const value = valueIn(plain);
  try {
    tame(value);
  } catch (error) {
    if (error instanceof OpenApiError) throw new ProviderTextError(error.message.replace(/^The document/, 'the file'));
    throw error;
  }
  const lines = linesIn(plain);
  return {
    value,
    lineOf: (place) => {
      for (let end = Math.min(place.length, MOST_PLACE); end > 0; end -= 1) {
        const isWhole = end === place.length || place[end] === '.' || place[end] === '[';
        const line = isWhole ? lines.get(place.slice(0, end)) : undefined;
        if (line !== undefined) return line;
      }
      return undefined;
    },
  };
}

function valueIn(text: string): unknown {
  try {
    return load(text, { schema: CORE_SCHEMA, maxDepth: MOST_DEPTH, maxAliases: 1_000 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const isTwice = /duplicat/i.test(error.reason);
    // JSON may be indented with tabs, which YAML does not allow everywhere.
    const json = isTwice ? undefined : jsonIn(text);
    if (json !== undefined) return json;
    throw new ProviderTextError(
      isTwice ? 'a key is given twice; give it once' : `is neither YAML nor JSON: ${error.reason}`,
      error.mark && error.mark.line + 1,
    );
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A mapping or list whose events are being read. */
interface Open {
  place: string;
  /** Entries of a list that were read; absent for a mapping. */
  count?: number;
  /** The place of the value whose key was read. */
  pending?: string;
}

/** Returns the line of each place, in what can be read as YAML; of a value the line of its key. */
function linesIn(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: MOST_DEPTH });
  } catch {
    return lines;
  }
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  const open: Open[] = [];
  for (const event of events) {
    const parent = open.at(-1);
    if (event.type === EVENT_ID.POP) {
      open.pop();
    } else if (event.type === EVENT_ID.SCALAR && parent && parent.count === undefined && parent.pending === undefined) {
      const key = getScalarValue(text, event);
      parent.pending = parent.place === '' ? key : `${parent.place}.${key}`;
      lines.set(parent.pending, lineAt(starts, event.valueStart));
    } else if (event.type !== EVENT_ID.DOCUMENT) {
      const place = placeIn(parent);
      const isList = event.type === EVENT_ID.SEQUENCE;
      const start = event.type === EVENT_ID.SCALAR ? event.valueStart : 'start' in event ? event.start : undefined;
      if (start !== undefined && !lines.has(place)) lines.set(place, lineAt(starts, start));
      if (isList || event.type === EVENT_ID.MAPPING) open.push({ place, ...(isList && { count: 0 }) });
    } else {
      // A document ends with an event of its own.
      open.push({ place: '', pending: '' });
    }
  }
  return lines;
}

/** Returns the place of the next value in a mapping, list or document, and takes note that it was read. */
function placeIn(parent: Open | undefined): string {
  if (!parent) return '';
  if (parent.count !== undefined) {
    parent.count += 1;
    return `${parent.place}[${parent.count - 1}]`;
  }
  const place = parent.pending ?? parent.place;
  delete parent.pending;
  return place;
}

function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}
