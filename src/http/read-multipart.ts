/** One part of a multipart body. */
export interface ReadPart {
  name: string;
  value: Buffer;
  filename?: string;
  type?: string;
}

/** Returns the boundary in a content type of multipart/form-data; undefined for any other type or if there is none. */
export function boundaryIn(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return undefined;
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))/i.exec(contentType) ?? [];
  return quoted ?? plain;
}

/**
 * Splits a multipart/form-data body into its parts. Returns undefined if the body is malformed or a part has headers
 * other than its disposition and type.
 */
export function readMultipart(body: Buffer, boundary: string): ReadPart[] | undefined {
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: ReadPart[] = [];
  let at = body.indexOf(delimiter);
  if (at !== 0 && !(at > 0 && body.subarray(at - 2, at).equals(LINE))) return undefined;
  for (;;) {
    at += delimiter.length;
    if (body.subarray(at, at + 2).toString('latin1') === '--') return parts;
    if (!body.subarray(at, at + 2).equals(LINE)) return undefined;
    const end = body.indexOf(Buffer.concat([LINE, delimiter]), at);
    const part = end < 0 ? undefined : readPart(body.subarray(at + 2, end));
    if (!part) return undefined;
    parts.push(part);
    at = end + 2;
  }
}

const LINE = Buffer.from('\r\n');
const GAP = Buffer.from('\r\n\r\n');

function readPart(text: Buffer): ReadPart | undefined {
  const gap = text.indexOf(GAP);
  if (gap < 0) return undefined;
  const headers = text
    .subarray(0, gap)
    .toString('utf8')
    .split('\r\n')
    .map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, Math.max(colon, 0)).trim().toLowerCase(), line.slice(colon + 1).trim()];
    });
  const known = new Map(headers);
  if (
    known.size < headers.length ||
    headers.some(([name]) => name !== 'content-disposition' && name !== 'content-type')
  )
    return undefined;
  const [, name, , filename] =
    /^form-data;\s*name="([^"]*)"(;\s*filename="([^"]*)")?$/i.exec(known.get('content-disposition') ?? '') ?? [];
  const type = known.get('content-type');
  if (name === undefined) return undefined;
  return {
    name: unescaped(name),
    value: text.subarray(gap + GAP.length),
    ...(filename !== undefined && { filename: unescaped(filename) }),
    ...(type !== undefined && { type }),
  };
}

/** Reverses the escaping that HTML forms apply to part names. */
function unescaped(text: string): string {
  return text.replace(/%22|%0D|%0A/gi, (escape) => decodeURIComponent(escape));
}
