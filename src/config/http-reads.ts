import { parseOrigin } from './base-url';
import type { Env } from './env';
import { readList } from './env';
import type { ProblemList } from './problems';
import { PathRule, segmentsOf } from './request-paths';

/** The setting with requests of `http.request` that only read although their method does not say so. */
export const HTTP_READS = 'HTTP_TASKS_HTTP_READS';

const FORM =
  'write for example POST https://desk.example.com/search, or POST https://desk.example.com/search/* for everything below it too.';
const ENTRY = /^(POST|PUT|PATCH|DELETE)[ \t]+(\S+)$/;

interface ListedRead {
  method: string;
  origin: string;
  rule: PathRule;
  /** As the operator wrote it. */
  text: string;
}

/** The requests that the operator declared as read-only. */
export class HttpReads {
  readonly #listed: readonly ListedRead[];

  constructor(listed: readonly ListedRead[] = []) {
    this.#listed = listed;
  }

  /** Returns whether a request is listed. Its query is ignored. */
  has(method: string, { origin, pathname }: URL): boolean {
    const candidates = this.#listed.filter((entry) => entry.method === method && entry.origin === origin);
    if (candidates.length === 0) return false;
    const segments = segmentsOf(pathname);
    return segments !== undefined && candidates.some(({ rule }) => rule.covers(segments));
  }

  /** Returns what is listed for an origin, as the operator wrote it. */
  of(origin: string): string[] {
    return this.#listed.filter((entry) => entry.origin === origin).map(({ text }) => text);
  }
}

/** Reads `HTTP_TASKS_HTTP_READS`. */
export function readHttpReads(env: Env, problems: ProblemList): HttpReads {
  const listed: ListedRead[] = [];
  for (const text of readList(env, HTTP_READS)) {
    const entry = readEntry(text);
    if (typeof entry === 'string') problems.add(HTTP_READS, entry);
    else listed.push(entry);
  }
  return new HttpReads(listed);
}

function readEntry(text: string): ListedRead | string {
  const [, method, address] = ENTRY.exec(text) ?? [];
  if (method === undefined || address === undefined)
    return `contains an entry that is not a method (POST, PUT, PATCH, DELETE) and an address; ${FORM}`;
  const parts = /^(https?:\/\/[^/?#\\]+)(\/[^]*)$/i.exec(address);
  if (!parts) return `contains an entry without a path; ${FORM}`;
  const [, host = '', path = ''] = parts;
  const origin = parseOrigin(host);
  if (typeof origin === 'string') return origin;
  const below = path.endsWith('/*');
  const rule = PathRule.read(below ? path.slice(0, -1) : path, { below });
  return typeof rule === 'string'
    ? rule
    : { method, origin: origin.origin, rule, text: `${method} ${origin.origin}${path}` };
}
