import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { CliEnv, RunningCli } from '../cli/run-cli';
import { openStage, until } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { openPage, overflowOf, shoot, startBrowser, violationsOf } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import { environmentOf } from '../support/offboarding';
import { expectGoodView, goTo, signIn, startConsole, startCourier } from './console-stage';

let stage: SweepStage;
let worker: RunningCli;
let courier: { close(): Promise<unknown> };
let browser: Browser;
let url: string;
let link: string;
let watched: WatchedPage;
let page: WatchedPage['page'];

const sweepId = 'closed-accounts-2030-01-31';

/** A long text without blanks, as IDs and reasons of people may be. */
const LONG = 'investigation-of-the-accounts-closed-in-january-2030-and-of-their-guarantors';

beforeAll(async () => {
  browser = await startBrowser();
  stage = await openStage();
  const { env: providers, ...started } = await startCourier();
  ({ courier } = started);
  const env: CliEnv = {
    ...providers,
    ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }),
    ...stage.person,
    HTTP_TASKS_TEMPORAL_UI: 'http://localhost:8233',
  };
  [worker, { url, link }] = await Promise.all([stage.startWorker(providers), startConsole(env)]);
  await fillStage();
  watched = await openPage(browser);
  ({ page } = watched);
  await signIn(page, link);
});

afterAll(async () => {
  await watched?.close();
  await worker?.stop();
  await stage?.close();
  await courier?.close();
  await browser?.close();
});

/** A sweep whose users fail, and something in every list. */
async function fillStage(): Promise<void> {
  stage.simulators.plaid.faults.add({
    endpoint: 'userProductsTerminate',
    kind: 'unknownErrorCode',
    errorType: 'INVALID_REQUEST',
    errorCode: 'PRODUCTS_CANNOT_BE_TERMINATED_TODAY',
    status: 400,
  });
  const file = stage.fileOf(stage.newUsers(4));
  const plan = JSON.stringify({ reason: { code: 'OTHER' }, requestedBy: LONG });
  const request = ['register', 'add', '--plaid-user-id', 'usr_r1', '--law', 'gdpr', '--requested-by', 'B. Jones'];
  const when = ['--cron', '0 3 * * *', '--source', 'file:none.csv', '--reason', 'OTHER', '--note', LONG, '--paused'];
  const commands = [
    ['sweep', '--source', file, '--input', plan, '--id', sweepId],
    ['schedule', 'create', `nightly-${Date.now()}`, ...when],
    ['hold', 'add', '--plaid-user-id', 'usr_held', '--reason', LONG, '--by', 'Legal (A. Smith)'],
    ['rate', 'set', 'plaid', '600'],
    [...request, '--received-at', '2015-03-05', '--reference', LONG],
    [...request, '--received-at', new Date().toISOString().slice(0, 10)],
  ];
  for (const command of commands) {
    const { code, document } = await stage.run<object>(...command);
    expect({ command, code, ...(code !== 0 && { document }) }).toEqual({ command, code: 0 });
  }
  await until('the sweep has ended', async () => {
    const { document } = await stage.run('sweep', 'status', sweepId);
    return document.status === 'partial' || document.status === 'failed';
  });
  stage.simulators.plaid.faults.remove();
}

const opened = async (...summaries: string[]): Promise<void> => {
  for (const summary of summaries) await page.getByText(summary, { exact: true }).first().click();
};
const heading = (name: string): Promise<void> => page.getByRole('heading', { name, exact: true }).waitFor();

/** The run of the call that the view `call` made: other tests' calls are in the list, too. */
let callId: string;

/** Each view with its place, and how it is made complete. */
const VIEWS: Readonly<Record<string, readonly [place: string, complete: () => Promise<unknown>]>> = {
  start: ['#/tasks', () => heading('HTTP tasks')],
  task: ['#/tasks/plaid.userItemsRemove', () => page.getByRole('table', { name: 'Errors' }).waitFor()],
  call: [
    '#/tasks/plaid.userItemsGet',
    async () => {
      stage.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
      // The page before has a field of this name, too.
      await heading("List a user's Items");
      await page.locator('.input-form [name="user_id"]').fill('usr_1');
      await page.getByRole('button', { name: 'Run as workflow' }).click();
      const panel = page.locator('.response-panel');
      await panel.getByText('200, completed').waitFor();
      callId = /call-plaid\.userItemsGet-[\w-]+/.exec(await panel.innerText())?.[0] ?? 'none';
    },
  ],
  runs: [
    '#/runs',
    async () => {
      await page.getByRole('row', { name: sweepId }).getByText('Failed', { exact: true }).waitFor();
      await page
        .getByRole('row', { name: /^call-plaid/ })
        .first()
        .waitFor();
      await opened('Offboard one user');
      await page.locator('.input-form [name="user.plaidUserId"]').waitFor();
    },
  ],
  'failed-sweep': [
    `#/runs/${sweepId}`,
    async () => {
      await page.getByText('PRODUCTS_CANNOT_BE_TERMINATED_TODAY').first().waitFor();
      await opened('Sealed evidence');
    },
  ],
  'single-call': [
    '#/runs',
    async () => {
      await goTo(page, `#/runs/${callId}`);
      // The details of the run that the address names are open.
      await page.getByRole('region', { name: callId }).getByText('item-2').first().waitFor();
    },
  ],
  limits: [
    '#/limits',
    async () => {
      await page.getByRole('button', { name: 'Clear the limit of plaid' }).waitFor();
      await opened('Set the limit of another key');
    },
  ],
  credentials: ['#/credentials', () => page.getByRole('region', { name: 'Plaid' }).waitFor()],
  stop: ['#/stop', () => page.getByText('Not stopped: calls are being sent.').waitFor()],
};

