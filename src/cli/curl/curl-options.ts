/** What the short options are called in full; only these are understood. */
export const SHORT: Readonly<Record<string, string>> = {
  X: '--request', H: '--header', d: '--data', F: '--form', A: '--user-agent', G: '--get', I: '--head', u: '--user', b: '--cookie', k: '--insecure',
  L: '--location', s: '--silent', S: '--show-error', i: '--include', v: '--verbose', f: '--fail', '#': '--progress-bar', N: '--no-buffer', g: '--globoff',
  e: '--referer', r: '--range', m: '--max-time', o: '--output', O: '--remote-name', w: '--write-out', D: '--dump-header', c: '--cookie-jar', j: '--junk-session-cookies',
  x: '--proxy', U: '--proxy-user', K: '--config', T: '--upload-file', E: '--cert', n: '--netrc', z: '--time-cond', '4': '--ipv4', '6': '--ipv6', q: '--disable',
  '0': '--http1.0', '1': '--tlsv1', '2': '--sslv2', '3': '--sslv3', y: '--speed-time', Y: '--speed-limit', R: '--remote-time', J: '--remote-header-name', Z: '--parallel',
  a: '--append', C: '--continue-at', ':': '--next',
};

/** Options that give the body, or the query with `--get`. */
export const DATA: ReadonlySet<string> = new Set(['--data', '--data-ascii', '--data-raw', '--data-binary', '--data-urlencode', '--json']);

/** Options that say what is sent, and are carried out. */
export const APPLIED: ReadonlySet<string> = new Set([
  ...DATA,
  ...['--request', '--header', '--url', '--url-query', '--user-agent', '--referer', '--range', '--form', '--form-string', '--cookie', '--user', '--oauth2-bearer'],
]);

/** Options without an argument that say what is sent, and are carried out. */
export const FLAGS: ReadonlySet<string> = new Set(['--get', '--head', '--globoff', '--path-as-is', '--basic', '--no-globoff']);

const LIMITS = 'time limits are those of the task';
const REPEATS = 'a call is repeated by its own rules';
const VERSION = 'the sender chooses the version of HTTP and TLS';
const CREDENTIALS = 'credentials come from the settings';

/** Options that change nothing of what is sent. Each is left out, with the reason where a person might miss its effect. */
const LEFT_OUT: Readonly<Record<string, string | undefined>> = {
  '--location': 'redirects are never followed',
  '--location-trusted': 'redirects are never followed',
  '--post301': undefined, '--post302': undefined, '--post303': undefined,
  '--insecure': 'certificates are always checked',
  '--compressed': undefined, '--tr-encoding': undefined,
  '--silent': undefined, '--show-error': undefined, '--include': undefined, '--verbose': undefined, '--fail': undefined, '--fail-with-body': undefined,
  '--fail-early': undefined, '--progress-bar': undefined, '--no-progress-meter': undefined, '--progress-meter': undefined, '--no-buffer': undefined,
  '--buffer': undefined, '--styled-output': undefined, '--no-styled-output': undefined, '--raw': undefined, '--show-headers': undefined,
  '--remote-name': 'the response is printed', '--remote-name-all': 'the response is printed', '--remote-header-name': undefined, '--remote-time': undefined,
  '--create-dirs': undefined, '--no-clobber': undefined, '--xattr': undefined, '--trace-time': undefined, '--trace-ids': undefined, '--parallel': undefined,
  '--disable': undefined, '--junk-session-cookies': undefined, '--netrc': CREDENTIALS, '--netrc-optional': CREDENTIALS,
  '--http0.9': undefined, '--http1.0': VERSION, '--http1.1': VERSION, '--http2': VERSION, '--http2-prior-knowledge': VERSION, '--http3': VERSION, '--http3-only': VERSION,
  '--no-alpn': undefined, '--no-npn': undefined, '--tlsv1': VERSION, '--tlsv1.0': VERSION, '--tlsv1.1': VERSION, '--tlsv1.2': VERSION, '--tlsv1.3': VERSION,
  '--ssl-no-revoke': 'certificates are always checked', '--ssl-revoke-best-effort': 'certificates are always checked', '--ssl-reqd': undefined, '--cert-status': undefined,
  '--ca-native': undefined, '--ipv4': undefined, '--ipv6': undefined, '--tcp-nodelay': undefined, '--tcp-fastopen': undefined, '--keepalive': undefined,
  '--no-keepalive': undefined, '--no-sessionid': undefined, '--retry-connrefused': REPEATS, '--retry-all-errors': REPEATS,
};

