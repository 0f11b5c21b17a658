import { loosened, refusesRest, splitLiterals } from '../schema/schema-maker';
import type { Direction, FieldShape, NamedShapes, ObjectShape, Shape } from '../schema/shape';
import { bracketed, propertyName, quoted } from './layout';
import type { Layout } from './layout';

/** Writes shapes as types, for schemas that lead back to themselves: TypeScript cannot infer those. */
export class TypeSource {
  readonly #names: NamedShapes;
  readonly #direction: Direction;
  readonly #typeOf: (id: string) => string | undefined;

  /** @param typeOf the name or expression of a named schema's type; undefined for one that is written where it is used. */
  constructor(names: NamedShapes, direction: Direction, typeOf: (id: string) => string | undefined) {
    this.#names = names;
    this.#direction = direction;
    this.#typeOf = typeOf;
  }

  of(shape: Shape): Layout {
    switch (shape.kind) {
      case 'unknown':
      case 'never':
      case 'null':
      case 'boolean':
      case 'string':
        return shape.kind;
      case 'number':
        return shape.orDigits ? 'number | string' : 'number';
      case 'literals': {
        const { beyond, others } = splitLiterals(shape.values, this.#direction);
        return alternatives([
          ...others.map((value) => (typeof value === 'string' ? quoted(value) : String(value))),
          ...(beyond.length > 0 ? ['number', 'string'] : []),
        ]);
      }
      case 'array':
        return ['Array<', this.of(shape.items), '>'];
      case 'tuple':
        return this.#tuple(shape);
      case 'object':
        return this.#object(shape);
      case 'file':
        return '{ base64: string; filename?: string | undefined; contentType?: string | undefined }';
      case 'union':
        return alternatives(shape.options.map((option) => this.of(option)));
      case 'both':
        return shape.parts.flatMap((part, place): Layout[] => [
          place === 0 ? '' : ' & ',
          this.of(loosened(part, this.#names)),
        ]);
      case 'named':
        return this.#typeOf(shape.id) ?? this.of(this.#names.find(shape.id) ?? { kind: 'unknown' });
    }
  }

  #tuple({ items, rest, atLeast }: Extract<Shape, { kind: 'tuple' }>): Layout {
    if (items.length === 0) return ['Array<', this.of(rest), '>'];
    const elements = items.map((item, place): Layout =>
      place < atLeast ? this.of(item) : ['(', this.of(item), ' | undefined)?'],
    );
    return bracketed('[', [...elements, ['...Array<', this.of(rest), '>']], ']');
  }

  #object({ fields, rest }: ObjectShape): Layout {
    const entries = [...fields].map(([name, field]) => this.#field(name, field));
    const others = typeof rest !== 'string' ? 'unknown' : refusesRest(rest, this.#direction) ? undefined : 'unknown';
    if (others !== undefined) entries.push(`[field: string]: ${others}`);
    return bracketed('{', entries, '}', { padded: true, separator: ';' });
  }

  #field(name: string, { shape, required }: FieldShape): Layout {
    if (required) return [propertyName(name), ': ', this.of(shape)];
    const absent = this.#direction === 'output' && shape.kind !== 'unknown' ? ' | null | undefined' : ' | undefined';
    return [propertyName(name), '?: ', this.of(shape), absent];
  }
}

/** In parentheses, since `&` and `[]` bind closer. */
function alternatives(options: readonly Layout[]): Layout {
  return ['(', ...options.flatMap((option, place): Layout[] => (place === 0 ? [option] : [' | ', option])), ')'];
}
