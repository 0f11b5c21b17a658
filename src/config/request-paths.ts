/**
 * Returns the decoded segments of a URL path. Returns undefined if servers may interpret the path in different ways: an
 * encoded slash, double encoding, an empty segment, or dot segments.
 */
export function segmentsOf(pathname: string): readonly string[] | undefined {
  const segments = pathname.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  const read = segments.map(decoded);
  return read.every((segment) => segment !== undefined && isPlain(segment)) ? (read as string[]) : undefined;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isPlain(segment: string): boolean {
  // Some servers convert fullwidth slashes and dots to the ASCII ones.
  const text = segment.normalize('NFKC');
  if (/[/\\\p{Cc}]|%[0-9a-f]{2}/iu.test(text)) return false;
  // Some servers remove white space and everything after a semicolon before they resolve dot segments.
  const [name = ''] = text.split(';');
  return !/^[\s.]*$/.test(name);
}

/** A path, optionally with everything below it. Case-sensitive; a trailing slash is ignored. */
export class PathRule {
  readonly #segments: readonly string[];
  readonly #below: boolean;

  private constructor(segments: readonly string[], below: boolean) {
    this.#segments = segments;
    this.#below = below;
  }

  /** Parses a path from a setting; returns what is wrong with it as a string. */
  static read(path: string, { below }: { below: boolean }): PathRule | string {
    if (!path.startsWith('/')) return 'contains a path that does not begin with a slash; write for example /v1/search.';
    if (/[?#*\s]/.test(path))
      return 'contains a path with a query, a fragment, an asterisk or white space; leave it out.';
    const { pathname } = new URL(`http://host${path}`);
    const segments = segmentsOf(pathname);
    const isNormal =
      segments !== undefined &&
      !path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)) &&
      !path.includes('\\');
    if (!isNormal)
      return 'contains a path with an empty segment, dots, or an encoded slash; write it as the service documents it.';
    return new PathRule(segments, below);
  }

  /** Whether a path, given as segments, equals this one or is below it, if that is allowed. */
  covers(segments: readonly string[]): boolean {
    if (segments.length < this.#segments.length || (!this.#below && segments.length > this.#segments.length))
      return false;
    return this.#segments.every((segment, place) => segment === segments[place]);
  }
}
