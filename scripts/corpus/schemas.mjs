// Turns the schemas of a document into JSON Schema 2020-12, as OpenAPI means them for requests.
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const MAPS = ['properties', 'patternProperties', 'dependentSchemas'];
const SINGLE = [
  'items',
  'additionalProperties',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
];
const PLAIN = [
  ...[
    'type',
    'enum',
    'const',
    'required',
    'format',
    'pattern',
    'minLength',
    'maxLength',
    'minItems',
    'maxItems',
    'uniqueItems',
  ],
  ...[
    'minProperties',
    'maxProperties',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'multipleOf',
    'dependentRequired',
    'minContains',
    'maxContains',
  ],
];

/** Validates values by the schemas of a document. */
export class Schemas {
  #document;
  #isOld;
  #ajv = new Ajv2020({ strict: false, allErrors: false, logger: false, validateSchema: false, unicodeRegExp: false });
  #ids = new Map();

  constructor(document) {
    this.#document = document;
    this.#isOld = String(document.root.value?.openapi).startsWith('3.0');
    addFormats.default(this.#ajv);
  }

  /** A function that says whether a value is valid; throws where the schema is none that a validator can use. */
  validator(node) {
    return this.#ajv.compile(this.#converted(node));
  }

  #reference(node) {
    const target = this.#document.target(node);
    if (!target) throw new Error('leads to nothing');
    if (typeof target.value !== 'object' || target.value === null) return target.value;
    const known = this.#ids.get(target.value);
    if (known !== undefined) return { $ref: known };
    const id = `urn:schema:${this.#ids.size}`;
    this.#ids.set(target.value, id);
    this.#ajv.addSchema({ ...this.#converted(target), $id: id }, id);
    return { $ref: id };
  }

  #converted(node) {
    const { value } = node;
    if (typeof value !== 'object' || value === null) return value;
    const own = (inner) => this.#converted({ url: node.url, value: inner });
    if (typeof value.$ref === 'string' && this.#isOld) return this.#nullable(value, this.#reference(node));
    const schema = typeof value.$ref === 'string' ? { allOf: [this.#reference(node)] } : {};
    for (const key of PLAIN) if (key in value) schema[key] = value[key];
    for (const key of LISTS)
      if (Array.isArray(value[key])) schema[key] = [...(schema[key] ?? []), ...value[key].map(own)];
    for (const key of MAPS)
      if (typeof value[key] === 'object' && value[key] !== null)
        schema[key] = Object.fromEntries(Object.entries(value[key]).map(([name, inner]) => [name, own(inner)]));
    for (const key of SINGLE)
      if (key in value && !(key === 'items' && Array.isArray(value[key]))) schema[key] = own(value[key]);
    if (Array.isArray(schema.required))
      schema.required = schema.required.filter(
        (name) => !this.#isAnswered({ url: node.url, value: value.properties?.[name] }),
      );
    if (!this.#isOld) return schema;
    for (const [exclusive, inclusive] of [
      ['exclusiveMinimum', 'minimum'],
      ['exclusiveMaximum', 'maximum'],
    ]) {
      if (typeof schema[exclusive] !== 'boolean') continue;
      if (schema[exclusive]) {
        schema[exclusive] = schema[inclusive];
        delete schema[inclusive];
      } else delete schema[exclusive];
    }
    return this.#nullable(value, schema);
  }

  #nullable(value, schema) {
    return value.nullable === true && !(Array.isArray(value.enum) && !value.enum.includes(null))
      ? { anyOf: [schema, { type: 'null' }] }
      : schema;
  }

  #isAnswered(node) {
    return node.value?.readOnly === true || this.#document.target(node)?.value?.readOnly === true;
  }

  /** Whether the schema names the field at the end of a path, in any of its parts or options. */
  knows(node, path) {
    let level = this.#parts([node]);
    for (const [place, key] of path.entries()) {
      const next = level.flatMap(({ url, value }) => {
        const named = value.properties?.[key];
        const item = /^\d+$/.test(key) ? (value.prefixItems?.[key] ?? value.items) : undefined;
        const others =
          place < path.length - 1 && typeof value.additionalProperties === 'object'
            ? value.additionalProperties
            : undefined;
        return [named, item, others].flatMap((inner) =>
          typeof inner === 'object' && inner !== null ? [{ url, value: inner }] : [],
        );
      });
      if (next.length === 0) return false;
      level = this.#parts(next);
    }
    return true;
  }

  #parts(nodes) {
    const parts = [];
    const seen = new Set();
    const waiting = [...nodes];
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      if (typeof node.value !== 'object' || node.value === null || seen.has(node.value)) continue;
      seen.add(node.value);
      parts.push(node);
      if (typeof node.value.$ref === 'string') waiting.push(...[this.#document.target(node) ?? []].flat());
      for (const key of LISTS.slice(0, 3))
        for (const value of Array.isArray(node.value[key]) ? node.value[key] : [])
          waiting.push({ url: node.url, value });
    }
    return parts;
  }
}
