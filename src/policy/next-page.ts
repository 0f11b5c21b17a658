import type { TaskInput } from '../tasks/define';
import type { httpRequest } from '../tasks/http-request';

type Request = TaskInput<typeof httpRequest>;

/** The parts of a response of `http.request` that can lead to the next page. */
export interface PageResponse {
  headers: Readonly<Record<string, string>>;
  body?: unknown;
}

/**
 * How an API leads from one page to the next.
 *
 * - `cursor`: a text or number in the body at `path` (`meta.next`), sent back as the query parameter `query`.
 * - `link`: the address in the header `link` with `rel="next"` (RFC 8288), of the same origin.
 * - `offset`: the query parameter `query` counts the entries so far, those of the list at `path`; an empty list ends it.
 */
export type Paging =
  { by: 'cursor'; path: string; query: string } | { by: 'link' } | { by: 'offset'; path: string; query: string };

/** Returns the request for the next page; undefined after the last; a sentence if the response does not lead to one. */
export function nextPage(paging: Paging, request: Request, response: PageResponse): Request | string | undefined {
  switch (paging.by) {
    case 'cursor':
      return afterCursor(paging.query, request, valueAt(response.body, paging.path));
    case 'link':
      return afterLink(request, response.headers.link ?? '');
    case 'offset':
      return afterOffset(paging.query, request, valueAt(response.body, paging.path));
  }
}

function afterCursor(query: string, request: Request, cursor: unknown): Request | string | undefined {
  if (cursor === undefined || cursor === null || cursor === '') return undefined;
  if (typeof cursor !== 'string' && typeof cursor !== 'number')
    return 'the cursor of the next page is neither a text nor a number';
  if (request.query?.[query] === cursor) return 'the cursor of the next page is that of this one';
  return { ...request, query: { ...request.query, [query]: cursor } };
}

function afterLink(request: Request, header: string): Request | string | undefined {
  const target = nextTarget(header);
  if (target === undefined) return undefined;
  const here = new URL(request.uri);
  if (!URL.canParse(target, here.href)) return 'the link to the next page is not an address';
  const next = new URL(target, here);
  // The headers of the request, including credentials, are for this origin only.
  if (next.origin !== here.origin) return 'the link to the next page leads to another origin';
  if (next.href === here.href && request.query === undefined) return 'the link to the next page leads to this one';
  // The link has the whole query already.
  return Object.fromEntries(
    Object.entries({ ...request, uri: next.href }).filter(([field]) => field !== 'query'),
  ) as Request;
}

/** `<https://a.example/?page=2>; rel="next", …` */
function nextTarget(header: string): string | undefined {
  for (const [, target = '', parameters = ''] of header.matchAll(/<([^<>]*)>([^,"]*(?:"[^"]*"[^,"]*)*)/g)) {
    const [, quoted, bare] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters) ?? [];
    if ((quoted ?? bare ?? '').toLowerCase().split(/\s+/).includes('next')) return target;
  }
  return undefined;
}

function afterOffset(query: string, request: Request, list: unknown): Request | string | undefined {
  if (!Array.isArray(list)) return 'the page has no list at the path of its entries';
  if (list.length === 0) return undefined;
  const before = Number(request.query?.[query] ?? 0);
  if (!Number.isSafeInteger(before)) return 'the offset of this page is not a whole number';
  return { ...request, query: { ...request.query, [query]: before + list.length } };
}

function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined;
    return (inner as Record<string, unknown>)[key];
  }, value);
}
