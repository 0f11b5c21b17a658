import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { environmentOf } from '../support/offboarding';
import { until } from '../support/offboarding-runs';
import { openPage, overflowOf, picture, shoot, startBrowser, violationsOf } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import { startCli } from '../cli/run-cli';
import type { CliEnv, RunningCli } from '../cli/run-cli';
import { openStage } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import type { ProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import { goTo, signIn, startConsole, startCourier } from './console-stage';

let stage: SweepStage;
let courier: ProviderSimulator;
let worker: RunningCli;
let keys: CliEnv;
let browser: Browser;
let url: string;
let link: string;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  browser = await startBrowser();
  stage = await openStage();
  const { env: providers, ...started } = await startCourier();
  ({ courier } = started);
  keys = {
    ...providers,
    ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }),
    ...stage.person,
    HTTP_TASKS_TEMPORAL_UI: 'http://localhost:8233',
  };
  [worker, { url, link }] = await Promise.all([stage.startWorker(providers), startConsole(keys)]);
});

afterAll(async () => {
  await worker?.stop();
  await stage?.close();
  await courier?.close();
  await browser?.close();
});

beforeEach(async () => {
  stage.simulators.plaid.reset();
  stage.simulators.batch.reset();
  stage.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
  watched = await openPage(browser);
  ({ page } = watched);
  await signIn(page, link);
});

// Whatever a test looks at: no other server was asked for anything, and nothing went wrong behind the page.
afterEach(async () => {
  const { problems, hosts } = watched;
  await watched.close();
  expect(problems).toEqual([]);
  expect([...hosts].filter((host) => host !== new URL(url).host)).toEqual([]);
});

const calls = (): number => stage.simulators.plaid.calls().calls.length;
const open = (task: string): Promise<unknown> => goTo(page, `#/tasks/${task}`);
const field = (name: string): ReturnType<Page['locator']> => page.locator(`.input-form [name="${name}"]`);
const hasFocus = (target: ReturnType<Page['locator']>): Promise<boolean> =>
  target.evaluate((node) => node.ownerDocument.activeElement === node);
const response = (): ReturnType<Page['locator']> => page.locator('.response-panel');

it('finds a task while it is being typed, typos forgiven, and is used with the keyboard alone', async () => {
  await shoot(page, 'start');
  await page.getByLabel('Search tasks').focus();
  await page.keyboard.type('lsit itmes');
  await page.getByText('1 task', { exact: true }).waitFor();
  await page.locator('.tasks a').first().getByText('plaid.userItemsGet').waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: "List a user's Items" }).waitFor();
  for (let presses = 0; presses < 40 && !(await hasFocus(field('user_id'))); presses += 1)
    await page.keyboard.press('Tab');
  await page.keyboard.type('usr_1');
  expect(await field('user_id').inputValue()).toBe('usr_1');
  for (
    let presses = 0;
    presses < 10 && !(await hasFocus(page.getByRole('button', { name: 'Test request' })));
    presses += 1
  )
    await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await response().getByText('200').first().waitFor();
  expect(await response().innerText()).toContain('item-2');
  expect(calls()).toBe(1);
  expect(await hasFocus(page.getByRole('button', { name: 'Test request' }))).toBe(true);
  expect(await page.title()).toBe('plaid.userItemsGet · http-tasks console');
  await page.keyboard.press('/');
  expect(await hasFocus(page.getByLabel('Search tasks'))).toBe(true);
  await goTo(page, '#/credentials');
  await page.getByRole('heading', { name: 'Credentials' }).waitFor();
  expect(await page.title()).toBe('Credentials · http-tasks console');
  await page.keyboard.press('/');
  await page.locator('#search:focus').waitFor();
});

it('keeps what is typed while other pages are shown, and only chosen values for a reload', async () => {
  await open('plaid.itemProductsTerminate');
  await field('access_token').fill('access-sandbox-secret');
  await field('reason_code').selectOption('OTHER');
  await open('plaid.userItemsGet');
  await field('user_id').fill('usr_1');
  await open('plaid.itemProductsTerminate');
  await page.getByRole('heading', { name: "Terminate one Item's products" }).waitFor();
  expect([await field('access_token').inputValue(), await field('reason_code').inputValue()]).toEqual(['', 'OTHER']);
  await open('plaid.userItemsGet');
  await page.getByRole('heading', { name: "List a user's Items" }).waitFor();
  expect(await field('user_id').inputValue()).toBe('usr_1');
  expect(await page.evaluate('JSON.stringify({ ...sessionStorage })')).toBe(
    JSON.stringify({ 'http-tasks-draft:plaid.itemProductsTerminate': '{"reason_code":"OTHER"}' }),
  );
});

