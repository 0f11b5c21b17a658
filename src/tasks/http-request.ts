import { z } from 'zod';
import { defineHttpTask } from './define';
import type { HttpMethod } from './define';
import { httpService } from './http-service';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
] as const satisfies readonly HttpMethod[];
const EFFECTS = ['read', 'repeatSafe', 'irreversible'] as const;

/** A token as RFC 9110 defines it, so that no line break or colon gets into a header's name. */
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be a header name');
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must not contain line breaks or control characters');

const queryValue = z.union([z.string(), z.number(), z.boolean()]);
/** Whole seconds, so that the connections of one origin are shared by few groups of calls. */
const connectTimeoutMs = z
  .number()
  .int()
  .min(1_000)
  .max(60_000)
  .multipleOf(1_000, 'must be whole seconds, in milliseconds');
const bodyPath = z
  .string()
  .max(1_000)
  .regex(/^[^.]+(?:\.[^.]+)*$/, 'must be a dotted path such as data.id');
/**
 * Maximum timeout of a read, in milliseconds: an activity ends after five minutes, and the call has to end before it.
 */
const MOST_READ_TIMEOUT_MS = 180_000;

/** One request to any allowed origin. The caller states its effect with `effect`. */
export const httpRequest = defineHttpTask({
  service: httpService,
  operation: 'request',
  summary: 'Send any HTTP request to an allowed origin',
  description:
    'Sends one request to an origin on the allow-list and returns status, headers and body. GET, HEAD, OPTIONS and TRACE count as reads; anything else counts as irreversible, unless effect says repeatSafe, or read and the operator lists it.',
  tags: ['http', 'generic'],
  method: 'GET',
  path: '/',
  get input() {
    return z.strictObject({
      uri: z.url({ protocol: /^https?$/ }).describe('The URL; its origin has to be on the allow-list.'),
      method: z.enum(METHODS).optional().describe('Default: GET.'),
      accept: headerValue.optional().describe('Default: application/json.'),
      contentType: headerValue.optional().describe('Default: application/json, when there is a body.'),
      headers: z.record(headerName, headerValue).optional(),
      query: z
        .record(z.string().min(1), z.union([queryValue, z.array(queryValue)]))
        .optional()
        .describe('Appended to the query of uri, percent-encoded; a list repeats its name.'),
      body: z.json().optional().describe('Sent as JSON; a string is sent as it is when contentType is not JSON.'),
      expectedStatuses: z
        .array(z.number().int().min(200).max(599))
        .min(1)
        .max(100)
        .optional()
        .describe(
          'Statuses that count as a response, which may be errors and redirects; any other fails. Redirects are never followed. Default: every 2xx.',
        ),
      connectTimeoutMs: connectTimeoutMs.optional().describe('Timeout of the connection. Default: 5000.'),
      readTimeoutMs: z
        .number()
        .int()
        .min(100)
        .max(MOST_READ_TIMEOUT_MS)
        .optional()
        .describe('Maximum silence before and within the response. Default: 30000 before it and 15000 within it.'),
      keepBody: z
        .union([z.boolean(), z.array(bodyPath).min(1).max(100)])
        .optional()
        .describe(
          'The part of the body that is kept in the result, and so in the history: true, false, or a list of dotted paths such as data.id. Default: true.',
        ),
      effect: z
        .enum(EFFECTS)
        .optional()
        .describe(
          'Default: read for GET, HEAD, OPTIONS and TRACE, else irreversible. read for another method only where the operator lists the request.',
        ),
    });
  },
  get output() {
    return z.looseObject({
      response: z.looseObject({
        statusCode: z.number().int(),
        reasonPhrase: z.string(),
        headers: z.record(z.string(), z.string()),
        body: z.unknown().optional(),
      }),
    });
  },
  effect: 'irreversible',
  settle: { by: 'repeat', basis: 'assumed' },
  remedy: 'Depends on the request; see the documentation of the API that was called.',
  generic: true,
});
