import type { HttpMethod } from '../../tasks/define';
import { formPart, urlEncodedData } from './curl-data';
import type { FormPart } from './curl-data';
import { refuseCurl } from './curl-refusal';
import { shellWords } from './shell-words';

/** What a cURL command would send. It may hold credentials: show nothing of it before they are taken out. */
export interface CurlCommand {
  method: HttpMethod;
  /** With the query that `-G` makes. */
  url: URL;
  /** Names in small letters; the last of a name counts. */
  headers: ReadonlyMap<string, string>;
  body?: string;
  /** The parts that `-F` makes, in place of a body. */
  form?: readonly FormPart[];
  /** Shell variables in it, which nobody fills in here. */
  variables: ReadonlySet<string>;
}

const METHODS: ReadonlySet<string> = new Set<HttpMethod>(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']);

/** What the short options are called in full; only these are understood. */
const SHORT: Readonly<Record<string, string>> = {
  X: '--request', H: '--header', d: '--data', F: '--form', A: '--user-agent', G: '--get', I: '--head', u: '--user', b: '--cookie', k: '--insecure',
  L: '--location', s: '--silent', S: '--show-error', i: '--include', v: '--verbose', f: '--fail', '#': '--progress-bar', N: '--no-buffer', g: '--globoff',
};

const DATA: ReadonlySet<string> = new Set(['--data', '--data-ascii', '--data-raw', '--data-binary', '--data-urlencode', '--json']);
const WITH_ARGUMENT: ReadonlySet<string> = new Set(['--request', '--header', '--url', '--user-agent', '--form', '--form-string', ...DATA]);
const WITHOUT_ARGUMENT: ReadonlySet<string> = new Set(['--get', '--head']);

/** They say how cURL shows an answer, which is not its business here. */
const DISPLAY: ReadonlySet<string> = new Set([
  ...['--silent', '--show-error', '--include', '--verbose', '--compressed', '--fail', '--fail-with-body'],
  ...['--progress-bar', '--no-buffer', '--globoff', '--http1.1'],
]);

const SETTINGS_SIGN = 'credentials come from settings and are never taken from a command';
const INSTEAD = 'leave it out; a task is signed with the settings of its service, and http.request with a header that names a secret of HTTP_TASKS_SECRET_NAME';
const REFUSED: Readonly<Record<string, string>> = {
  '--user': `${SETTINGS_SIGN}: ${INSTEAD}, for a user and a password -H "authorization: Basic {{secret:NAME}}" with the base64 of both in it`,
  '--cookie': `${SETTINGS_SIGN}: ${INSTEAD}`,
  '--oauth2-bearer': `${SETTINGS_SIGN}: ${INSTEAD}, -H "authorization: Bearer {{secret:NAME}}"`,
  '--location': 'redirects are never followed',
  '--insecure': 'certificates are always checked',
};

/**
 * Reads a cURL command.
 *
 * @throws Refusal naming the option that is not understood. No argument is ever repeated: it could be a secret.
 */
export function readCurlCommand(text: string): CurlCommand {
  const { words, variables } = shellWords(text);
  if (!/^curl(\.exe)?$/.test(words[0] ?? '')) refuseCurl('begins with another word than curl');
  const { urls, headers, data, form, method, get, head, json } = readOptions(words.slice(1));
  const [address] = urls;
  if (address === undefined || urls.length > 1) refuseCurl(address === undefined ? 'has no URL' : 'has several URLs; give one');
  if (form.length > 0 && (data.length > 0 || get)) refuseCurl('has parts of a form beside --data or --get, which cURL refuses too');
  const url = urlOf(address);
  const body = data.length === 0 ? undefined : data.join(json ? '' : '&');
  if (get && body !== undefined) url.search += `${url.search === '' ? '?' : '&'}${body}`;
  const sent = get ? undefined : body;
  if (sent !== undefined) addDefault(headers, 'content-type', json ? 'application/json' : 'application/x-www-form-urlencoded');
  if (json) addDefault(headers, 'accept', 'application/json');
  return {
    method: methodOf(method ?? (head ? 'HEAD' : sent === undefined && form.length === 0 ? 'GET' : 'POST')),
    url,
    headers,
    ...(sent !== undefined && { body: sent }),
    ...(form.length > 0 && { form }),
    variables,
  };
}

interface Options {
  urls: string[];
  headers: Map<string, string>;
  data: string[];
  form: FormPart[];
  method?: string;
  get: boolean;
  head: boolean;
  json: boolean;
}

function readOptions(words: readonly string[]): Options {
  const options: Options = { urls: [], headers: new Map(), data: [], form: [], get: false, head: false, json: false };
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (!word.startsWith('-') || word === '-') options.urls.push(word);
    else if (word.startsWith('--')) readOption(options, longName(word), left);
    else readShortOptions(options, word.slice(1), left);
  }
  return options;
}