it('says what a call does, and states rules between fields before anything is sent', async () => {
  await open('batch.customDataBulkDelete');
  await page.locator('.task-head').getByText('safe to retry').waitFor();
  expect(await page.locator('.task-head .mark').allInnerTexts()).toEqual(['deletes data', 'safe to retry']);
  await open('plaid.userItemsRemove');
  await page.locator('.input-form').getByText('Exactly one of user_id and user_token is required.').waitFor();
  // No column is so narrow that its words are cut.
  const isCut = `[...document.querySelectorAll('.reference td code')].some((one) => one.getClientRects().length > 1)`;
  expect(await page.evaluate(isCut)).toBe(false);
});

it('shows the reference, the prepared request without keys, and code that follows what is typed', async () => {
  await open('plaid.userItemsRemove');
  await field('user_id').fill("usr_o'neil");
  await field('item_ids').fill('item-1\nitem-2');
  const request = page.getByLabel('Prepared request');
  await request.getByText('item-2').waitFor();
  expect(await request.innerText()).toContain('plaid-secret: $PLAID_SECRET');
  const code = page.locator('#snippet');
  expect(await code.innerText()).toContain(
    "httpTask(plaid.userItemsRemove)({\n    user_id: 'usr_o\\'neil',\n    item_ids: ['item-1', 'item-2'],\n  })",
  );
  for (const [tab, text] of [
    ['TypeScript, as a client', 'TaskInput<typeof plaid.userItemsRemove>'],
    ['temporal', 'temporal workflow execute'],
    ['http-tasks call', 'http-tasks call plaid.userItemsRemove'],
    ['cURL to the provider', '"plaid-secret: $PLAID_SECRET"'],
  ] as const) {
    await page.getByRole('tab', { name: tab, exact: true }).click();
    expect(await code.innerText()).toContain(text);
    expect(await code.innerText()).toContain('item-2');
  }
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tab', { name: 'TypeScript, in a workflow', selected: true }).waitFor();
  expect(await page.getByLabel('Reference').innerText()).toMatch(/PLAID_CLIENT_ID[\s\S]*item_ids/);
  expect(await page.locator('.task-head a').getAttribute('href')).toContain('https://plaid.com/docs/');
  await shoot(page, 'task');
});

it('shows refused input at its field, and sends nothing', async () => {
  await open('plaid.userItemsRemove');
  await page.getByRole('button', { name: 'Test request' }).click();
  await page
    .locator('.field', { has: page.locator('[name="item_ids"]') })
    .getByText('Is required.')
    .waitFor();
  expect(await field('item_ids').getAttribute('aria-invalid')).toBe('true');
  await field('user_id').fill('usr_1');
  await field('user_token').fill('user-sandbox-token');
  await field('item_ids').fill('item-1');
  await page.getByRole('button', { name: 'Test request' }).click();
  await page
    .locator('.field', { has: page.locator('[name="user_id"]') })
    .getByText('not both')
    .waitFor();
  expect(await hasFocus(field('user_id'))).toBe(true);
  await page.getByText("It contains a user's bearer token (user_token)").waitFor();
  await shoot(page, 'refused');
  await page.getByRole('button', { name: 'Edit as JSON' }).click();
  await page.getByLabel('Input as JSON').fill('{"user_id":"usr_1","item_ids":["item-1"],"itemIds":1}');
  await page.getByText('itemIds: unknown field; did you mean item_ids?').waitFor();
  await page.getByLabel('Input as JSON').fill('{"user_id":"usr_1","item_ids":["item-1"]}');
  await page.getByRole('button', { name: 'Edit as form' }).click();
  expect(await field('item_ids').inputValue()).toBe('item-1');
  expect(calls()).toBe(0);
});

it('wants the name typed before what cannot be undone', async () => {
  await open('plaid.userItemsRemove');
  await field('user_id').fill('usr_1');
  await field('item_ids').fill('item-1');
  await page.getByRole('button', { name: 'Test request' }).click();
  const dialog = page.getByRole('dialog');
  const send = dialog.getByRole('button', { name: 'Send request' });
  expect(await dialog.innerText()).toContain('Removed Items cannot be restored');
  await page.keyboard.type('plaid.userItemsRemov');
  expect(await send.isDisabled()).toBe(true);
  await picture(dialog, 'console-confirm');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(calls()).toBe(0);
  await page.getByRole('button', { name: 'Test request' }).click();
  await dialog.getByRole('textbox').fill('plaid.userItemsRemove');
  await page.keyboard.press('Enter');
  await response().getByText('200').first().waitFor();
  expect(await response().innerText()).toMatch(/Request ID[\s\S]*http-tasks receipts/);
  expect(calls()).toBe(1);
});

