import type { Parameter } from './parameters';
import { bareName } from './security';
import type { NamedShapes, ObjectShape, Shape } from '../schema/shape';
import { resolved } from '../schema/shape';

/** Words that make a field's name that of a bearer token or a key. */
const SECRET = /(token|secret|password|passwd|passphrase|apikey|privatekey|credential|credentials)$/;
/** Tokens that open nothing: places in lists, and keys of one's own. */
const HARMLESS = /(page|next|previous|prev|continuation|cursor|sync|resume|idempotency|csrf|xsrf)(token|key)$/;

/** Whether a field's name says that it holds a bearer token or a key. */
export function looksSecret(name: string): boolean {
  const bare = bareName(name);
  return SECRET.test(bare) && !HARMLESS.test(bare);
}

/** How deep in an input tokens are looked for; a schema may lead back to itself. */
const MAX_DEPTH = 4;

/** Fields that hold a user's token, by their names or because the document calls them passwords: `body.password` for a deeper one. */
export function sensitiveFields({ fields }: ObjectShape, names: NamedShapes): string[] {
  return [...new Set([...fields].flatMap(([name, { shape }]) => tokensIn(name, name, shape, names, 1)))];
}

function tokensIn(path: string, name: string, shape: Shape, names: NamedShapes, depth: number): string[] {
  const behind = resolved(shape, names);
  switch (behind.kind) {
    case 'string':
      return behind.format === 'password' || looksSecret(name) ? [path] : [];
    case 'array':
      return tokensIn(path, name, behind.items, names, depth);
    case 'union':
      return behind.options.flatMap((option) => tokensIn(path, name, option, names, depth));
    case 'both':
      return behind.parts.flatMap((part) => tokensIn(path, name, part, names, depth));
    case 'object':
      if (depth >= MAX_DEPTH) return [];
      return [...behind.fields].flatMap(([inner, field]) => tokensIn(`${path}.${inner}`, inner, field.shape, names, depth + 1));
    default:
      return [];
  }
}

/** Parameters in headers that look like keys although the document has no security scheme for them. */
export function suspectedKeys(parameters: readonly Parameter[]): string[] {
  return parameters.filter(({ place, name }) => place === 'header' && (looksSecret(name) || bareName(name).endsWith('key'))).map(({ name }) => name);
}
