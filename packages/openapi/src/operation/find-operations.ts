import type { DocumentNode } from '../document/document-node';
import type { HttpMethod } from 'temporal-http-tasks/internal/tasks/define';
import { OpenApiError } from '../document/openapi-error';
import { camelCase, capitalised, freeName } from './names';

const METHODS: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/** One operation of a document, with its name but not yet read. */
export interface FoundOperation {
  /** The name it has as a task, without the service: the document's id for it where that is an identifier. */
  operation: string;
  /** The document's id for it, where it has one. */
  operationId?: string;
  /** What a person should know about the name: it is permanent once it is in use. */
  naming?: string;
  method: HttpMethod;
  /** The path as it is sent: without the fragment by which some documents distinguish operations of one path. */
  path: string;
  /** What the document writes behind the path, with its `#`. */
  fragment?: string;
  /** Other operations that have the same method and path, once fragments are left out. */
  sharedWith?: readonly string[];
  node: DocumentNode;
  pathItem: DocumentNode;
}

/** A path of a document that is none, or an operation that is not an object. */
export interface BrokenOperation {
  operation: string;
  error: OpenApiError;
}

/** Every operation under `paths`, in order, each with a name of its own. */
export function findOperations(root: DocumentNode): { found: FoundOperation[]; broken: BrokenOperation[] } {
  const broken: BrokenOperation[] = [];
  const unnamed: Omit<FoundOperation, 'operation'>[] = [];
  for (const [path, entry] of root.mapAt('paths')?.entries() ?? []) {
    if (path.startsWith('x-')) continue;
    collect(
      path,
      entry,
      (method, error) => {
        if (error instanceof OpenApiError) broken.push({ operation: `${method} ${path}`.trim(), error });
        else throw error;
      },
      unnamed,
    );
  }
  return { found: withShared(named(unnamed)), broken };
}

function collect(
  written: string,
  entry: DocumentNode,
  onBroken: (method: string, error: unknown) => void,
  into: Omit<FoundOperation, 'operation'>[],
): void {
  let pathItem: DocumentNode;
  try {
    if (!written.startsWith('/')) entry.refuse('a path must begin with "/"');
    if (/\/(?:\.|%2e){1,2}(?:[/?#]|$)/i.test(written)) entry.refuse('a path must not have "." or ".." as a segment');
    pathItem = entry.merged();
    pathItem.record();
  } catch (error) {
    // Without what the path has for all of them, none of its operations is what the document means.
    const verbs =
      typeof entry.value === 'object' && entry.value !== null
        ? Object.keys(entry.value).filter((key) => METHODS.has(key))
        : [];
    for (const verb of verbs.length > 0 ? verbs : ['']) onBroken(verb.toUpperCase(), error);
    return;
  }
  const { path, fragment } = withoutFragment(written);
  for (const [verb, entryOf] of operationsOf(pathItem)) {
    const method = verb.toUpperCase() as HttpMethod;
    try {
      if (!METHODS.has(verb))
        entryOf.refuse(
          `operations of the method ${JSON.stringify(verb)} are not read; allowed: ${[...METHODS].join(', ')}`,
        );
      const node = entryOf.merged();
      node.record();
      const operationId = node.text('operationId');
      into.push({
        method,
        path,
        ...(fragment !== undefined && { fragment }),
        node,
        pathItem,
        ...(operationId !== undefined && operationId !== '' && { operationId }),
      });
    } catch (error) {
      onBroken(method, error);
    }
  }
}

/** The fields of a path item that are operations, also those of methods that are not read. */
function operationsOf(pathItem: DocumentNode): [string, DocumentNode][] {
  return pathItem.entries().flatMap(([key, node]): [string, DocumentNode][] => {
    if (METHODS.has(key)) return [[key, node]];
    const isObject = typeof node.value === 'object' && node.value !== null && !Array.isArray(node.value);
    if (key === 'additionalOperations' && isObject) return node.entries();
    const isMethod =
      METHODS.has(key.toLowerCase()) ||
      key === 'query' ||
      (isObject && !key.startsWith('x-') && node.at('responses') !== undefined);
    return isMethod ? [[key, node]] : [];
  });
}

function withoutFragment(written: string): { path: string; fragment?: string } {
  const at = written.indexOf('#');
  return at < 0 ? { path: written } : { path: written.slice(0, at), fragment: written.slice(at) };
}

function withShared(operations: readonly FoundOperation[]): FoundOperation[] {
  const byRoute = new Map<string, string[]>();
  const routeOf = ({ method, path }: FoundOperation): string => `${method} ${path.replace(/\{[^{}]*\}/g, '{}')}`;
  for (const operation of operations) {
    const route = routeOf(operation);
    const others = byRoute.get(route);
    if (others) others.push(operation.operation);
    else byRoute.set(route, [operation.operation]);
  }
  return operations.map((operation) => {
    const sharedWith = (byRoute.get(routeOf(operation)) ?? []).filter((other) => other !== operation.operation);
    return sharedWith.length === 0 ? operation : { ...operation, sharedWith };
  });
}

/** Ids that are used once keep their names; of others the first does, and the rest are numbered around all of those. */
function named(operations: readonly Omit<FoundOperation, 'operation'>[]): FoundOperation[] {
  const preferred = operations.map(preferredNameOf);
  const taken = new Set<string>();
  const first = preferred.map((name) => {
    if (taken.has(name)) return undefined;
    taken.add(name);
    return name;
  });
  return operations.map((operation, place) => {
    const own = preferred[place] ?? '';
    const name = first[place] ?? freeName(own, taken);
    return { ...operation, operation: name, ...naming(operation, name !== own) };
  });
}

function preferredNameOf({ operationId, method, path, fragment = '' }: Omit<FoundOperation, 'operation'>): string {
  const given = camelCase(operationId ?? '');
  return given === '' ? camelCase(`${method.toLowerCase()}${capitalised(`${path}${fragment}`)}`) : given;
}

function naming({ operationId }: Omit<FoundOperation, 'operation'>, numbered: boolean): { naming?: string } {
  if (numbered) return { naming: 'several operations would have the same name, so this one is numbered' };
  return operationId === undefined ? { naming: 'it has no operationId, so its name is made of method and path' } : {};
}
