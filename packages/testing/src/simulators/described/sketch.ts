/** What a document says of a value, as far as an example of it needs it. */
export type Sketch = AnySketch | ScalarSketch | ListSketch | ObjectSketch;

/** Nothing is known of the value. */
interface AnySketch {
  kind: 'any';
}

/** One of the values that JSON does not take apart. */
export type Scalar = string | number | boolean | null;

interface ScalarSketch {
  kind: 'scalar';
  type: 'string' | 'number' | 'boolean' | 'null';
  example: Scalar;
  /** The only values. */
  only?: readonly Scalar[];
  /** Values that the document has as examples. */
  named?: readonly Scalar[];
  format?: string;
}

interface ListSketch {
  kind: 'list';
  entry: Sketch;
}

interface ObjectSketch {
  kind: 'object';
  fields: Readonly<Record<string, Sketch>>;
  /** It may have other fields too, and the document says so. */
  open: boolean;
}

/** Entries of lists and open values are not described further. */
export const ANYTHING: Sketch = { kind: 'any' };

/** Returns an example of the value; lists are empty. */
export function exampleOf(sketch: Sketch): unknown {
  switch (sketch.kind) {
    case 'any':
      return {};
    case 'scalar':
      return sketch.example;
    case 'list':
      return [];
    case 'object':
      return Object.fromEntries(Object.entries(sketch.fields).map(([name, field]) => [name, exampleOf(field)]));
  }
}

/** Returns what is below a segment of a dotted path; undefined when the document describes the value without it. */
export function below(sketch: Sketch, segment: string): Sketch | undefined {
  switch (sketch.kind) {
    case 'any':
      return ANYTHING;
    case 'scalar':
      return undefined;
    case 'list':
      return below(sketch.entry, segment);
    case 'object':
      if (Object.hasOwn(sketch.fields, segment)) return sketch.fields[segment];
      return sketch.open ? ANYTHING : undefined;
  }
}

/** Returns what a dotted path leads to; undefined when the document describes the response without it. */
export function sketchAt(sketch: Sketch, path: string): Sketch | undefined {
  let current: Sketch | undefined = sketch;
  for (const segment of path.split('.')) {
    if (current?.kind === 'list' && /^\d+$/.test(segment)) current = current.entry;
    else current = current && below(current, segment);
  }
  return current;
}

/** Returns the dotted paths that are described, for people; those of lists end in `[]`. */
export function describedPaths(sketch: Sketch, depth = 0): string[] {
  if (depth > 4) return [];
  if (sketch.kind === 'list') {
    const inner = describedPaths(sketch.entry, depth + 1);
    return inner.length === 0 ? ['[]'] : inner.map((path) => `[].${path}`);
  }
  if (sketch.kind !== 'object') return [];
  return Object.entries(sketch.fields).flatMap(([name, field]) => {
    const inner = describedPaths(field, depth + 1);
    return inner.length === 0 ? [name] : inner.map((path) => `${name}${path.startsWith('[]') ? '' : '.'}${path}`);
  });
}

/** Returns the value in the form that the position requires: a number where the document says so. */
export function asWanted(sketch: Sketch | undefined, value: Scalar): Scalar {
  if (sketch?.kind !== 'scalar' || typeof value === 'boolean' || value === null) return value;
  if (sketch.type === 'number' && Number.isSafeInteger(Number(value)) && value !== '') return Number(value);
  return sketch.type === 'string' ? String(value) : value;
}

/** Returns an ID of the kind that the document describes: a number, a UUID, or this text. */
export function madeUpId(sketch: Sketch | undefined, text: string, number: number): string {
  if (sketch?.kind !== 'scalar') return text;
  if (sketch.type === 'number') return String(number);
  return sketch.format === 'uuid' ? `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` : text;
}

/** A response that is being made: an example, and what the document says of it. */
export class Draft {
  /** Paths that the document does not describe, so that nothing was put there. */
  readonly unplaced: string[] = [];
  readonly #sketch: Sketch;
  #value: unknown;

  constructor(sketch: Sketch | undefined) {
    this.#sketch = sketch ?? ANYTHING;
    this.#value = exampleOf(this.#sketch);
  }

  get value(): unknown {
    return this.#value;
  }

