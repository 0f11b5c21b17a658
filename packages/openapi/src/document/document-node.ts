import type { OpenApiDocument } from './document';
import type { NamedPlace } from './find-references';
import { OpenApiError, pointerOf } from './openapi-error';
import { LEADING_ZERO } from './parse-text';

/** How many references may lead from one to the next, and how deep a pointer may go. */
const MAX_HOPS = 50;

/** One value of a document, which knows its position. */
export class DocumentNode {
  readonly value: unknown;
  readonly #document: OpenApiDocument;
  readonly #file: string;
  readonly #parent: DocumentNode | undefined;
  readonly #key: string;
  /** For a node made by {@link merged}: the reference itself, and what it leads to. */
  #parts: { own: DocumentNode; behind: DocumentNode } | undefined;

  private constructor(document: OpenApiDocument, file: string, value: unknown, parent?: DocumentNode, key = '') {
    this.value = value;
    this.#document = document;
    this.#file = file;
    this.#parent = parent;
    this.#key = key;
  }

  /** The document itself. */
  static root(document: OpenApiDocument): DocumentNode {
    return new DocumentNode(document, document.location, document.file(document.location));
  }

  /** The files that the document consists of besides the first one. */
  otherFiles(): DocumentNode[] {
    const others = this.#document.locations.filter((location) => location !== this.#document.location);
    return others.map((location) => new DocumentNode(this.#document, location, this.#document.file(location)));
  }

  /** The target of a reference that replaces this value. */
  leadTo(reference: string): DocumentNode {
    return new DocumentNode(this.#document, this.#file, { $ref: reference }, this.#parent, this.#key).#once(0);
  }

  /** The last part of its pointer: a schema's name, a path, a place in a list. */
  get key(): string {
    return this.#key;
  }

  /** For people: a JSON pointer, with the file in front where it is not the first one. */
  get place(): string {
    const file = this.#file === this.#document.location ? '' : (this.#file.split('/').pop() ?? '');
    return `${file}${pointerOf(this.#keys())}`;
  }

  /** Equal for two nodes exactly when they are one value. */
  get id(): string {
    return `${this.#file}${pointerOf(this.#keys())}`;
  }

  /** @throws OpenApiError with this node's place. */
  refuse(problem: string): never {
    throw new OpenApiError(this.place, problem);
  }

  /** Returns the value of this key, or undefined. */
  at(key: string): DocumentNode | undefined {
    if (this.#parts) return (key === '$ref' ? undefined : this.#parts.own.at(key)) ?? this.#parts.behind.at(key);
    const value = this.value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    const inner = (value as Record<string, unknown>)[key];
    return inner === undefined ? undefined : new DocumentNode(this.#document, this.#file, inner, this, key);
  }

  /** Returns the value of this key, with references followed. */
  follow(key: string): DocumentNode | undefined {
    return this.at(key)?.target();
  }

  /** Returns the value of this key, together with the target of a `$ref` in it: for objects with names of their own. */
  mapAt(key: string): DocumentNode | undefined {
    return this.at(key)?.merged();
  }

  /** This value, or what its `$ref` leads to in the end. */
  target(): DocumentNode {
    return this.#target(0);
  }

  /**
   * This value, or what its `$ref` leads to together with the fields next to the `$ref`, which replace those of the same
   * name. For path items, operations and maps, whose other fields count next to a `$ref`.
   */
  merged(): DocumentNode {
    return this.#merged(0);
  }

  /** The objects that a merged node was made of: what the `$ref` leads to in the end first, the fields next to it last. */
  layers(): DocumentNode[] {
    return this.#parts ? [...this.#parts.behind.layers(), this.#parts.own] : [this];
  }

  /** Its `$ref`, when it is a reference. */
  get reference(): string | undefined {
    const value = this.value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$ref')) return undefined;
    const { $ref } = value as { $ref: unknown };
    return typeof $ref === 'string' ? $ref : undefined;
  }

  /** Its entries, in order; refuses anything but an object. */
  entries(): [string, DocumentNode][] {
    return Object.keys(this.record()).flatMap((key) => {
      const inner = this.at(key);
      return inner ? [[key, inner] as [string, DocumentNode]] : [];
    });
  }

  /** Its elements; refuses anything but a list. */
  elements(): DocumentNode[] {
    if (!Array.isArray(this.value)) this.refuse('must be a list');
    return (this.value as unknown[]).flatMap((_, place) => this.at(String(place)) ?? []);
  }

  /** Itself as an object; refuses anything else. */
  record(): Readonly<Record<string, unknown>> {
    const value = this.value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.refuse('must be an object');
    return value as Record<string, unknown>;
  }

  /** The text under this key, or undefined; refuses anything else. */
  text(key: string): string | undefined {
    const inner = this.at(key);
    if (inner === undefined || inner.value === null) return undefined;
    // YAML reads an unquoted version or title as a number.
    const { value } = inner;
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
    return typeof value === 'string' ? value : inner.refuse('must be a text');
  }

  /** The number under this key, or undefined. */
  number(key: string): number | undefined {
    const value = this.exactNumber(key);
    return typeof value === 'bigint' ? Number(value) : value;
  }

  /** The same; a whole number beyond 2^53 is a bigint. */
  exactNumber(key: string): number | bigint | undefined {
    const inner = this.at(key);
    inner?.refuseLeadingZero();
    const value = inner?.value;
    return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
  }

  /** Refuses a number with a leading zero, which YAML keeps as a text, where only a number makes sense. */
  refuseLeadingZero(): void {
    if (typeof this.value === 'string' && LEADING_ZERO.test(this.value))
      this.refuse('has a leading zero, so that it may be octal or decimal; write the number without it');
  }

  /** Whether the value of this key is `true`. */
  flag(key: string): boolean {
    return this.at(key)?.value === true;
  }

  #keys(): string[] {
    return this.#parent ? [...this.#parent.#keys(), this.#key] : [];
  }

  #target(hops: number): DocumentNode {
    if (this.reference === undefined) return this;
    if (hops >= MAX_HOPS) this.refuse('its $ref leads from reference to reference and never to a value');
    return this.#once(hops).#target(hops + 1);
  }

  #merged(hops: number): DocumentNode {
    if (this.reference === undefined) return this;
    if (hops >= MAX_HOPS) this.refuse('its $ref leads from reference to reference and never to a value');
    const behind = this.#once(hops).#merged(hops + 1);
    const { $ref: _, ...siblings } = this.record();
    const node = new DocumentNode(
      this.#document,
      this.#file,
      { ...behind.record(), ...siblings },
      this.#parent,
      this.#key,
    );
    node.#parts = { own: this, behind };
    return node;
  }

  /** One step along a `$ref`. */
  #once(hops: number): DocumentNode {
    const reference = this.reference;
    if (reference === undefined) return this;
    const [file = '', fragment = ''] = reference.split('#', 2);
    const start = file === '' ? this.#resource() : this.#locate(file);
    if (fragment !== '' && !fragment.startsWith('/'))
      return (
        start.#anchored(fragment) ?? this.refuse(`its $ref names an anchor that is not there: ${shown(reference)}`)
      );
    const keys =
      fragment === ''
        ? []
        : fragment
            .slice(1)
            .split('/')
            .map((part) => decoded(part).replaceAll('~1', '/').replaceAll('~0', '~'));
    // Many pointers are written for the file, also within a schema that has an `$id`.
    return (
      start.#along(keys, hops) ??
      start.#fileRoot().#along(keys, hops) ??
      this.refuse(`its $ref leads to nothing: ${shown(reference)}`)
    );
  }

  /** What a pointer leads to from here. It may lead through a value that is itself a reference. */
  #along(keys: readonly string[], hops: number): DocumentNode | undefined {
    let node: DocumentNode | undefined;
    for (const key of keys) {
      const from: DocumentNode = node ?? this;
      const next = from.at(key) ?? from.#target(hops + 1).at(key);
      if (!next) return undefined;
      node = next;
    }
    return node ?? this;
  }

