import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskLine } from '../../src/gateway/wire';
import { runJson, startCli } from './run-cli';
import type { CliEnv, Refused, RunningCli } from './run-cli';

const DESK = {
  openapi: '3.1.0',
  info: { title: 'Desk', version: '1' },
  servers: [{ url: 'https://desk.example.com' }],
  paths: { '/tickets': { get: { operationId: 'ticketList', summary: 'List tickets', responses: { 200: { description: 'ok' } } } } },
};

async function start(args: readonly string[], env: CliEnv = {}): Promise<{ cli: RunningCli; url: string; token?: string }> {
  const cli = startCli(['console', '--port', '0', '--json', ...args], env);
  await cli.printed('Ctrl-C');
  return { cli, ...(JSON.parse(cli.stdoutSoFar()) as { url: string; token?: string }) };
}

it('offers the operations of an OpenAPI document beside the catalogue, and ends in order', async () => {
  const spec = join(await mkdtemp(join(tmpdir(), 'http-tasks-console-')), 'desk.json');
  await writeFile(spec, JSON.stringify(DESK));
  const { cli, url } = await start(['--openapi', spec, '--service', 'desk']);
  const found = (await (await fetch(`${url}/api/tasks?query=tickets`, { headers: { connection: 'close' } })).json()) as TaskLine[];
  expect(found.map(({ name }) => name)).toEqual(['desk.ticketList']);
  expect(await cli.stop()).toMatchObject({ code: 0, stderr: expect.stringContaining('1 of 1 operations') });
  const clash = await runJson<Refused>(['console', '--openapi', spec, '--service', 'plaid']);
  expect({ code: clash.code, field: clash.document.error.field }).toEqual({ code: 2, field: 'service' });
});

it('makes a token when it listens beyond this machine, and asks for it', async () => {
  const { cli, url, token } = await start(['--host', '0.0.0.0', '--public-url', 'http://console.example.com:4040/']);
  expect(url).toBe('http://console.example.com:4040');
  expect(token).toMatch(/^[\w-]{32}$/);
  expect((await cli.stop()).code).toBe(0);
});

it.each([
  ['a port that is none', ['--port', '70000'], {}, 'Usage'],
  ['an origin that is none', ['--allow-origin', 'example.com'], {}, 'Usage'],
  ['a service without a document', ['--service', 'desk'], {}, 'Usage'],
  ['a token that is too short', [], { HTTP_TASKS_CONSOLE_TOKEN: 'short' }, 'Settings'],
  ['a UI that is no address', [], { HTTP_TASKS_TEMPORAL_UI: 'localhost:8233/x' }, 'Settings'],
])('refuses %s', async (_what, args, env, type) => {
  const { code, document } = await runJson<Refused>(['console', ...args], env);
  expect({ code, type: document.error.type }).toEqual({ code: 2, type });
});
