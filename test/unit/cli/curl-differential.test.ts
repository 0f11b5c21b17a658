import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { callFromCurl } from '@temporal-http-tasks/cli/internal/curl/curl-call';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import { readMultipart, boundaryIn } from 'temporal-http-tasks/internal/http/write-body';

/** What of a request has to be the same, whichever program sends it. */
interface Sent {
  method: string;
  path: string;
  query: string[];
  headers: [string, string][];
  body: unknown;
}

/** Each has its own at the sender: connection, names of programs, and what is expected where the command does not say. */
const OWN = new Set([
  'host',
  'user-agent',
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'authorization',
  'cookie',
  'expect',
]);

const PLACES = ['/usr/bin/curl', '/usr/local/bin/curl'];

/** The real one judges; a test that needs it must not pass unseen where it is missing. */
function curlPath(): string {
  const path = [process.env['HTTP_TASKS_TEST_CURL'] ?? '', ...PLACES].find(
    (candidate) => candidate !== '' && existsSync(candidate),
  );
  if (path !== undefined) return path;
  throw new Error(
    `cURL is missing (looked for ${PLACES.join(', ')}). Install it as root with: apt-get install -y curl. Or name one in HTTP_TASKS_TEST_CURL.`,
  );
}

let server: Server;
let origin: string;
let folder: string;
let last: Sent | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-curl-'));
  await writeFile(join(folder, 'body.txt'), 'a=ü\r\nb\n');
  await writeFile(join(folder, 'a.json'), '{"id":"1","n":[1,2]}\n');
  await writeFile(join(folder, 'headers'), 'X-One: 1\nX-Two: 2\n');
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.entries(request.headersDistinct).map(([name, values = []]): [string, string] => [
        name,
        values.join(', '),
      ]);
      last = sentOf(request.method ?? '', request.url ?? '', headers, Buffer.concat(chunks));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function sentOf(method: string, url: string, headers: readonly (readonly [string, string])[], body: Buffer): Sent {
  const { pathname, search } = new URL(url, 'http://127.0.0.1');
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
  const boundary = boundaryIn(type);
  return {
    method,
    path: pathname.replace(/%[0-9a-f]{2}/g, (code) => code.toUpperCase()),
    query: [...new URLSearchParams(search)].map((pair) => pair.join('=')),
    headers: headers
      .filter(([name]) => !OWN.has(name))
      .map(([name, value]): [string, string] => [name, boundary === undefined ? value : value.replace(boundary, '')])
      .sort(),
    body: bodyOf(
      type,
      boundary === undefined
        ? body
        : Buffer.from(
            JSON.stringify(readMultipart(body, boundary)?.map((part) => ({ ...part, value: part.value.toString() }))),
          ),
    ),
  };
}

/** JSON is the same however it is spaced. */
function bodyOf(type: string, body: Buffer): unknown {
  if (!/^application\/json\b/.test(type)) return body.toString();
  return JSON.parse(body.toString()) as unknown;
}

