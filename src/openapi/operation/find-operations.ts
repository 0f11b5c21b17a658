import type { DocumentNode } from '../document/document-node';
import type { HttpMethod } from '../../tasks/define';
import { OpenApiError } from '../document/openapi-error';
import { camelCase, capitalised, freeName } from './names';

const METHODS: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/** One operation of a document, with its name but not yet read. */
export interface FoundOperation {
  /** The name it has as a task, without the service: the document's id for it where that is an identifier. */
  operation: string;
  /** The document's id for it, where it has one. */
  operationId?: string;
  /** What somebody should know of the name: it is permanent once it is in use. */
  naming?: string;
  method: HttpMethod;
  path: string;
  node: DocumentNode;
  pathItem: DocumentNode;
}

/** A path of a document that is none, or an operation that is no object. */
export interface BrokenOperation {
  operation: string;
  error: OpenApiError;
}

/** Every operation under `paths`, in order, each with a name of its own. */
export function findOperations(root: DocumentNode): { found: FoundOperation[]; broken: BrokenOperation[] } {
  const broken: BrokenOperation[] = [];
  const unnamed: Omit<FoundOperation, 'operation'>[] = [];
  for (const [path, entry] of root.at('paths')?.entries() ?? []) {
    if (path.startsWith('x-')) continue;
    collect(path, entry, (method, error) => {
      if (error instanceof OpenApiError) broken.push({ operation: `${method} ${path}`.trim(), error });
      else throw error;
    }, unnamed);
  }
  return { found: named(unnamed), broken };
}

function collect(path: string, entry: DocumentNode, onBroken: (method: string, error: unknown) => void, into: Omit<FoundOperation, 'operation'>[]): void {
  let pathItem: DocumentNode;
  try {
    if (!path.startsWith('/')) entry.refuse('a path must begin with "/"');
    pathItem = entry.target();
    pathItem.record();
  } catch (error) {
    onBroken('', error);
    return;
  }
  for (const [verb, node] of pathItem.entries()) {
    if (!METHODS.has(verb)) continue;
    const method = verb.toUpperCase() as HttpMethod;
    try {
      node.record();
      const operationId = node.text('operationId');
      into.push({ method, path, node, pathItem, ...(operationId !== undefined && operationId !== '' && { operationId }) });
    } catch (error) {
      onBroken(method, error);
    }
  }
}

/** Ids that are used once keep their names; of others the first does, and the rest are numbered around all of those. */
function named(operations: readonly Omit<FoundOperation, 'operation'>[]): FoundOperation[] {
  const wishes = operations.map(wishOf);
  const taken = new Set<string>();
  const first = wishes.map((wish) => {
    if (taken.has(wish)) return undefined;
    taken.add(wish);
    return wish;
  });
  return operations.map((operation, place) => {
    const wish = wishes[place] ?? '';
    const name = first[place] ?? freeName(wish, taken);
    return { ...operation, operation: name, ...naming(operation, name !== wish) };
  });
}

function wishOf({ operationId, method, path }: Omit<FoundOperation, 'operation'>): string {
  const given = camelCase(operationId ?? '');
  return given === '' ? camelCase(`${method.toLowerCase()}${capitalised(path)}`) : given;
}

function naming({ operationId }: Omit<FoundOperation, 'operation'>, numbered: boolean): { naming?: string } {
  if (numbered) return { naming: 'several operations would have the same name, so this one is numbered' };
  return operationId === undefined ? { naming: 'it has no operationId, so its name is made of method and path' } : {};
}
