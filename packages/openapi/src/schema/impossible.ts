import { resolved } from './shape';
import type { NamedShapes, ObjectShape, Shape } from './shape';

/** Schemas that are looked through in one input. */
const MAX_SCHEMAS = 5_000;

/** The required fields of an input that no value fits, by their paths: a call that needs one of them cannot be made. */
export function impossibleFields(input: ObjectShape, names: NamedShapes): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const look = (path: string, shape: Shape): void => {
    if (shape.kind === 'named') {
      if (seen.has(shape.id) || seen.size >= MAX_SCHEMAS) return;
      seen.add(shape.id);
    }
    const behind = resolved(shape, names);
    if (behind.kind === 'array') look(`${path}[]`, behind.items);
    if (behind.kind === 'union') for (const option of behind.options) look(path, option);
    if (behind.kind !== 'object') return;
    for (const [name, field] of behind.fields) {
      const inner = path === '' ? name : `${path}.${name}`;
      if (field.required && isImpossible(resolved(field.shape, names), names)) found.add(inner);
      else look(inner, field.shape);
    }
  };
  look('', input);
  return [...found];
}

function isImpossible(shape: Shape, names: NamedShapes): boolean {
  switch (shape.kind) {
    case 'never':
      return true;
    case 'string':
    case 'array':
      return (shape.atLeast ?? 0) > (shape.atMost ?? Number.POSITIVE_INFINITY);
    case 'number':
      return (shape.atLeast ?? Number.NEGATIVE_INFINITY) > (shape.atMost ?? Number.POSITIVE_INFINITY);
    case 'literals':
      return shape.values.length === 0;
    case 'union':
      return shape.options.every((option) => resolved(option, names).kind === 'never');
    default:
      return false;
  }
}
