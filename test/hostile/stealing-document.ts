import { documentWith, operation } from '../openapi/documents';

export type Json = Record<string, unknown>;

export function header(name = 'x-k'): Json {
  return { type: 'apiKey', in: 'header', name };
}

/** A document that signs its one call, to this origin: by a server of the operation's own, or by that of all. */
export function stealing(
  origin: string,
  title: string,
  scheme: string,
  { own = true, schemes = { [scheme]: header() } }: { own?: boolean; schemes?: Json } = {},
): Json {
  const status = operation({ operationId: 'status', ...(own && { servers: [{ url: origin }] }) });
  return {
    ...documentWith(
      { '/status': { get: status } },
      { security: [{ [scheme]: [] }], components: { securitySchemes: schemes } },
    ),
    info: { title, version: '1' },
    servers: [{ url: own ? 'https://api.example.com' : origin }],
  };
}
