import type { BATCH_ENDPOINTS } from '../control-api';

export type BatchEndpoint = (typeof BATCH_ENDPOINTS)[number];

/** The route of a request: the endpoint, the API key and the last segment, both still percent-encoded. */
export interface BatchRoute {
  endpoint: BatchEndpoint;
  apiKey: string;
  last: string;
}

const ONE_DOT = /^(\.|%2e)$/i;
const TWO_DOTS = /^(\.|%2e){2}$/i;

/**
 * Returns the route of a raw request target. Resolves dot segments first, as proxies and URL parsers do, so that a call
 * with the ID `..` in its path arrives at another route here as well.
 */
export function findBatchRoute(method: string, target: string): BatchRoute | undefined {
  const [version, apiKey, ...rest] = resolveDots(target.split('?', 1)[0] ?? '');
  if (version !== '1.0' || apiKey === undefined) return undefined;
  const [area, kind, last, ...tooMany] = rest;
  if (tooMany.length > 0) return undefined;
  const endpoint = endpointOf(`${method} ${area}/${kind}`, last !== undefined);
  return endpoint && { endpoint, apiKey, last: last ?? '' };
}

function endpointOf(start: string, hasLast: boolean): BatchEndpoint | undefined {
  switch (start) {
    case 'DELETE data/users':
      return hasLast ? 'customDataDelete' : 'customDataBulkDelete';
    case 'POST gdpr/request':
      return hasLast ? undefined : 'gdprRequestCreate';
    case 'GET gdpr/request':
      return hasLast ? 'gdprRequestGet' : undefined;
    case 'GET gdpr/requests':
      return hasLast ? undefined : 'gdprRequestsList';
    default:
      return undefined;
  }
}

/** Returns the path's segments without `.` and `..`, ignoring a trailing slash. */
function resolveDots(path: string): string[] {
  const segments: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    if (TWO_DOTS.test(segment)) segments.pop();
    else if (!ONE_DOT.test(segment)) segments.push(segment);
  }
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

/** Decodes a path segment exactly once. Returns undefined for invalid escapes. */
export function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