it('runs a call durably, follows it and links into the Temporal UI', async () => {
  await open('plaid.userItemsGet');
  await field('user_id').fill('usr_1');
  await page.getByRole('button', { name: 'Run as workflow' }).click();
  await response().getByText('200, completed').waitFor();
  expect(await response().innerText()).toContain('item-1');
  expect(await response().getByRole('link').getAttribute('href')).toMatch(
    /\/namespaces\/default\/workflows\/call-plaid\.userItemsGet-/,
  );
  await picture(page, 'console-task');
});

it('shows which keys are there, checks them, and takes others for this run', async () => {
  await goTo(page, '#/credentials');
  const card = page.getByRole('region', { name: 'Plaid' });
  await card.getByText('set (environment variable)').first().waitFor();
  await card.getByRole('button', { name: 'Check credentials' }).click();
  await card.getByText('Plaid accepts the credentials').waitFor();
  await shoot(page, 'credentials');
  await card.getByLabel('PLAID_SECRET').fill('not the right one');
  await card.getByRole('button', { name: 'Use for this session' }).click();
  await card.getByText('set (entered here)').waitFor();
  await card.getByRole('button', { name: 'Check credentials' }).click();
  await card.getByText('Check PLAID_CLIENT_ID').waitFor();
  expect(await page.content()).not.toContain('not the right one');
  await card.getByLabel('PLAID_SECRET').fill(keys['PLAID_SECRET'] ?? '');
  await card.getByRole('button', { name: 'Use for this session' }).click();
  // The card is drawn again once the gateway has the key.
  await until('the key is taken', async () => (await card.getByLabel('PLAID_SECRET').inputValue()) === '');
  await card.getByRole('button', { name: 'Check credentials' }).click();
  await card.getByText('Plaid accepts the credentials').waitFor();
  expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])')).toBe(
    '[{},{},""]',
  );
});

it('shows runs with their progress, and approves a sweep', async () => {
  const workflowId = `sweep-${randomUUID()}`;
  const users = stage.newUsers(3).map(({ plaidId, batchId }) => ({ plaidUserId: plaidId, batchUserId: batchId }));
  const input = { source: { inline: users }, reason: { code: 'USER_OFFBOARDING' }, approval: true };
  const sweep = await stage.client.workflow.start('offboardUsers', {
    workflowId,
    taskQueue: stage.person['HTTP_TASKS_TASK_QUEUE'] ?? '',
    args: [input],
  });
  await goTo(page, '#/runs');
  const card = page.getByRole('region', { name: workflowId });
  await page.getByRole('row', { name: workflowId }).getByText('Waiting for approval', { exact: true }).waitFor();
  await card.getByText('0 of 3 users').waitFor();
  await shoot(page, 'runs');
  await card.getByLabel('Enter the number of users (3) to approve').fill('3');
  await card.getByLabel('Approved by (not verified)').fill('anna');
  await card.getByRole('button', { name: 'Approve' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.innerText()).toMatch(
    new RegExp(
      `${workflowId}[\\s\\S]*Environment: sandbox[\\s\\S]*Users: 3[\\s\\S]*Source: a list of 3 users[\\s\\S]*Reason: USER_OFFBOARDING[\\s\\S]*anna \\(as typed, not verified\\)`,
    ),
  );
  expect(await dialog.locator('input[type=password], input[type=file], textarea').count()).toBe(0);
  await shoot(page, 'confirm-approval');
  await page.keyboard.press('Escape');
  expect(stage.simulators.plaid.state().touched).toEqual([]);
  await card.getByRole('button', { name: 'Approve' }).click();
  expect(await dialog.getByRole('button', { name: 'Approve' }).isDisabled()).toBe(true);
  await dialog.getByLabel('Type offboardUsers to confirm').fill('offboardUsers');
  await page.keyboard.press('Enter');
  expect(await sweep.result()).toMatchObject({ status: 'completed', approvedBy: 'anna' });
  await signIn(page, link);
  await goTo(page, '#/runs');
  await page.getByLabel('Workflow ID').fill(workflowId.slice(0, 20));
  await page.getByLabel('Kind').selectOption('Sweeps');
  const row = page.getByRole('row', { name: workflowId });
  await row.getByText('Completed', { exact: true }).waitFor();
  // Open already where the list still said that it waits for approval.
  const toggle = row.getByRole('button', { name: /details of/i });
  if ((await toggle.getAttribute('aria-expanded')) === 'false') await toggle.click();
  await card.getByRole('table', { name: 'Receipts' }).waitFor();
  expect(await card.innerText()).toContain('3 of 3 users');
  expect(await card.innerText()).toContain('Approved by anna (not verified)');
  await shoot(page, 'run');
  const [saved] = await Promise.all([page.waitForEvent('download'), card.getByRole('button', { name: 'CSV' }).click()]);
  expect(saved.suggestedFilename()).toBe(`receipts-${workflowId}.csv`);
  expect(await violationsOf(page)).toEqual([]);
  // The form of the Temporal UI copies what the named run was started with: an example without any user's data.
  const form = new URL((await page.getByRole('link', { name: 'offboard one user' }).getAttribute('href')) ?? '');
  expect(Object.fromEntries(form.searchParams)).toEqual({
    taskQueue: stage.person['HTTP_TASKS_TASK_QUEUE'],
    workflowType: 'offboardUser',
    runId: expect.any(String),
  });
  expect(await page.getByRole('row', { name: /http-tasks-example/ }).count()).toBe(0);
});

it('offboards a user: a dry run first, then with the name typed', async () => {
  await goTo(page, '#/runs');
  await page.getByText('Offboard one user', { exact: true }).click();
  const panel = page.locator('.offboard');
  const [dry, real] = [panel.getByRole('button', { name: 'Dry run' }), panel.getByRole('button', { name: 'Offboard' })];
  await dry.click();
  await panel.getByRole('alert').getByText('at least one of plaidUserId').waitFor();
  await field('user.plaidUserId').fill('usr_1');
  await field('reason.code').selectOption('USER_OFFBOARDING');
  expect(await real.isDisabled()).toBe(true);
  await dry.click();
  await panel.getByText('Dry run · 2 Items').waitFor();
  await panel
    .getByText(/^Dry run: nothing was changed\. The real run carries out these steps: plaid\.items \(2 Items\), /)
    .waitFor();
  await shoot(page, 'dry-run');
  await field('user.plaidUserId').fill('usr_2');
  expect(await real.isDisabled()).toBe(true);
  await field('user.plaidUserId').fill('usr_1');
  await real.click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.innerText()).toContain('Removed Items cannot be restored');
  await shoot(page, 'confirm-offboarding');
  expect(await dialog.innerText()).toMatch(/plaid\.items \(2 Items\)[\s\S]*In sandbox/);
  await dialog.getByRole('textbox').fill('usr_1');
  expect(stage.simulators.plaid.state().touched).toEqual([]);
  await page.keyboard.press('Enter');
  await panel.getByText('Removed').first().waitFor();
  await panel.getByText('Completed', { exact: true }).waitFor();
  await shoot(page, 'offboarded');
  expect(await real.isDisabled()).toBe(true);
  expect(stage.simulators.plaid.state().gone).toEqual(['usr_1']);
});

