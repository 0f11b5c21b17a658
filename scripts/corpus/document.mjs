// Reads OpenAPI documents with no code of the product, so that it can judge what the product reads.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { load } from 'js-yaml';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const MAX_HOPS = 50;

/** The OpenAPI documents below a folder, or the one file, in order. */
export function documentsBelow(place) {
  if (statSync(place).isFile()) return [place];
  return readdirSync(place, { recursive: true })
    .map((name) => join(place, name))
    .filter((path) => /\.(ya?ml|json)$/i.test(path) && !path.includes('node_modules') && statSync(path).isFile())
    .filter((path) => isDocument(path, readFileSync(path, 'utf8')))
    .sort();
}

function isDocument(path, text) {
  if (!/\.json$/i.test(path) && !/^\s*\{/.test(text)) return /^["']?(openapi|swagger)["']?\s*:/m.test(text);
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && ('openapi' in value || 'swagger' in value);
  } catch {
    return false;
  }
}

/** A document and the files that it refers to. A place in it is a node: the value, and the URL of the file that it is in. */
export class Document {
  #files = new Map();

  constructor(path) {
    const url = pathToFileURL(resolve(path)).href;
    this.root = { url, value: this.#read(url) };
  }

  /** The node that a reference leads to; undefined where it leads to nothing that can be read. */
  target({ url, value }, hops = 0) {
    if (typeof value?.$ref !== 'string') return { url, value };
    if (hops > MAX_HOPS) return undefined;
    const [file, pointer = ''] = value.$ref.split('#');
    const location = file === '' ? url : new URL(file, url).href;
    let found = { url: location, value: this.#read(location) };
    for (const part of pointer.split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      found = { url: found.url, value: found.value?.[key] };
      if (found.value === undefined) return undefined;
    }
    return found.value === undefined ? undefined : this.target(found, hops + 1);
  }

  /** The node under a key, where its reference leads. */
  at(node, key) {
    const value = node?.value?.[key];
    return value === undefined ? undefined : this.target({ url: node.url, value });
  }

  entries(node) {
    if (typeof node?.value !== 'object' || node.value === null) return [];
    return Object.entries(node.value).map(([key, value]) => [key, { url: node.url, value }]);
  }

  /** Every operation: its path, its method in small letters, its node, and the path items that it belongs to. */
  operations() {
    return this.entries(this.at(this.root, 'paths')).flatMap(([path, entry]) => {
      if (path.startsWith('x-')) return [];
      const own = Object.keys(entry.value ?? {}).filter((key) => METHODS.includes(key));
      const behind = this.target(entry);
      const keys = new Set([...own, ...Object.keys(behind?.value ?? {}).filter((key) => METHODS.includes(key))]);
      return [...keys].map((method) => {
        const from = own.includes(method) ? entry : behind;
        return {
          path,
          method,
          pathItems: behind?.value === entry.value ? [entry] : [entry, ...(behind ? [behind] : [])],
          node: this.target({ url: from.url, value: from.value[method] }),
        };
      });
    });
  }

  #read(url) {
    if (!this.#files.has(url)) this.#files.set(url, contentOf(url));
    return this.#files.get(url);
  }
}

function contentOf(url) {
  if (!url.startsWith('file:')) return undefined;
  try {
    const text = readFileSync(fileURLToPath(url), 'utf8');
    return /\.json$/i.test(url) ? JSON.parse(text) : load(text);
  } catch {
    return undefined;
  }
}
