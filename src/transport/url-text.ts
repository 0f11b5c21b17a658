/**
 * Returns why a URL is ambiguous, so that part of a user name or password could be read as its host, path or query and
 * end up in an error or a DNS lookup; undefined if it is unambiguous. Repeats no part of the URL.
 */
export function whyAmbiguousUrl(text: string): string | undefined {
  // URL parsers remove tabs and line breaks, and treat a backslash as a slash in some schemes.
  if (/[\u0000-\u0020\u007f]/.test(text))
    return 'contains white space or a control character; percent-encode it, or remove it.';
  if (text.includes('\\')) return 'contains a backslash; write it as %5C in a user name or password.';
  const authority = /^[^:/?#@]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  const signs = text.split('@').length - 1;
  if (signs === 0 || (signs === 1 && authority.includes('@'))) return undefined;
  return 'contains an "@" that does not end its user name and password; in them, write @ as %40, / as %2F, ? as %3F and # as %23.';
}

/** Returns why the fragment of a URL is refused; undefined if there is none. Repeats no part of the URL. */
export function whyFragment(text: string): string | undefined {
  return text.includes('#')
    ? 'contains a "#", which would begin a fragment; in a user name or password, write it as %23.'
    : undefined;
}

/** Whether a host, in the form of `URL.hostname` (canonical IPv4, IPv6 in brackets), is this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