it('offboards a user of any provider, in one of its accounts', async () => {
  await goTo(page, '#/runs');
  await page.getByText('Offboard one user', { exact: true }).click();
  const panel = page.locator('.offboard');
  const [dry, real] = [panel.getByRole('button', { name: 'Dry run' }), panel.getByRole('button', { name: 'Offboard' })];
  await field('user.ids.courier.contactId').fill('contact-7');
  await field('user.account').selectOption('acme');
  await field('reason.code').selectOption('OTHER');
  await shoot(page, 'offboard-provider');
  await dry.click();
  await panel.getByText(/The real run carries out these steps: courier\.devices/).waitFor();
  await real.click();
  await page.getByRole('dialog').getByRole('textbox').fill('contact-7');
  await page.keyboard.press('Enter');
  await panel.getByText('Completed', { exact: true }).waitFor();
  await panel.getByText('courier.contact (acme)').first().waitFor();
  expect(courier.state().touched).toEqual(['contact-7']);
});

describe('in another window', () => {
  it('fits a narrow one, without scrolling sideways', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const place of ['#/tasks/plaid.userItemsRemove', '#/runs', '#/credentials']) {
      await goTo(page, place);
      await page.locator('h1').waitFor();
      expect(await overflowOf(page)).toBeLessThanOrEqual(0);
    }
    await open('plaid.userItemsRemove');
    await page.getByLabel('Prepared request').getByText('Fill in the required fields').waitFor();
    await shoot(page, 'narrow');
  });

  it('is dark where that is wished for', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await open('plaid.userItemsRemove');
    await page.locator('#snippet').getByText('httpTask').waitFor();
    const [back, text] = await page.evaluate<[string, string]>(
      '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
    );
    const light = (colour: string): number =>
      colour
        .match(/\d+/g)!
        .slice(0, 3)
        .reduce((sum, part) => sum + Number(part), 0);
    expect(light(back)).toBeLessThan(150);
    expect(light(text)).toBeGreaterThan(600);
    await shoot(page, 'dark');
  });
});

it('says in one sentence that a port is taken', async () => {
  const taken = await startCli(['console', '--port', new URL(url).port, '--json'], keys).ended;
  expect(taken.code).toBe(1);
  expect(taken.stdout).toContain('the port is taken');
});
