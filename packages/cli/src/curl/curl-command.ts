import type { HttpMethod } from 'temporal-http-tasks/internal/tasks/define';
import { dataOf, formPart, queryData, readCurlUrl, readFromDisk, refuseCurl } from './curl-data';
import type { FormPart, ReadFile } from './curl-data';
import { APPLIED, DATA, FLAGS, hasUnusedArgument, REFUSED, SHORT, whyLeftOut } from './curl-options';
import { shellWords } from './shell-words';

/** What a cURL command would send. It may contain credentials, so nothing of it is shown before they are removed. */
export interface CurlCommand {
  method: HttpMethod;
  /** With the query that `-G` and `--url-query` make; without user name, password and fragment. */
  url: URL;
  /** The query as it is written, without its `?`; empty for none. */
  query: string;
  /** Lower-case names, in order; a name may occur several times. Cookies are not among them. */
  headers: readonly Header[];
  /** Headers that cURL would add and the command removes. */
  removed: ReadonlySet<string>;
  /** `name=value` pairs of `-b` or of the header. */
  cookies: readonly string[];
  body?: Buffer;
  /** The parts that `-F` makes, in place of a body. */
  form?: readonly FormPart[];
  /** Options that change nothing of what is sent, with the reason where there is something to say. */
  unused: readonly UnusedOption[];
  /** Shell variables in it, which are not filled in here. */
  variables: ReadonlySet<string>;
}

/** A header's name in lower case, and its value. */
export type Header = readonly [name: string, value: string];

/** An option that has no effect here. */
export interface UnusedOption {
  name: string;
  /** Empty if there is nothing to report. */
  why: string;
}

const METHODS: ReadonlySet<string> = new Set<HttpMethod>([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
]);

/** Headers of which a request has one; lists of the others may be written in several lines. */
const ONCE: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'user-agent',
  'referer',
  'host',
  'range',
  'if-range',
  'max-forwards',
  'from',
  'date',
]);

/**
 * Reads a cURL command.
 *
 * @throws Refusal naming the option that is not understood. No argument is ever repeated, except the name of a file: it could be a secret.
 */
