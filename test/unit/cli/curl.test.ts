import { callFromCurl } from '@temporal-http-tasks/cli/internal/curl/curl-call';
import { Refusal } from '@temporal-http-tasks/cli/internal/program/errors';
import { snippetsOf } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';

const ENV = {
  PLAID_CLIENT_ID: 'canary-client',
  PLAID_SECRET: 'canary-secret',
  BATCH_REST_API_KEY: 'canary-rest',
  BATCH_API_KEYS: 'ios=CANARYIOS,android=CANARYANDROID',
};
const PLAID = 'https://sandbox.plaid.com';

function call(
  command: string,
  env: Record<string, string> = ENV,
  tasks?: readonly HttpTask[],
): { task: string; input: unknown; leftOut: readonly string[] } {
  const { task, input, leftOut } = callFromCurl(command, env, tasks);
  return { task: task.name, input, leftOut };
}

function refusal(command: string, env?: Record<string, string>, tasks?: readonly HttpTask[]): string {
  try {
    call(command, env, tasks);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect(error).toMatchObject({ type: 'Usage', field: 'curl' });
    expect(error.message).not.toContain('canary');
    return error.message;
  }
  throw new Error('It was not refused.');
}

describe('a cURL command', () => {
  it("to a task's address is a call of that task, without its credentials", () => {
    const command = `curl -X POST ${PLAID}/user/items/remove \\
      -H 'Content-Type: application/json' -H "PLAID-CLIENT-ID: canary-client" -H "PLAID-SECRET: $PLAID_SECRET" -H 'Plaid-Version: 2020-09-14' \\
      -d '{"user_id": "usr_1", "item_ids": ["item_1"]}'`;
    expect(call(command)).toEqual({
      task: 'plaid.userItemsRemove',
      input: { user_id: 'usr_1', item_ids: ['item_1'] },
      leftOut: ['plaid-client-id', 'plaid-secret', 'plaid-version'],
    });
  });

  it('keeps a field called __proto__, so that the schema can refuse it', () => {
    for (const data of ['{"user_id": "usr_1", "__proto__": {"item_ids": ["a"]}}', '{"__proto__": "usr_1"}']) {
      const { input } = callFromCurl(
        `curl -X POST ${PLAID}/user/items/get -H 'Content-Type: application/json' -d '${data}'`,
        ENV,
      );
      expect(Object.keys(input as object)).toContain('__proto__');
      expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
      expect(() => parseInput('plaid.userItemsGet', plaid.userItemsGet.input, input)).toThrow('__proto__');
    }
  });

  it('leaves out credentials in the body', () => {
    const body = JSON.stringify({ client_id: 'canary-client', secret: 'canary-secret', user_id: 'usr_1' });
    expect(call(`curl ${PLAID}/user/items/get --json '${body}'`)).toEqual({
      task: 'plaid.userItemsGet',
      input: { user_id: 'usr_1' },
      leftOut: ['client_id', 'secret'],
    });
  });

  it.each([
    ['DELETE', '/CANARYANDROID/data/users/a%2Fb', '', 'batch.customDataDelete', { id: 'a/b', app: 'android' }],
    [
      'DELETE',
      '/CANARYIOS/data/users',
      `-d '["1","2"]'`,
      'batch.customDataBulkDelete',
      { ids: ['1', '2'], app: 'ios' },
    ],
    ['DELETE', '/unknown/data/users/1', '', 'batch.customDataDelete', { id: '1' }],
  ])('knows %s %s by its path, and the key in it by its name', (method, path, data, task, input) => {
    expect(call(`curl -X ${method} https://api.batch.com/1.0${path} ${data}`)).toEqual({ task, input, leftOut: [] });
  });

  it("is read again from a task's own snippet", () => {
    const inputs: [HttpTask, unknown][] = [
      [plaid.userItemsRemove, { user_id: `it's "so" $HOME \\ \`id\` ü`, item_ids: ['item_1'] }],
      [plaid.userItemsGet, { user_id: 'usr_1' }],
      [
        http.request,
        { uri: 'https://desk.example/a?b=[1]', method: 'PATCH', headers: { 'x-plain': 'shown' }, body: { a: "it's" } },
      ],
    ];
    for (const [task, input] of inputs) {
      const place = { taskQueue: 'http-tasks', address: 'localhost:7233', namespace: 'default' };
      const env = { ...ENV, HTTP_TASKS_HTTP_ALLOW: 'https://desk.example' };
      const { code = '' } =
        snippetsOf(task, input, env, place).snippets.find(({ language }) => language === 'curl') ?? {};
      const read = callFromCurl(code, env);
      expect({ task: read.task.name, input: read.input }).toMatchObject({ task: task.name, input });
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ['curl https://desk.example/a', { uri: 'https://desk.example/a', method: 'GET' }],
    [
      `curl -sS --compressed -G 'https://desk.example/a?b=1' -d c=2 --data-raw d=3`,
      { uri: 'https://desk.example/a?b=1&c=2&d=3', method: 'GET' },
    ],
    ['curl -I --url https://desk.example/a', { uri: 'https://desk.example/a', method: 'HEAD' }],
    ['curl -sXOPTIONS https://desk.example/a', { uri: 'https://desk.example/a', method: 'OPTIONS' }],
    [
      `curl https://desk.example/a -d x=1 -d y=2`,
      {
        uri: 'https://desk.example/a',
        method: 'POST',
        contentType: 'application/x-www-form-urlencoded',
        body: 'x=1&y=2',
      },
    ],
    [
      `curl -X PUT https://desk.example/a --json '{"a":1}' -H 'X-Plain: shown' -H 'Authorization: Bearer {{secret:DESK}}'`,
      {
        ...{
          uri: 'https://desk.example/a',
          method: 'PUT',
          accept: 'application/json',
          contentType: 'application/json',
          body: { a: 1 },
        },
        headers: { 'x-plain': 'shown', authorization: 'Bearer {{secret:DESK}}' },
      },
    ],
    [
      `curl https://desk.example/a -H'Content-Type: text/plain' --data-raw '@a'`,
      { uri: 'https://desk.example/a', method: 'POST', contentType: 'text/plain', body: '@a' },
    ],
    [
      `curl https://desk.example/a -A 'my agent' --data-urlencode 'q=a b&c' --data-urlencode '=1+1' --data-urlencode "it's" -d d=e`,
      {
        ...{
          uri: 'https://desk.example/a',
          method: 'POST',
          contentType: 'application/x-www-form-urlencoded',
          headers: { 'user-agent': 'my agent' },
        },
        body: 'q=a+b%26c&1%2B1&it%27s&d=e',
      },
    ],
    [
      `curl -G https://desk.example/a --data-urlencode 'q=ü?'`,
      { uri: 'https://desk.example/a?q=%C3%BC%3F', method: 'GET' },
    ],
    [
      `curl https://desk.example/a -F 'a=1;type=text/plain' -F b='"x;y \\"z\\"";filename=b.txt' --form-string 'c=@d;e' --form d=http-tasks-form`,
      {
        ...{
          uri: 'https://desk.example/a',
          method: 'POST',
          contentType: 'multipart/form-data; boundary=http-tasks-form-',
        },
        body: [
          ...['--http-tasks-form-', 'content-disposition: form-data; name="a"', 'content-type: text/plain', '', '1'],
          ...[
            '--http-tasks-form-',
            'content-disposition: form-data; name="b"; filename="b.txt"',
            'content-type: text/plain',
            '',
            'x;y "z"',
          ],
          ...['--http-tasks-form-', 'content-disposition: form-data; name="c"', '', '@d;e'],
          ...[
            '--http-tasks-form-',
            'content-disposition: form-data; name="d"',
            '',
            'http-tasks-form',
            '--http-tasks-form---',
            '',
          ],
        ].join('\r\n'),
      },
    ],
  ])('%s is a call of http.request', (command, input) => {
    expect(call(command)).toEqual({ task: 'http.request', input, leftOut: [] });
    expect(http.request.input.safeParse(input).success).toBe(true);
  });

  it('of another address loses its credentials', () => {
    const command = `curl https://desk.example/a -H 'Authorization: Bearer canary' -H 'X-Api-Key: canary' -H 'Cookie: canary'`;
    expect(call(command)).toEqual({
      task: 'http.request',
      input: { uri: 'https://desk.example/a', method: 'GET' },
      leftOut: ['cookie', 'authorization', 'x-api-key'],
    });
  });

  it.each([
    ['another word', 'wget https://a.example', /another word/],
    ['no URL', 'curl -s', /no URL/],
    ['two URLs', 'curl https://a.example https://b.example', /several/],
    ['a URL without a scheme', 'curl a.example', /https/],
    ['a proxy', 'curl -x http://canary https://a.example', /--proxy: a proxy is a setting of the sender/],
    [
      'another address',
      'curl --resolve canary:1.2.3.4 https://a.example',
      /--resolve: a call goes to the address in its URL/,
    ],
    ['another host', 'curl -H "Host: canary" https://a.example', /header host/],
    ['an authority of its own', 'curl --cacert canary https://a.example', /--cacert: certificates of authorities/],
    ['another way to sign', 'curl --digest -u me:canary https://a.example', /--digest: signs in a way/],
    ['options in a file', 'curl -K canary https://a.example', /--config/],
    ['a second call', 'curl https://a.example --next https://b.example', /--next/],
    ['an upload', 'curl -T canary https://a.example', /--upload-file: write --request PUT/],
    ['an unknown option', 'curl --unknown-x canary https://a.example', /--unknown-x: it is not supported/],
    ['an option with an equals sign', 'curl --user=me:canary https://a.example', /--user in a form/],
    ['an unknown letter', 'curl -Pcanary https://a.example', /-P: it is not supported/],
    [
      'a file as a part that is not there',
      'curl -F a=@no-such https://a.example',
      /the file no-such of --form cannot be read \(ENOENT\)/,
    ],
    ['standard input', 'curl -d @- https://a.example', /standard input/],
    ['a list of URLs', 'curl "https://a.example/{a,b}"', /stands for 2 calls/],
    ['ranges of URLs', 'curl "https://a.example/[1-3]/[a-e:2]/[001-100:10]"', /stands for 90 calls/],
    ['a range that is none', 'curl "https://a.example/?a=[b]"', /--globoff/],
    ['a brace that is not closed', 'curl "https://a.example/{a"', /--globoff/],
    ['braces that a shell expands', 'curl https://a.example/{a,b}', /braces outside quotes/],
    ['a backslash in a path', "curl -g 'https://a.example/a\\b'", /backslash/],
    ['dots in a path', 'curl "https://a.example/a/%2e%2e/b"', /dots/],
    ['dots that --path-as-is keeps', 'curl --path-as-is "https://a.example/a/../b"', /dots/],
    ['a space in its URL', 'curl "https://a.example/a canary"', /space/],
    ['a space in its query', 'curl -G "https://a.example/" -d "a=b canary"', /--data-urlencode/],
    ['--url-query beside --get', 'curl -G "https://a.example/" -d a=b --url-query c=d', /--url-query besides --get/],
    ['a body without a type', "curl https://a.example -H 'Content-Type:' -d canary", /removes the header content-type/],
    [
      'a body with an empty type',
      "curl https://a.example -H 'Content-Type;' -d canary",
      /removes the header content-type/,
    ],
    [
      'a body of a task without a type',
      `curl ${PLAID}/user/items/get -H 'Content-Type:' -d '{"user_id":"canary"}'`,
      /removes the header content-type/,
    ],
    [
      'two types',
      "curl https://a.example -H 'Content-Type: a/b' -H 'content-type: c/d' -d canary",
      /content-type twice/,
    ],
    ['a body beside --head', 'curl -I https://a.example -d canary', /--head/],
    ['a key twice', `curl ${PLAID}/user/items/get -d '{"user_id":"canary","user_id":"canary"}'`, /a key twice/],
    ['a key twice for no task', `curl https://a.example --json '{"id":"canary","id":"canary"}'`, /a key twice/],
    ['bytes that are no text', "curl https://a.example -d $'canary\\xe9'", /not UTF-8/],
    ['a zero byte', "curl https://a.example -d $'canary\\0'", /zero byte/],
    ['half a character', "curl https://a.example -d $'canary\\ud83d'", /no character/],
    ['a part that is none', 'curl -F canary https://a.example', /name=value/],
    ['more in a part than is known', `curl -F 'a=canary;headers="X: canary"' https://a.example`, /--form-string/],
    ['parts beside data', 'curl -F a=canary -d b=canary https://a.example', /beside/],
    [
      'parts for a task without them',
      `curl ${PLAID}/user/items/get -F user_id=canary`,
      /plaid\.userItemsGet does not take/,
    ],
    [
      'a file to encode that is not there',
      'curl --data-urlencode a@no-such https://a.example',
      /no-such of --data-urlencode cannot be read/,
    ],
    ['a file as body that is not there', 'curl -d @no-such https://a.example', /no-such of --data cannot be read/],
    ['a missing argument', 'curl https://a.example -H', /--header/],
    ['a method that is none', 'curl -X CANARY https://a.example', /GET/],
    ['a body that is not JSON', `curl ${PLAID}/user/items/get -d user_id=canary`, /not JSON/],
    ['a body that is no object', `curl ${PLAID}/user/items/get -d '[]'`, /plaid\.userItemsGet/],
    ['a variable in what is sent', `curl ${PLAID}/user/items/get -d "{\\"user_id\\":\\"$USER_ID\\"}"`, /\$USER_ID/],
    ['a variable in a path', 'curl "https://a.example/${WHERE}"', /\$\{WHERE\}/],
    [
      'the other environment',
      `curl https://production.plaid.com/user/items/get -d '{"user_id":"u"}'`,
      /PLAID_ENV=production/,
    ],
  ])('with %s is refused', (_what, command, message) => expect(refusal(command)).toMatch(message));

  it('to the address that replaces an environment is taken for that one', () => {
    const env = { ...ENV, PLAID_BASE_URL: 'http://127.0.0.1:4010' };
    for (const base of [PLAID, 'http://127.0.0.1:4010'])
      expect(call(`curl ${base}/user/items/get -d '{}'`, env).task).toBe('plaid.userItemsGet');
    expect(refusal(`curl https://production.plaid.com/user/items/get -d '{}'`, env)).toContain('PLAID_ENV=production');
  });
});