/** The same, of options with an argument. */
const LEFT_OUT_WITH_ARGUMENT: Readonly<Record<string, string | undefined>> = {
  '--output': 'the response is printed', '--output-dir': undefined, '--write-out': undefined, '--dump-header': undefined, '--stderr': undefined, '--trace': undefined,
  '--trace-ascii': undefined, '--trace-config': undefined, '--cookie-jar': 'cookies of responses are not kept', '--libcurl': undefined,
  '--max-time': LIMITS, '--connect-timeout': LIMITS, '--expect100-timeout': undefined, '--keepalive-time': undefined, '--happy-eyeballs-timeout-ms': undefined,
  '--speed-limit': undefined, '--speed-time': undefined, '--limit-rate': undefined, '--rate': undefined, '--max-filesize': undefined,
  '--max-redirs': 'redirects are never followed', '--retry': REPEATS, '--retry-delay': REPEATS, '--retry-max-time': REPEATS,
  '--tls-max': VERSION, '--ciphers': undefined, '--tls13-ciphers': undefined, '--curves': undefined, '--proto': undefined, '--proto-redir': undefined,
  '--proto-default': undefined, '--parallel-max': undefined, '--etag-save': undefined, '--create-file-mode': undefined, '--remove-on-error': undefined,
};

const SIGN = 'signs in a way that is not supported; a task is signed with the settings of its service, and http.request with a header that names a secret of HTTP_TASKS_SECRET_NAME';
const CERTIFICATE = 'certificates of clients and authorities come from the settings; leave it out';
const ELSEWHERE = 'a call goes to the address in its URL and nowhere else';
const PROXY = 'a proxy is a setting of the sender (HTTPS_PROXY); leave it out';

/** Why options that would change what is sent, or to whom, are refused. */
export const REFUSED: Readonly<Record<string, string>> = {
  '--config': 'options are not read from a file; write them into the command',
  '--next': 'one command is one call; give one cURL command',
  '--upload-file': 'write --request PUT, the content type as a header, and the file as --data-binary @FILE',
  '--request-target': 'the path is that of the URL',
  '--anyauth': SIGN, '--digest': SIGN, '--ntlm': SIGN, '--negotiate': SIGN, '--aws-sigv4': SIGN, '--delegation': SIGN,
  '--cert': CERTIFICATE, '--cert-type': CERTIFICATE, '--key': CERTIFICATE, '--key-type': CERTIFICATE, '--pass': CERTIFICATE, '--cacert': CERTIFICATE, '--capath': CERTIFICATE,
  '--netrc-file': 'credentials come from the settings; leave it out',
  '--resolve': ELSEWHERE, '--connect-to': ELSEWHERE, '--unix-socket': ELSEWHERE, '--abstract-unix-socket': ELSEWHERE, '--interface': ELSEWHERE,
  '--dns-servers': ELSEWHERE, '--doh-url': ELSEWHERE, '--alt-svc': ELSEWHERE, '--hsts': ELSEWHERE,
  '--proxy': PROXY, '--proxy-user': PROXY, '--preproxy': PROXY, '--noproxy': PROXY, '--socks5': PROXY, '--socks5-hostname': PROXY, '--socks4': PROXY, '--socks4a': PROXY,
  '--time-cond': 'write the header it makes, If-Modified-Since or If-Unmodified-Since',
  '--etag-compare': 'write the header it makes, If-None-Match',
  '--continue-at': 'write the header it makes, Range',
  '--form-escape': 'names of parts are escaped as cURL does without it',
  '--variable': 'variables are not filled in; write their values',
};

/** Why an option has no effect here; empty where a person would not miss it, undefined for any other option. */
export function whyLeftOut(name: string): string | undefined {
  const all = { ...LEFT_OUT, ...LEFT_OUT_WITH_ARGUMENT };
  return Object.hasOwn(all, name) ? (all[name] ?? '') : undefined;
}

/** Whether an option that has no effect here is followed by an argument. */
export function hasUnusedArgument(name: string): boolean {
  return Object.hasOwn(LEFT_OUT_WITH_ARGUMENT, name);
}