  #anchored(name: string): DocumentNode | undefined {
    const place = this.#document.named(`${this.#uri()}#${name}`) ?? this.#document.named(`${this.#file}#${name}`);
    return place && this.#placed(place);
  }

  #placed({ location, keys }: NamedPlace): DocumentNode | undefined {
    let node: DocumentNode | undefined = new DocumentNode(this.#document, location, this.#document.file(location));
    for (const key of keys) node = node?.at(key);
    return node;
  }

  #fileRoot(): DocumentNode {
    return this.#parent ? this.#parent.#fileRoot() : this;
  }

  /** The schema with an `$id` around this value, which references begin at; else its file. */
  #resource(): DocumentNode {
    if (!this.#parent || (this.#document.version !== '3.0' && typeof this.#ownId() === 'string')) return this;
    return this.#parent.#resource();
  }

  /** What references of this value are relative to. */
  #uri(): string {
    const resource = this.#resource();
    const id = resource.#ownId();
    if (this.#document.version === '3.0' || typeof id !== 'string') return this.#file;
    const around = resource.#parent ? resource.#parent.#uri() : this.#file;
    return URL.canParse(id, around) ? new URL(id, around).href.replace(/#$/, '') : around;
  }

  #ownId(): unknown {
    const value = this.value;
    return typeof value === 'object' && value !== null && Object.hasOwn(value, '$id')
      ? (value as { $id: unknown }).$id
      : undefined;
  }

  #locate(file: string): DocumentNode {
    const locations = [this.#uri(), this.#file].map((base) =>
      URL.canParse(file, base) ? new URL(file, base).href : file,
    );
    for (const location of locations) {
      const place = this.#document.named(location);
      if (place) return this.#placed(place) ?? this.refuse(`its $ref leads to nothing: ${shown(file)}`);
      if (this.#document.file(location) !== undefined)
        return new DocumentNode(this.#document, location, this.#document.file(location));
    }
    const why = locations.map((location) => this.#document.whyUnread(location)).find((one) => one !== undefined);
    return this.refuse(why ?? `its $ref names another file, which was not read: ${shown(file)}`);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function shown(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
