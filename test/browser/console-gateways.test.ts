import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import type { CliEnv } from '../cli/run-cli';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { environmentOf } from '../support/offboarding';
import { freePort } from '../support/observing';
import { openPage, shoot, startBrowser } from '../support/browser';
import { goTo, signIn, startConsole } from './console-stage';

let browser: Browser;
let simulators: Simulators;
let keys: CliEnv;

beforeAll(async () => {
  browser = await startBrowser();
  simulators = await startSimulators();
  keys = environmentOf(simulators, { taskQueue: 'unused', ledgerUrl: 'file:unused' });
});

afterAll(async () => {
  await simulators?.close();
  await browser?.close();
});

const remembered = (on: Page): Promise<unknown> =>
  on.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])');

it('requires a token, takes it from the link or the form, and remembers it nowhere', async () => {
  const token = 'a-token-of-some-length';
  const guarded = await startConsole({ ...keys, HTTP_TASKS_CONSOLE_TOKEN: token });
  expect(guarded.token).toBeUndefined();
  const mine = await openPage(browser);
  const tasks = mine.page.getByText(/^\d+ tasks$/);
  await mine.page.goto(guarded.url);
  await mine.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await shoot(mine.page, 'sign-in');
  await mine.page.getByLabel('Token').fill('not the token at all');
  await mine.page.getByRole('button', { name: 'Sign in' }).click();
  await mine.page.getByText('did not accept this token').waitFor();
  await shoot(mine.page, 'sign-in-refused');
  await mine.page.getByLabel('Token').fill(token);
  await mine.page.getByRole('button', { name: 'Sign in' }).click();
  await tasks.waitFor();
  await mine.page.reload();
  await mine.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  // In a tab that has the page, a link with another fragment loads nothing.
  await mine.page.goto(`${guarded.url}/#token=${token}`);
  await tasks.waitFor();
  expect(mine.page.url()).toBe(`${guarded.url}/#/tasks`);
  for (const way of ['goBack', 'goForward'] as const) {
    await mine.page[way]();
    expect(mine.page.url()).not.toContain(token);
  }
  expect(await remembered(mine.page)).toBe('[{},{},""]');
  expect(mine.problems.filter((text) => !text.includes('401'))).toEqual([]);
  await mine.close();
  await guarded.cli.stop();
});

/** Servers of one test; a test that fails must not leave them open. */
const listeners = new Set<Server>();
afterEach(() => {
  for (const server of listeners) {
    server.closeAllConnections();
    server.close();
  }
  listeners.clear();
});

/** A server that records whatever a browser sends it, and lets every page send it anything. */
async function startListener(
  respond: (request: IncomingMessage) => unknown,
  headers: Record<string, string> = {},
): Promise<{ url: string; heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push(JSON.stringify([request.method, request.url, request.headers, body]));
      response.writeHead(200, {
        'access-control-allow-origin': request.headers.origin ?? '*',
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-allow-methods': 'GET, POST, PUT',
        ...headers,
      });
      const sent = respond(request);
      response.end(typeof sent === 'string' ? sent : JSON.stringify(sent));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  listeners.add(server);
  return { url: `http://127.0.0.1:${port}`, heard };
}

it('sends token and typed keys to its own origin only, whatever a page of another port left in the browser', async () => {
  const fake = await startListener(
    ({ url: path = '' }) => (path.startsWith('/api/about') ? { version: '0', taskQueue: 'q', tasks: 1 } : []),
    { 'content-type': 'application/json' },
  );
  const mine = await startConsole({ ...keys, PLAID_SECRET: undefined });
  const { port } = new URL(mine.url);
  const state = ['http-tasks-gateway', `http-tasks-gateway${port}`, 'gateway'];
  const script = `for (const name of ${JSON.stringify(state)}) {
    document.cookie = name + '=${fake.url}; path=/; max-age=31536000';
    localStorage.setItem(name, '${fake.url}');
    sessionStorage.setItem(name, '${fake.url}');
  }
  window.name = '${fake.url}';`;
  // A cookie that a script cannot read, too.
  const lure = await startListener(() => `<!doctype html><h1>hello</h1><script>${script}</script>`, {
    'content-type': 'text/html',
    'set-cookie': `http-tasks-gateway${port}x=${fake.url}; Path=/; HttpOnly; Max-Age=31536000`,
  });
  const victim = await openPage(browser);
  await victim.page.goto(lure.url);
  expect(await victim.page.evaluate('document.cookie')).toContain(fake.url);
  await victim.page.goto(`${mine.url}/?gateway=${encodeURIComponent(fake.url)}#token=${mine.token ?? ''}`);
  await victim.page.getByText(/^\d+ tasks$/).waitFor();
  await victim.page.evaluate(`window.postMessage({ gateway: '${fake.url}' }, '*')`);
  await goTo(victim.page, '#/credentials');
  const card = victim.page.getByRole('region', { name: 'Plaid' });
  await card.getByLabel('PLAID_SECRET').fill('a-very-secret-key');
  await card.getByRole('button', { name: 'Use for this session' }).click();
  await card.getByText('set (entered here)').waitFor();
  // Nothing on the page could reach that server, even if it wanted to.
  expect(await victim.page.evaluate(`fetch('${fake.url}/api/about').then(() => 'sent', () => 'refused')`)).toBe(
    'refused',
  );
  expect(fake.heard).toEqual([]);
  expect(
    [mine.token ?? 'no token', 'a-very-secret-key'].filter((secret) => lure.heard.join().includes(secret)),
  ).toEqual([]);
  await victim.close();
  await mine.cli.stop();
});