function readOption(options: Options, name: string, left: string[]): void {
  if (WITH_ARGUMENT.has(name)) apply(options, name, left.shift() ?? refuseCurl(`has no argument for ${name}`));
  else if (WITHOUT_ARGUMENT.has(name)) apply(options, name, '');
  else if (!DISPLAY.has(name)) refuseCurl(`has the option ${name}: ${REFUSED[name] ?? 'it is not supported'}`);
}

/** `-sXPOST` is `--silent --request POST`. */
function readShortOptions(options: Options, letters: string, left: string[]): void {
  const [letter = ''] = letters;
  const name = SHORT[letter] ?? refuseCurl(`has the option -${/^[\w#]$/.test(letter) ? letter : '?'}: it is not supported`);
  const rest = letters.slice(1);
  if (rest !== '' && WITH_ARGUMENT.has(name)) left.unshift(rest);
  readOption(options, name, left);
  if (rest !== '' && !WITH_ARGUMENT.has(name)) readShortOptions(options, rest, left);
}

/** Of `--user=me:password`, which cURL does not know either, only the name may be repeated. */
function longName(word: string): string {
  const name = /^--[a-z0-9.-]{1,40}/.exec(word)?.[0] ?? '--';
  return name === word ? name : refuseCurl(`has the option ${name} in a way that cURL does not know`);
}

function apply(options: Options, name: string, argument: string): void {
  if (DATA.has(name)) {
    options.data.push(dataOf(name, argument));
    options.json ||= name === '--json';
  } else if (name === '--form' || name === '--form-string') options.form.push(formPart(name, argument));
  else if (name === '--header') addHeader(options.headers, argument);
  else if (name === '--user-agent') addHeader(options.headers, `user-agent: ${argument}`);
  else if (name === '--url') options.urls.push(argument);
  else if (name === '--request') options.method = argument;
  else if (name === '--get') options.get = true;
  else options.head = true;
}

function dataOf(name: string, argument: string): string {
  if (name === '--data-urlencode') return urlEncodedData(argument);
  if (name !== '--data-raw' && argument.startsWith('@')) refuseCurl(`reads a file with ${name}; write its content into the command`);
  return argument;
}

function addHeader(headers: Map<string, string>, argument: string): void {
  if (argument.startsWith('@')) refuseCurl('reads headers from a file; write them into the command');
  const [, name, written = ''] = /^([^:;\s]+)\s*[:;](.*)$/s.exec(argument) ?? [];
  const value = written.trim();
  if (name === undefined) refuseCurl('has a header that is none; write -H "name: value"');
  // `-H "accept:"` takes a header of cURL's own away.
  if (value !== '' || argument.endsWith(';')) headers.set(name.toLowerCase(), value);
}

function addDefault(headers: Map<string, string>, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}

function urlOf(text: string): URL {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) refuseCurl('has a URL that is none, or that does not begin with https://');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') refuseCurl(`has a user name or a password in its URL: ${SETTINGS_SIGN}`);
  return url;
}

function methodOf(text: string): HttpMethod {
  const method = text.toUpperCase();
  return METHODS.has(method) ? (method as HttpMethod) : refuseCurl(`has a method that is none of ${[...METHODS].join(', ')}`);
}
