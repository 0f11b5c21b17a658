import { refuseCurl } from './curl-refusal';

/** What `readCurlUrl` found in the text of a URL. */
export interface CurlUrl {
  url: URL;
  /** The query as it is written, without its `?`; empty for none. */
  query: string;
  /** Whether the URL contained a user name or a password, which is left out. */
  signsIn: boolean;
}

/**
 * Reads a URL as cURL does: without a fragment, lists and ranges in it expanded unless `globoff` says otherwise.
 *
 * @throws Refusal for a URL that cURL refuses, that stands for several calls, or that would be changed when it is sent from here.
 */
export function readCurlUrl(text: string, { globoff, pathAsIs }: { globoff: boolean; pathAsIs: boolean }): CurlUrl {
  const whole = globoff ? text : expanded(text);
  if (!/^https?:\/\//i.test(whole) || !URL.canParse(whole))
    refuseCurl('has a URL that is none, or that does not begin with https://');
  if (/[\s\p{Cc}]/u.test(whole))
    refuseCurl('has a space or a control character in its URL, which cURL refuses too; percent-encode it');
  const [sent = ''] = whole.split('#', 1);
  const [beforeQuery = ''] = sent.split('?', 1);
  if (beforeQuery.includes('\\'))
    refuseCurl('has a backslash in its URL, which would be sent as a slash; percent-encode it');
  const path = beforeQuery.replace(/^https?:\/\/[^/]*/i, '');
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path) && (pathAsIs || /%2e/i.test(path)))
    refuseCurl(
      'has dots as a part of its path, which would be resolved before it is sent; write the path that is meant',
    );
  const url = new URL(sent);
  const signsIn = url.username !== '' || url.password !== '';
  url.username = '';
  url.password = '';
  return { url, query: sent.slice(beforeQuery.length + 1), signsIn };
}

/** `[::1]` in a host is an address and not a range; so is one with a zone. */
const ADDRESS = /^\[(?=[^\]]*:[^\]]*:)[0-9a-fA-F:.]+(?:%(?:25)?[\w.~-]+)?\]/;
const RANGE = /^\[(?:(\d+)-(\d+)|([a-zA-Z])-([a-zA-Z]))(?::(\d+))?\]/;
const GLOB =
  'has [ ] or { } in its URL, which cURL reads as lists and ranges; add --globoff if they are part of the URL';

/** The only URL that a text with lists and ranges stands for; a shell's variable `${NAME}` stays. */
function expanded(text: string): string {
  let made = '';
  let calls = 1;
  let rest = text;
  while (rest !== '') {
    const [plain = ''] = /^(?:\$\{\w+\}|\\[{}[\],]|\[\]|[^{}[\]\\]|\\(?![{}[\],]))+/.exec(rest) ?? [];
    made += plain.replace(/\\([{}[\],])/g, '$1');
    rest = rest.slice(plain.length);
    if (rest === '') break;
    const [address] = ADDRESS.exec(rest) ?? [];
    const { length, first, count } =
      address === undefined ? listOrRange(rest) : { length: address.length, first: address, count: 1 };
    made += first;
    calls = Math.min(calls * count, Number.MAX_SAFE_INTEGER);
    rest = rest.slice(length);
  }
  if (calls > 1)
    refuseCurl(
      `stands for ${calls} calls, by the lists or ranges in its URL; give one of them, or add --globoff if the brackets are part of the URL`,
    );
  return made;
}

function listOrRange(text: string): { length: number; first: string; count: number } {
  if (text.startsWith('{')) {
    const [whole, inner = ''] = /^\{((?:\\.|[^{}[\]\\])*)\}/.exec(text) ?? refuseCurl(GLOB);
    const entries = inner.split(/(?<!\\),/);
    return { length: whole.length, first: (entries[0] ?? '').replace(/\\([{}[\],])/g, '$1'), count: entries.length };
  }
  const [whole, from, to, first = '', last = '', step = '1'] = RANGE.exec(text) ?? refuseCurl(GLOB);
  const [low, high] = from === undefined ? [first.charCodeAt(0), last.charCodeAt(0)] : [Number(from), Number(to)];
  if (high < low || Number(step) === 0) refuseCurl(GLOB);
  return { length: whole.length, first: from ?? first, count: Math.floor((high - low) / Number(step)) + 1 };
}