it('can be pointed at another gateway that was named, which has a token of its own and is asked about before keys go there', async () => {
  const another = await startListener(() => ({}));
  // Each has to name the other; so one is started again on the port that it had.
  const port = String(await freePort());
  const first = await startConsole(keys, '--port', port);
  const mine = await startConsole(keys, '--other-gateway', first.url);
  await first.cli.stop();
  const allowed = await startConsole(
    { ...keys, PLAID_ENV: 'production', PLAID_SECRET: undefined },
    '--port',
    port,
    '--allow-origin',
    mine.url,
  );
  const tab = await openPage(browser);
  const sent: { to: string; authorization?: string; body: string }[] = [];
  tab.page.on('request', (request) => {
    const authorization = request.headers()['authorization'];
    sent.push({
      to: new URL(request.url()).origin,
      ...(authorization !== undefined && { authorization }),
      body: request.postData() ?? '',
    });
  });
  await signIn(tab.page, mine.link);
  await goTo(tab.page, '#/credentials');
  const panel = tab.page.getByRole('form', { name: 'Gateway' });
  await shoot(tab.page, 'gateways');
  await panel.getByLabel('Address').selectOption(allowed.url);
  await panel.getByRole('button', { name: 'Use this gateway' }).click();
  await tab.page.getByRole('heading', { name: 'Sign in to another gateway' }).waitFor();
  await shoot(tab.page, 'sign-in-other');
  await tab.page.getByLabel('Token').fill(allowed.token ?? '');
  await tab.page.getByRole('button', { name: 'Sign in' }).click();
  const card = tab.page.getByRole('region', { name: 'Plaid' });
  await card.getByText('production', { exact: true }).waitFor();
  await tab.page.locator('#about').getByText(`other gateway: ${allowed.url}`).waitFor();
  await card.getByLabel('PLAID_SECRET').fill('a-very-secret-key');
  await card.getByRole('button', { name: 'Use for this session' }).click();
  const dialog = tab.page.getByRole('dialog');
  expect(await dialog.innerText()).toMatch(/Send keys to another gateway[\s\S]*PLAID_SECRET/);
  expect(await dialog.innerText()).not.toContain('a-very-secret-key');
  await shoot(tab.page, 'confirm-keys');
  await tab.page.keyboard.press('Escape');
  expect(sent.filter(({ body }) => body.includes('a-very-secret-key'))).toEqual([]);
  await card.getByRole('button', { name: 'Use for this session' }).click();
  await dialog.getByRole('textbox').fill(allowed.url);
  await tab.page.keyboard.press('Enter');
  await card.getByText('set (entered here)').waitFor();
  await shoot(tab.page, 'credentials-other');
  await card.getByRole('button', { name: 'Check credentials' }).click();
  await dialog.getByLabel("This affects real people's data").fill('production');
  await tab.page.keyboard.press('Enter');
  await card.getByText('Check PLAID_CLIENT_ID').waitFor();
  // The choice is remembered, its token is not; and the token of the link is never this gateway's.
  await tab.page.goto('about:blank');
  await tab.page.goto(mine.link);
  await tab.page.getByRole('heading', { name: 'Sign in to another gateway' }).waitFor();
  expect(await remembered(tab.page)).toBe(JSON.stringify([{ 'http-tasks-gateway': allowed.url }, {}, '']));
  await tab.page.getByRole('button', { name: "Use this page's own gateway" }).click();
  await tab.page.getByText(/^\d+ tasks$/).waitFor();
  expect(await remembered(tab.page)).toBe('[{},{},""]');
  const tokens = (to: string): string[] => [
    ...new Set(sent.filter((one) => one.to === to).flatMap(({ authorization }) => authorization ?? [])),
  ];
  expect({ own: tokens(mine.url), other: tokens(allowed.url) }).toEqual({
    own: [`Bearer ${mine.token}`],
    other: [`Bearer ${allowed.token}`],
  });
  // A choice that is not allowed counts for nothing.
  await tab.page.evaluate(`localStorage.setItem('http-tasks-gateway', '${another.url}')`);
  await tab.page.goto('about:blank');
  await signIn(tab.page, mine.link);
  expect(another.heard).toEqual([]);
  await tab.close();
  await mine.cli.stop();
  await allowed.cli.stop();
});