  /** Puts a value at a dotted path, unless the document describes the response without that path. */
  put(path: string, value: unknown): void {
    const wanted = sketchAt(this.#sketch, path);
    if (!wanted) {
      this.unplaced.push(path);
      return;
    }
    const isScalar = typeof value !== 'object' || value === null;
    this.#value = withValue(this.#value, path.split('.'), isScalar ? asWanted(wanted, value as Scalar) : value);
  }

  /** Returns what the document says of the value at a dotted path. */
  describedAt(path: string): Sketch | undefined {
    return sketchAt(this.#sketch, path);
  }

  /** Takes the value at a dotted path away. */
  drop(path: string): void {
    const segments = path.split('.');
    const last = segments.pop() ?? '';
    const parent = segments.length === 0 ? this.#value : valueAt(this.#value, segments.join('.'));
    const object = Array.isArray(parent) ? (parent[0] as unknown) : parent;
    if (typeof object === 'object' && object !== null) Reflect.deleteProperty(object, last);
  }

  /**
   * Puts IDs at a dotted path, on whose way lists are walked through: an entry of the outermost list for each. Where the
   * document says nothing of a list, it is the value before the last segment.
   */
  putItems(path: string, ids: readonly string[]): void {
    const segments = path.split('.');
    const length = outermostList(this.#sketch, segments);
    const listPath = segments.slice(0, length);
    const list = length === 0 ? this.#sketch : sketchAt(this.#sketch, listPath.join('.'));
    const entry = list?.kind === 'list' ? list.entry : ANYTHING;
    const rest = segments.slice(length);
    const isDescribed = list !== undefined && (rest.length === 0 || sketchAt(entry, rest.join('.')) !== undefined);
    if (!isDescribed || (list.kind !== 'list' && list.kind !== 'any')) {
      this.unplaced.push(path);
      return;
    }
    const entries = ids.map((id) => entryWith(entry, rest, id));
    this.#value = length === 0 ? entries : withValue(this.#value, listPath, entries);
  }

  /**
   * Puts the entries of a list at a dotted path, or makes them the whole response; each has its values at the dotted paths
   * below it.
   */
  putEntries(
    path: string | undefined,
    entries: readonly (readonly (readonly [path: string, value: unknown])[])[],
  ): void {
    const list = path === undefined ? this.#sketch : sketchAt(this.#sketch, path);
    const place = path ?? 'a list as the whole response';
    if (!list || (list.kind !== 'list' && list.kind !== 'any')) {
      this.unplaced.push(place);
      return;
    }
    const entry = list.kind === 'list' ? list.entry : ANYTHING;
    const values = entries.map((fields) => {
      const draft = new Draft(entry);
      for (const [at, value] of fields) draft.put(at, value);
      this.unplaced.push(...draft.unplaced.map((at) => `${place}.${at}`));
      return draft.value;
    });
    this.#value = path === undefined ? values : withValue(this.#value, path.split('.'), values);
  }
}

/** How many segments lead to the outermost list on the way of a path to items. */
function outermostList(sketch: Sketch, segments: readonly string[]): number {
  let current: Sketch | undefined = sketch;
  for (const [index, segment] of segments.entries()) {
    if (current?.kind === 'list') return index;
    if (current?.kind === 'any') return Math.max(index, segments.length - 1) || segments.length;
    current = current && below(current, segment);
  }
  return segments.length;
}

function entryWith(sketch: Sketch, path: readonly string[], id: string): unknown {
  if (path.length === 0) return asWanted(sketch, id);
  const draft = new Draft(sketch);
  const inner = outermostList(sketch, path);
  // A list in the entries: of one item each.
  if (sketch.kind !== 'any' && inner < path.length) draft.putItems(path.join('.'), [id]);
  else draft.put(path.join('.'), id);
  return draft.value;
}

function withValue(target: unknown, path: readonly string[], value: unknown): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return value;
  if (Array.isArray(target)) {
    const list: readonly unknown[] = target;
    const at = /^\d+$/.test(segment) ? Number(segment) : 0;
    const further = /^\d+$/.test(segment) ? rest : path;
    const filled = Array.from({ length: Math.max(list.length, at + 1) }, (_, index): unknown => list[index] ?? {});
    return filled.with(at, withValue(filled[at], further, value));
  }
  const object = typeof target === 'object' && target !== null ? target : {};
  const inner = Object.hasOwn(object, segment) ? (object as Record<string, unknown>)[segment] : undefined;
  return { ...object, [segment]: withValue(inner, rest, value) };
}

/** Returns the value at a dotted path; a list on the way means its first entry. */
export function valueAt(value: unknown, path: string): unknown {
  let inner = value;
  for (const segment of path.split('.')) {
    if (Array.isArray(inner)) {
      const list: readonly unknown[] = inner;
      inner = /^\d+$/.test(segment) ? list[Number(segment)] : list[0];
      if (/^\d+$/.test(segment)) continue;
    }
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, segment)) return undefined;
    inner = (inner as Record<string, unknown>)[segment];
  }
  return inner;
}