/** Each without the origin, which is put in. */
const COMMANDS: readonly string[] = [
  'curl ORIGIN/a',
  'curl "ORIGIN/a?b=1&c=%20d&e=f+g#fragment"',
  'curl "ORIGIN/a/../b/./c"',
  "curl 'ORIGIN/ü?q=%C3%BC'",
  `curl -g 'ORIGIN/{a,b}[1-3]?ids[]=1'`,
  `curl 'ORIGIN/[1-1]/{b}?ids[]=1'`,
  `curl 'ORIGIN/\\{a\\}'`,
  'curl -X DELETE ORIGIN/a',
  'curl --head ORIGIN/a',
  'curl -X POST ORIGIN/a',
  `curl ORIGIN/a -d ''`,
  'curl ORIGIN/a -d x=1 -d y=2',
  `curl ORIGIN/a -d x=1 --data-raw '@y' --data-binary z`,
  'curl -X PUT ORIGIN/a -d x=1',
  'curl -X DELETE ORIGIN/a -d x=1',
  'curl -G ORIGIN/a -d x=1 -d y=2',
  'curl -G "ORIGIN/a?z=0" -d x=1 --data-urlencode "q=a b&c"',
  'curl "ORIGIN/a?z=0" --url-query "q=a b" --url-query +r=1%202 --url-query "plain text" --url-query "=x y"',
  'curl ORIGIN/a --url-query q=é -d x=1',
  `curl ORIGIN/a --data-urlencode 'a b' --data-urlencode '=c d' --data-urlencode 'e=f&g' --data-urlencode 'h=~é!*()'`,
  'curl ORIGIN/a --data-urlencode name@body.txt --data-urlencode @body.txt',
  'curl ORIGIN/a -d @body.txt',
  'curl ORIGIN/a --data-ascii @body.txt -H "Content-Type: text/plain"',
  'curl ORIGIN/a --data-binary @body.txt -H "Content-Type: text/plain"',
  'curl ORIGIN/a --json @a.json',
  `curl ORIGIN/a --json '{"a":' --json '1}'`,
  `curl ORIGIN/a --json '{"a":1}' -H 'Content-Type: application/vnd.api+json'`,
  `curl ORIGIN/a -H 'content-type:   application/json' -d '{"a":1}'`,
  `curl ORIGIN/a -H 'Prefer: a' -H 'prefer: b' -H 'X-Empty;' -H 'X-Gone:' -H 'X-Blank: '`,
  'curl ORIGIN/a -H @headers -H "X-Three: 3"',
  'curl ORIGIN/a -e http://ref.example -r 0-5',
  `curl ORIGIN/a -F a=1 -F 'b=2;type=text/plain' -F 'c="x;y \\"z\\"";filename=c.txt' --form-string 'd=@e;f'`,
  'curl ORIGIN/a -F file=@body.txt -F "doc=@a.json;type=application/json;filename=b.json" -F "text=<body.txt"',
  "curl ORIGIN/a -F a=1 -H 'Content-Type: multipart/form-data'",
  `curl ORIGIN/a --data-raw $'{"n":"\\xC3\\xA9 \\303\\251 \\u00e9 it\\'s\\n"}' -H 'Content-Type: text/plain'`,
  `curl ORIGIN/a -sSL --compressed -m 5 --connect-timeout 5 --http1.1 --retry 0 -o /dev/null -k --max-redirs 2`,
  `curl --location --request POST 'ORIGIN/a' --header 'Content-Type: application/json' --data '{
    "a": "it'\\''s"
}'`,
  `curl 'ORIGIN/a' \\
  -H 'accept: */*' \\
  -H 'accept-language: en' \\
  -b 'a=1; b=2' \\
  -H 'sec-ch-ua: "Chromium";v="130"' \\
  --data-raw $'a=\\u0021'`,
  'curl --request POST --url ORIGIN/a --header "x-a: 1" --form a=b',
  'curl -u me:pw ORIGIN/a',
  'curl --oauth2-bearer token ORIGIN/a -A me',
];

describe('a cURL command', () => {
  it.each(COMMANDS)('%s is read as curl reads it', async (template) => {
    const command = template.replaceAll('ORIGIN', origin);
    last = undefined;
    await promisify(execFile)('bash', ['-c', command.replace(/^curl/, `${curlPath()} --silent --max-time 20`)], {
      cwd: folder,
    });
    const before = process.cwd();
    process.chdir(folder);
    let call;
    try {
      call = callFromCurl(command, {});
    } finally {
      process.chdir(before);
    }
    const prepared = prepareRequest(
      call.task,
      call.input,
      readSenderSettings({ HTTP_TASKS_HTTP_ALLOW: origin }, [call.task.service]),
    );
    expect(
      sentOf(prepared.method, prepared.path, Object.entries(prepared.headers), Buffer.from(prepared.body ?? '')),
    ).toEqual(last);
  });
});