it.each(Object.entries(VIEWS))('%s: fits every window, and axe-core finds nothing', async (name, [place, complete]) => {
  await goTo(page, place);
  await complete();
  await expectGoodView(page, `view-${name}`);
  expect(watched.problems).toEqual([]);
});

/** The other pages, with the test that gives them to axe-core and the name that they have in it; here they have long texts. */
const ELSEWHERE: Readonly<Record<string, readonly [test: string, name: string, complete: () => Promise<unknown>]>> = {
  '#/holds': ['operations', 'holds', () => page.getByText('Legal (A. Smith)').waitFor()],
  '#/schedules': ['operations', 'schedules', () => page.getByText(LONG).waitFor()],
  '#/requests': ['ledger', 'requests', () => page.getByText('Overdue', { exact: true }).nth(1).waitFor()],
  '#/providers': ['operations', 'providers', () => page.getByRole('table', { name: 'Providers' }).waitFor()],
};

it.each(Object.entries(ELSEWHERE))('%s fits every window with long texts', async (place, [, , complete]) => {
  await goTo(page, place);
  await complete();
  await shoot(page, `long-${place.slice(2)}`);
  for (const width of [1_600, 800, 400]) {
    await page.setViewportSize({ width, height: 900 });
    expect({ width, overflow: Math.max(0, await overflowOf(page)) }).toEqual({ width, overflow: 0 });
  }
});

it('leaves out no page', async () => {
  const linked = await page.evaluate<string[]>(
    "[...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href'))",
  );
  expect([...Object.values(VIEWS).map(([place]) => place), ...Object.keys(ELSEWHERE)]).toEqual(
    expect.arrayContaining(linked),
  );
  for (const [test, name] of Object.values(ELSEWHERE))
    expect(readFileSync(join(__dirname, `console-${test}.test.ts`), 'utf8')).toContain(`fine('${name}')`);
});

it('shows on every page that calls are stopped and by whom, also to others, until they are started again', async () => {
  const banner = 'All calls that change something are stopped';
  await page.setViewportSize({ width: 1_360, height: 900 });
  await goTo(page, '#/stop');
  await page.getByLabel('Reason').fill(LONG);
  await page.getByLabel('Name').fill('Operations (C. Brown)');
  await page.getByRole('button', { name: 'Stop all calls' }).click();
  await page.getByText('Stopped. Within five seconds').waitFor();
  await page.getByText(banner).waitFor();
  await expectGoodView(page, 'view-stopped');
  // Others see it too, without loading the page again.
  const other = await openPage(browser);
  await signIn(other.page, link);
  await other.page.getByText(banner).waitFor();
  await page.getByLabel('Name').fill('Operations (D. Green)');
  await page.getByRole('button', { name: 'Start again' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.getByRole('button', { name: 'Start again' }).isDisabled()).toBe(true);
  await shoot(page, 'view-start-again');
  expect(await violationsOf(page)).toEqual([]);
  await dialog.getByLabel('Type start to confirm').fill('start');
  await page.keyboard.press('Enter');
  await page.getByText('Started again.').waitFor();
  await page
    .getByRole('table', { name: /^Earlier stops/ })
    .getByText('Operations (D. Green)')
    .waitFor();
  await other.page.getByText(banner).waitFor({ state: 'detached' });
  await other.close();
  expect(watched.problems).toEqual([]);
});

it('fits every window before it knows the token', async () => {
  const stranger = await openPage(browser);
  await stranger.page.goto(`${url}/`);
  await stranger.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await expectGoodView(stranger.page, 'view-sign-in');
  await stranger.close();
});
