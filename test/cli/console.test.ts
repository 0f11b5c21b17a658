import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskLine } from '@temporal-http-tasks/console/internal/gateway/wire';
import { runJson, startCli } from './run-cli';
import type { CliEnv, Refused, RunningCli } from './run-cli';

const DESK = {
  openapi: '3.1.0',
  info: { title: 'Desk', version: '1' },
  servers: [{ url: 'https://desk.example.com' }],
  paths: {
    '/tickets': {
      get: { operationId: 'ticketList', summary: 'List tickets', responses: { 200: { description: 'ok' } } },
    },
  },
};

async function start(
  args: readonly string[],
  env: CliEnv = {},
): Promise<{ cli: RunningCli; url: string; token?: string }> {
  const cli = startCli(['console', '--port', '0', '--json', ...args], env);
  // The end of the document: stdout and stderr arrive in any order.
  await cli.printed('\n}');
  return { cli, ...(JSON.parse(cli.stdoutSoFar()) as { url: string; token?: string }) };
}

it('offers the operations of an OpenAPI document next to the catalogue, and ends in order', async () => {
  const spec = join(await mkdtemp(join(tmpdir(), 'http-tasks-console-')), 'desk.json');
  await writeFile(spec, JSON.stringify(DESK));
  const { cli, url, token = '' } = await start(['--openapi', spec, '--service', 'desk']);
  const found = (await (
    await fetch(`${url}/api/tasks?query=tickets`, {
      headers: { connection: 'close', authorization: `Bearer ${token}` },
    })
  ).json()) as TaskLine[];
  expect(found.map(({ name }) => name)).toEqual(['desk.ticketList']);
  expect(await cli.stop()).toMatchObject({ code: 0, stderr: expect.stringContaining('1 of 1 operations') });
  const clash = await runJson<Refused>(['console', '--openapi', spec, '--service', 'plaid']);
  expect({ code: clash.code, field: clash.document.error.field }).toEqual({ code: 2, field: 'service' });
});

it('makes a token for its run, prints a link with it and requires it, on this machine too', async () => {
  const cli = startCli(['console', '--port', '0']);
  await cli.printed('Ctrl-C');
  await cli.printed('/#token=');
  const [, url = '', token = ''] = /^(http:\/\/127\.0\.0\.1:\d+)\/#token=([\w-]{32})$/m.exec(cli.stdoutSoFar()) ?? [];
  const status = async (path: string, method: string, headers: Record<string, string> = {}): Promise<number> => {
    const body = method === 'GET' ? undefined : '{}';
    return (
      await fetch(`${url}${path}`, {
        method,
        body,
        headers: { connection: 'close', 'content-type': 'application/json', ...headers },
      })
    ).status;
  };
  const bearer = { authorization: `Bearer ${token}` };
  expect(await status('/', 'GET')).toBe(200);
  expect(await status('/page/main.js', 'GET')).toBe(200);
  for (const [path, method] of [
    ['/api/about', 'GET'],
    ['/openapi.json', 'GET'],
    ['/api/credentials', 'PUT'],
    ['/api/runs/x/approve', 'POST'],
    ['/tasks/plaid.userItemsGet', 'POST'],
  ] as const) {
    expect({ path, without: await status(path, method) }).toEqual({ path, without: 401 });
    expect({ path, with: await status(path, method, bearer) }).not.toMatchObject({ with: 401 });
  }
  const { code, stderr } = await cli.stop();
  expect({ code, leaked: stderr.includes(token) }).toEqual({ code: 0, leaked: false });
  const again = await start([]);
  expect(again.token).not.toBe(token);
  await again.cli.stop();
});

it('does not print a token that a setting names', async () => {
  const { cli, token } = await start([], { HTTP_TASKS_CONSOLE_TOKEN: 'a-token-of-some-length' });
  expect(token).toBeUndefined();
  const { stdout, stderr } = await cli.stop();
  expect(stdout + stderr).not.toContain('a-token-of-some-length');
  expect(stderr).toContain('HTTP_TASKS_CONSOLE_TOKEN');
});

it('says when it listens beyond this machine without TLS', async () => {
  const plain = await start(['--host', '0.0.0.0', '--public-url', 'http://console.example.com:4040/']);
  expect(plain.url).toBe('http://console.example.com:4040');
  expect(plain.token).toMatch(/^[\w-]{32}$/);
  expect(await plain.cli.stop()).toMatchObject({ code: 0, stderr: expect.stringContaining('without TLS') });
  const fronted = await start(['--host', '0.0.0.0', '--public-url', 'https://console.example.com']);
  expect((await fronted.cli.stop()).stderr).not.toContain('without TLS');
});

it.each([
  ['a port that is none', ['--port', '70000'], {}, 'Usage'],
  ['an origin that is none', ['--allow-origin', 'example.com'], {}, 'Usage'],
  ['another gateway that is none', ['--other-gateway', 'example.com'], {}, 'Usage'],
  ['another gateway in clear text', ['--other-gateway', 'http://console.example.com'], {}, 'Usage'],
  ['a service without a document', ['--service', 'desk'], {}, 'Usage'],
  ['a token that is too short', [], { HTTP_TASKS_CONSOLE_TOKEN: 'short' }, 'Settings'],
  ['a UI that is no address', [], { HTTP_TASKS_TEMPORAL_UI: 'localhost:8233/x' }, 'Settings'],
])('refuses %s', async (_what, args, env, type) => {
  const { code, document } = await runJson<Refused>(['console', ...args], env);
  expect({ code, type: document.error.type }).toEqual({ code: 2, type });
});
