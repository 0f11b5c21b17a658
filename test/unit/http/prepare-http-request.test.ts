import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { everythingIn, fieldOfRefusal } from './failure-of';
import { settingsFor } from './provider';

const ORIGIN = 'http://127.0.0.1:4999';

describe('http.request', () => {
  const allowed = settingsFor(ORIGIN, {
    HTTP_TASKS_SECRET_TICKETS: 'canary-ticket-key',
    HTTP_TASKS_SECRET_TICKETS_ORIGIN: ORIGIN,
    HTTP_TASKS_SECRET_OTHER: 'canary-other-key',
    HTTP_TASKS_SECRET_OTHER_ORIGIN: 'https://other.example',
  });

  it('puts a named secret into a header for its own origin, and masks it when shown', () => {
    const input = {
      uri: `${ORIGIN}/a?b=c#d`,
      method: 'POST',
      headers: { Authorization: 'Bearer {{secret:TICKETS}}' },
      body: { a: 1 },
    };
    const prepared = prepareRequest(http.request, input, allowed);
    expect(prepared).toMatchObject({ method: 'POST', path: '/a?b=c', body: '{"a":1}', effect: 'irreversible' });
    expect(prepared.headers.authorization).toBe('Bearer canary-ticket-key');
    expect(everythingIn(prepared.masked())).not.toContain('canary');
    expect(prepared.masked().headers.authorization).toBe('Bearer {{secret:TICKETS}}');
  });

  it.each([
    [`${ORIGIN}/a`, '/a?q=a%26b%20c&n=1&n=2&yes=true'],
    [`${ORIGIN}/a?b=c#d`, '/a?b=c&q=a%26b%20c&n=1&n=2&yes=true'],
  ])('writes the fields of query after %s', (uri, path) => {
    expect(prepareRequest(http.request, { uri, query: { q: 'a&b c', n: [1, 2], yes: true } }, allowed).path).toBe(path);
  });

  it('gives the whole call as long as its parts may take', () => {
    const input = { uri: `${ORIGIN}/`, connectTimeoutMs: 20_000, readTimeoutMs: 90_000 };
    const timeouts = { connectMs: 20_000, firstByteMs: 90_000, bodyMs: 90_000, totalMs: 110_000 };
    expect(prepareRequest(http.request, input, allowed).timeouts).toEqual(timeouts);
  });

  it.each([
    ['an address that the list holds', 'http://10.0.0.5:8080', {}, false],
    ['the same address in decimal', 'http://167772165:8080', {}, false],
    ['an address in brackets', 'http://[::1]:8080', {}, false],
    ["this machine's name", 'http://localhost:8080', {}, false],
    ['a name', 'http://desk.example', {}, true],
    [
      'a name of a private network that the operator allows',
      'http://desk.example',
      { HTTP_TASKS_HTTP_ALLOW_PRIVATE: 'http://desk.example' },
      false,
    ],
  ])('may connect to public addresses only, but for %s', (_what, uri, more, publicOnly) => {
    const settings = settingsFor(ORIGIN, {
      HTTP_TASKS_HTTP_ALLOW: 'http://10.0.0.5:8080,http://[::1]:8080,http://localhost:8080,http://desk.example',
      ...more,
    });
    expect(prepareRequest(http.request, { uri: `${uri}/` }, settings).publicOnly).toBe(publicOnly);
  });

  it.each([
    'http://127.1/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://[::ffff:127.0.0.1]/',
    'http://0/',
    'http://0x7f000001/',
    'http://017700000001/',
    'http://127.0.0.1./',
    'http://localhost/',
    'http://localhost./',
    'http://[::]/',
    'http://0.0.0.0/',
    'http://169.254.169.254/',
    'http://[fe80::1]/',
    'http://①②⑦.⓪.⓪.①/',
    'http://desk.example.evil.example/',
    'http://desk.example./',
    'http://desk.example:81/',
  ])('refuses %s, whose address the list does not hold', (uri) => {
    expect(
      fieldOfRefusal(() =>
        prepareRequest(http.request, { uri }, settingsFor(ORIGIN, { HTTP_TASKS_HTTP_ALLOW: 'http://desk.example' })),
      ).field,
    ).toBe('uri');
  });

  it.each([
    ['https://desk.example.com/', true],
    ['https://a.b.example.com/', true],
    ['https://DESK.Example.com:443/', true],
    ['https://b.example.org:8443/', true],
    ['http://desk.example.net/', true],
    ['https://example.com/', false],
    ['https://notexample.com/', false],
    ['https://desk.example.com.evil.example/', false],
    ['https://desk.example.com./', false],
    ['https://.example.com/', false],
    ['https://*.example.com/', false],
    ['http://desk.example.com/', false],
    ['https://desk.example.com:8443/', false],
    ['https://b.example.org/', false],
  ])('takes %s below a wildcard of the list: %s', (uri, allowed) => {
    const settings = settingsFor(ORIGIN, {
      HTTP_TASKS_HTTP_ALLOW: '*.example.com,https://*.example.org:8443,http://*.example.net',
    });
    const prepare = () => prepareRequest(http.request, { uri }, settings);
    if (!allowed) return void expect(fieldOfRefusal(prepare).field).toBe('uri');
    // The owner of a name below the domain decides where it leads.
    expect(prepare().publicOnly).toBe(true);
  });

  it('masks headers in which people put keys of their own', () => {
    const headers = { 'X-Api-Key': 'my-own-key', 'X-Plain': 'shown' };
    const masked = prepareRequest(http.request, { uri: `${ORIGIN}/`, headers }, allowed).masked();
    expect(masked.headers).toMatchObject({ 'x-api-key': '****', 'x-plain': 'shown' });
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['another origin', { uri: 'http://127.0.0.1:5000/' }, 'uri', /HTTP_TASKS_HTTP_ALLOW/],
    ['another scheme', { uri: 'https://127.0.0.1:4999/' }, 'uri', /not an allowed origin/],
    ['a host that only begins like an allowed one', { uri: 'http://127.0.0.1:4999.example/' }, 'uri', /./],
    ['an allowed origin as user name', { uri: 'http://127.0.0.1:4999@evil.example/' }, 'uri', /user name/],
    ['a user name', { uri: 'http://me:pw@127.0.0.1:4999/' }, 'uri', /user name/],
    ['a file', { uri: 'file:///etc/passwd' }, 'uri', /./],
    [
      'a secret of another origin',
      { headers: { a: '{{secret:OTHER}}' } },
      'headers.a',
      /belongs to https:\/\/other\.example/,
    ],
    ['an unknown secret', { headers: { a: '{{secret:NOPE}}' } }, 'headers.a', /known: OTHER, TICKETS/],
    ['a secret that cannot be read', { headers: { a: '{{secret:TICKETS' } }, 'headers.a', /\{\{secret:NAME\}\}/],
    ['a secret in the URL', { uri: `${ORIGIN}/?k={{secret:TICKETS}}` }, 'uri', /allowed in headers only/],
    ['a secret in the body', { method: 'POST', body: { k: '{{secret:TICKETS}}' } }, 'body', /allowed in headers only/],
    ['a body with GET', { body: {} }, 'body', /GET has no body/],
    [
      'a body that is no text for a type that is not JSON',
      { method: 'POST', contentType: 'text/plain', body: {} },
      'body',
      /string/,
    ],
    [
      'a header that frames the message',
      { headers: { 'Transfer-Encoding': 'chunked' } },
      'headers.Transfer-Encoding',
      /leave it out/,
    ],
    ['a line break in a header', { headers: { a: 'b\r\nc: d' } }, 'headers.a', /line breaks/],
    ['an unknown field', { url: 'x' }, 'url', /unknown field/],
    ['a body with TRACE', { method: 'TRACE', body: {} }, 'body', /TRACE has no body/],
    [
      'a secret with TRACE, which echoes it',
      { method: 'TRACE', headers: { a: '{{secret:TICKETS}}' } },
      'headers.a',
      /response to TRACE/,
    ],
    ['a method that opens a tunnel', { method: 'CONNECT' }, 'method', /./],
    ['a secret in the query', { query: { k: ['{{secret:TICKETS}}'] } }, 'query', /allowed in headers only/],
    ['half a character in the query', { query: { k: '\ud800' } }, 'query.k', /Unicode/],
    ['half a character in the URL', { uri: `${ORIGIN}/users/\udc00` }, 'uri', /Unicode/],
    [
      'half a character in a text body',
      { method: 'POST', contentType: 'text/plain', body: 'a\ud800' },
      'body',
      /Unicode/,
    ],
    ['a part of a second to connect', { connectTimeoutMs: 1_500 }, 'connectTimeoutMs', /whole seconds/],
    ['a time-out that outlives the activity', { readTimeoutMs: 600_000 }, 'readTimeoutMs', /./],
    ['a status that no answer has', { expectedStatuses: [99] }, 'expectedStatuses.0', /./],
  ])('refuses %s', (_what, more, field, message) => {
    const refusal = fieldOfRefusal(() => prepareRequest(http.request, { uri: `${ORIGIN}/`, ...more }, allowed));
    expect(refusal.field).toBe(field);
    expect(refusal.message).toMatch(message);
    expect(refusal.message).not.toContain('canary');
  });

  it.each([
    [{}, 'read'],
    [{ method: 'HEAD' }, 'read'],
    [{ method: 'OPTIONS' }, 'read'],
    [{ method: 'TRACE' }, 'read'],
    [{ method: 'DELETE' }, 'irreversible'],
    [{ method: 'POST' }, 'irreversible'],
    [{ method: 'POST', effect: 'repeatSafe' }, 'repeatSafe'],
  ] as const)('with %j counts as %s', (more, effect) => {
    expect(prepareRequest(http.request, { uri: `${ORIGIN}/`, ...more }, allowed).effect).toBe(effect);
  });
});
