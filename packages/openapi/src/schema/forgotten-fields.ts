import { resolved } from './shape';
import type { FieldShape, NamedShapes, ObjectShape, Shape } from './shape';

/** A field of which only its name is known. */
export const ANY_FIELD: FieldShape = { shape: { kind: 'unknown' }, required: false };

/**
 * The object with a field at a path that the document forgot. Lists on the way are walked through, with or without a place:
 * `alerts.id`, `alerts.0.id` and `alerts[].id` are one.
 *
 * @returns undefined where the path leads through something that has no such part.
 */
export function withField(object: ObjectShape, path: string, names: NamedShapes): ObjectShape | undefined {
  const keys = path.replaceAll('[]', '').split('.');
  const changed = keys.includes('') || keys.includes('__proto__') ? undefined : withKey(object, keys, names);
  return changed?.kind === 'object' ? changed : undefined;
}

function withKey(shape: Shape, keys: readonly string[], names: NamedShapes): Shape | undefined {
  const behind = resolved(shape, names);
  const description = shape.description ?? behind.description;
  const changed = changedBy(behind, keys, names);
  return changed && description !== undefined ? { ...changed, description } : changed;
}

function changedBy(shape: Shape, keys: readonly string[], names: NamedShapes): Shape | undefined {
  const [key = '', ...others] = keys;
  const inList = /^\d+$/.test(key) ? others : keys;
  switch (shape.kind) {
    case 'unknown':
      return shape;
    case 'object':
      return withProperty(shape, key, others, names);
    case 'array': {
      const items = inList.length === 0 ? undefined : withKey(shape.items, inList, names);
      return items && { ...shape, items };
    }
    case 'tuple': {
      const all = [...shape.items, shape.rest].map((item) => withKey(item, inList, names));
      if (inList.length === 0 || all.every((item) => item === undefined)) return undefined;
      const items = shape.items.map((item, place) => all[place] ?? item);
      return { ...shape, items, rest: all.at(-1) ?? shape.rest };
    }
    case 'union': {
      const options = eachWith(shape.options, keys, names);
      return options && { ...shape, options };
    }
    case 'both': {
      const parts = eachWith(shape.parts, keys, names);
      return parts && { ...shape, parts };
    }
    default:
      return undefined;
  }
}

function withProperty(
  object: ObjectShape,
  key: string,
  others: readonly string[],
  names: NamedShapes,
): ObjectShape | undefined {
  const field = object.fields.get(key);
  if (others.length === 0)
    return field ? object : { ...object, fields: new Map([...object.fields, [key, ANY_FIELD] as const]) };
  if (field) {
    const shape = withKey(field.shape, others, names);
    return shape && { ...object, fields: new Map([...object.fields, [key, { ...field, shape }] as const]) };
  }
  const rest = typeof object.rest === 'string' ? undefined : withKey(object.rest, others, names);
  if (rest) return { ...object, rest };
  return object.rest === 'open' ? object : undefined;
}

/** The alternatives or parts of one value: those that can have the field do; undefined where none can. */
function eachWith(shapes: readonly Shape[], keys: readonly string[], names: NamedShapes): readonly Shape[] | undefined {
  const changed = shapes.map((shape) => withKey(shape, keys, names));
  return changed.every((shape) => shape === undefined)
    ? undefined
    : changed.map((shape, place) => shape ?? shapes[place] ?? { kind: 'never' });
}