export function readCurlCommand(text: string, read: ReadFile = readFromDisk): CurlCommand {
  const { words, variables } = shellWords(text);
  if (!/^curl(\.exe)?$/i.test(words[0] ?? '')) refuseCurl('begins with another word than curl');
  const options = readOptions(words.slice(1), read);
  const { urls, form, method, flags } = options;
  const [address] = urls;
  if (address === undefined || urls.length > 1)
    refuseCurl(address === undefined ? 'has no URL' : 'has several URLs; give one');
  const get = flags.has('--get');
  if (form.length > 0 && (options.data.length > 0 || get))
    refuseCurl('has parts of a form besides --data or --get, which cURL refuses too');
  if (flags.has('--head') && !get && (options.data.length > 0 || form.length > 0))
    refuseCurl('has a body besides --head, which cURL refuses too');
  if (get && options.query.length > 0)
    refuseCurl('has --url-query besides --get, which versions of cURL read differently; use one of them');
  const { url, query, signsIn } = readCurlUrl(address, {
    globoff: flags.has('--globoff'),
    pathAsIs: flags.has('--path-as-is'),
  });
  const data = joined(options.data);
  const added = get && data ? data.toString() : options.query.join('&');
  if (/[\s\p{Cc}#]/u.test(added))
    refuseCurl('has a space, a control character or # in its query; percent-encode it, or use --data-urlencode');
  const wholeQuery = [query, added].filter((part) => part !== '').join('&');
  if (added !== '') url.search = wholeQuery;
  const sent = get ? undefined : data;
  const headers = new Headers(options);
  if (signsIn) headers.addDefault('authorization', '');
  if (sent) headers.addDefault('content-type', options.json ? 'application/json' : 'application/x-www-form-urlencoded');
  if (options.json) headers.addDefault('accept', 'application/json');
  return {
    method: methodOf(
      method ?? (flags.has('--head') ? 'HEAD' : sent === undefined && form.length === 0 ? 'GET' : 'POST'),
    ),
    url,
    query: wholeQuery,
    headers: headers.entries(),
    removed: headers.removed,
    cookies: headers.cookies(options.cookies),
    ...(sent && { body: sent }),
    ...(form.length > 0 && { form }),
    unused: options.unused,
    variables,
  };
}

/** The pieces of a body: `&` between them, except before one of `--json`. */
function joined(pieces: readonly DataPiece[]): Buffer | undefined {
  if (pieces.length === 0) return undefined;
  return Buffer.concat(
    pieces.flatMap(({ option, content }, index) =>
      index > 0 && option !== '--json' ? [Buffer.from('&'), content] : [content],
    ),
  );
}

interface DataPiece {
  option: string;
  content: Buffer;
}

interface Options {
  urls: string[];
  query: string[];
  /** As written: `Name: value`, `Name:` or `Name;`. */
  headers: string[];
  /** Values that options give to a header, which one of `--header` replaces. */
  defaults: [name: string, value: string][];
  cookies: string[];
  data: DataPiece[];
  form: FormPart[];
  method?: string;
  flags: Set<string>;
  json: boolean;
  unused: UnusedOption[];
}

function readOptions(words: readonly string[], read: ReadFile): Options {
  const options: Options = {
    urls: [],
    query: [],
    headers: [],
    defaults: [],
    cookies: [],
    data: [],
    form: [],
    flags: new Set(),
    json: false,
    unused: [],
  };
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (!word.startsWith('-') || word === '-') options.urls.push(word);
    else if (word === '--') options.urls.push(...left.splice(0));
    else if (word.startsWith('--')) readOption(options, longName(word), left, read);
    else readShortOptions(options, word.slice(1), left, read);
  }
  return options;
}

function readOption(options: Options, name: string, left: string[], read: ReadFile): void {
  const argument = (): string => left.shift() ?? refuseCurl(`has no argument for ${name}`);
  if (APPLIED.has(name)) return apply(options, name, argument(), read);
  if (FLAGS.has(name)) {
    options.flags.add(name);
    return;
  }
  const why = whyLeftOut(name);
  if (why === undefined) refuseCurl(`has the option ${name}: ${REFUSED[name] ?? 'it is not supported'}`);
  if (hasUnusedArgument(name)) argument();
  if (!options.unused.some((one) => one.name === name)) options.unused.push({ name, why });
}

/** `-sXPOST` is `--silent --request POST`. */
function readShortOptions(options: Options, letters: string, left: string[], read: ReadFile): void {
  const [letter = ''] = letters;
  const name =
    SHORT[letter] ?? refuseCurl(`has the option -${/^[\w#]$/.test(letter) ? letter : '?'}: it is not supported`);
  const rest = letters.slice(1);
  const takesArgument = APPLIED.has(name) || hasUnusedArgument(name);
  if (rest !== '' && takesArgument) left.unshift(rest);
  readOption(options, name, left, read);
  if (rest !== '' && !takesArgument) readShortOptions(options, rest, left, read);
}

/** Of `--user=me:password`, which cURL does not know either, only the name may be repeated. */
function longName(word: string): string {
  const name = /^--[a-z0-9.-]{1,40}/.exec(word)?.[0] ?? '--';
  return name === word ? name : refuseCurl(`has the option ${name} in a form that cURL does not accept`);
}

function apply(options: Options, name: string, argument: string, read: ReadFile): void {
  if (DATA.has(name)) {
    options.data.push({ option: name, content: dataOf(name, argument, read) });
    options.json ||= name === '--json';
    return;
  }
  switch (name) {
    case '--form':
    case '--form-string':
      options.form.push(formPart(name, argument, read));
      return;
    case '--header':
      options.headers.push(
        ...(argument.startsWith('@')
          ? read(name, argument.slice(1))
              .toString()
              .split(/\r?\n/)
              .filter((line) => line.trim() !== '')
          : [argument]),
      );
      return;
    case '--url':
      options.urls.push(argument);
      return;
    case '--url-query':
      options.query.push(queryData(argument, read));
      return;
    case '--request':
      options.method = argument;
      return;
    case '--cookie':
      if (argument.includes('=')) options.cookies.push(argument);
      else options.unused.push({ name, why: 'cookies of a file are not sent' });
      return;
    case '--user':
      options.defaults.push(['authorization', '']);
      return;
    case '--oauth2-bearer':
      options.defaults.push(['authorization', `Bearer ${argument}`]);
      return;
    case '--user-agent':
      options.defaults.push(['user-agent', argument]);
      return;
    case '--referer':
      options.defaults.push(['referer', argument.replace(/;auto$/, '')]);
      return;
    default:
      options.defaults.push(['range', `bytes=${argument}`]);
  }
}

/** The headers of a command, as cURL sends them: those of `--header` in place of its own. */
class Headers {
  readonly removed = new Set<string>();
  readonly #given: Header[] = [];
  readonly #cookies: string[] = [];

  constructor({ headers, defaults }: Options) {
    for (const argument of headers) this.#read(argument);
    for (const [name, value] of defaults) if (value !== '' || name === 'authorization') this.addDefault(name, value);
    for (const name of ONCE)
      if (this.#given.filter(([one]) => one === name).length > 1)
        refuseCurl(`has the header ${name} twice; give it once`);
  }

  /** Without cookies; repeated ones in order. */
  entries(): readonly Header[] {
    return this.#given;
  }

  /** Those of the header, else those of the option. */
  cookies(ofOption: readonly string[]): string[] {
    const all = this.#cookies.length > 0 || this.removed.has('cookie') ? this.#cookies : ofOption;
    return all
      .flatMap((text) => text.split(';'))
      .map((pair) => pair.trim())
      .filter((pair) => pair !== '');
  }

  addDefault(name: string, value: string): void {
    if (!this.removed.has(name) && !this.#given.some(([one]) => one === name)) this.#given.push([name, value]);
  }

  #read(argument: string): void {
    const [, name, sign, written = ''] = /^([^:;\s]+)\s*([:;])(.*)$/s.exec(argument) ?? [];
    const value = written.trim();
    const lower = name?.toLowerCase() ?? '';
    if (name === undefined || (sign === ';' && value !== ''))
      refuseCurl('has an invalid header; write -H "name: value"');
    // `-H "accept:"` removes a header of cURL's own, and `-H "accept;"` sends it empty.
    if (sign === ':' && value === '') this.removed.add(lower);
    else if (lower === 'cookie') this.#cookies.push(value);
    else this.#given.push([lower, value]);
  }
}

function methodOf(text: string): HttpMethod {
  const method = text.toUpperCase();
  return METHODS.has(method)
    ? (method as HttpMethod)
    : refuseCurl(`has an unknown method; allowed: ${[...METHODS].join(', ')}`);
}
