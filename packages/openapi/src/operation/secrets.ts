import type { Parameter } from './parameters';
import { bareName, looksSecret } from './names';
import type { NamedShapes, ObjectShape, Shape } from '../schema/shape';
import { resolved } from '../schema/shape';

/** How deep in an input tokens are looked for, and through how many schemas; each may lead back to itself. */
const MAX_DEPTH = 4;
const MAX_SCHEMAS = 5_000;

/** Fields that hold a user's token, by their names or because the document calls them passwords: `body.password` for a deeper one. */
export function sensitiveFields({ fields }: ObjectShape, names: NamedShapes): string[] {
  const search = new TokenSearch(names);
  for (const [name, { shape }] of fields) search.look(name, name, shape, 1, new Set());
  return [...search.found];
}

class TokenSearch {
  readonly found = new Set<string>();
  readonly #names: NamedShapes;
  #schemasLeft = MAX_SCHEMAS;

  constructor(names: NamedShapes) {
    this.#names = names;
  }

  /** @param above named schemas that lead here, so that none is entered within itself. */
  look(path: string, name: string, shape: Shape, depth: number, above: ReadonlySet<string>): void {
    if (shape.kind === 'named' && above.has(shape.id)) return;
    if ((this.#schemasLeft -= 1) < 0) return;
    const inside = shape.kind === 'named' ? new Set([...above, shape.id]) : above;
    const behind = resolved(shape, this.#names);
    switch (behind.kind) {
      case 'string':
        if (behind.format === 'password' || looksSecret(name)) this.found.add(path);
        return;
      case 'array':
        this.look(path, name, behind.items, depth, inside);
        return;
      case 'union':
        for (const option of behind.options) this.look(path, name, option, depth, inside);
        return;
      case 'both':
        for (const part of behind.parts) this.look(path, name, part, depth, inside);
        return;
      case 'object':
        if (depth >= MAX_DEPTH) return;
        for (const [inner, field] of behind.fields)
          this.look(`${path}.${inner}`, inner, field.shape, depth + 1, inside);
        return;
      default:
        return;
    }
  }
}

/** Parameters in headers that look like keys although the document has no security scheme for them. */
export function suspectedKeys(parameters: readonly Parameter[]): string[] {
  return parameters
    .filter(({ place, name }) => place === 'header' && (looksSecret(name) || bareName(name).endsWith('key')))
    .map(({ name }) => name);
}
