import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApproverKey } from 'temporal-http-tasks/internal/operator-policy/approval';
import type { Browser, Page } from 'playwright-core';
import { openPage, picture, shoot, startBrowser, violationsOf } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import type { CliEnv, RunningCli } from '../cli/run-cli';
import { openStage } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { environmentOf } from '../support/offboarding';
import { until } from '../support/offboarding-runs';
import { expectGoodView, goTo, signIn, startConsole, startCourier } from './console-stage';

let stage: SweepStage;
let worker: RunningCli;
let console_: RunningCli;
let courier: { close(): Promise<unknown> };
let browser: Browser;
let link: string;
let watched: WatchedPage;
let page: Page;
const approver = createApproverKey();

beforeAll(async () => {
  browser = await startBrowser();
  stage = await openStage();
  const { env: providers, ...started } = await startCourier();
  ({ courier } = started);
  const policy = join(stage.folder, 'policy.yaml');
  const approval = { usersAbove: 15, approvers: [{ name: 'alice', key: approver.key }] };
  writeFileSync(policy, JSON.stringify({ version: 1, users: { perSweep: 100 }, reasonCodes: ['OTHER'], approval }));
  const env: CliEnv = {
    ...providers,
    ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }),
    ...stage.person,
    HTTP_TASKS_POLICY: policy,
  };
  [worker, { link, cli: console_ }] = await Promise.all([
    stage.startWorker({ ...providers, HTTP_TASKS_POLICY: policy }),
    startConsole(env),
  ]);
});

afterAll(async () => {
  await console_?.stop();
  await worker?.stop();
  await stage?.close();
  await courier?.close();
  await browser?.close();
});

beforeEach(async () => {
  watched = await openPage(browser);
  ({ page } = watched);
  await signIn(page, link);
});

afterEach(async () => {
  const { problems } = watched;
  await watched.close();
  // A refusal of the gateway, which a browser reports by its status.
  expect(problems.filter((text) => !/responded with a status of 4\d\d/.test(text))).toEqual([]);
});

const fine = (name: string): Promise<void> => expectGoodView(page, name);

it('starts a sweep from a file: preview, dry run, start, approval, and its evidence', async () => {
  const users = stage.newUsers(12);
  const rows = users.map(({ plaidId, batchId }, index) => `${plaidId},${batchId},case-${index + 1},x\n`);
  const file = join(stage.folder, 'closed.csv');
  writeFileSync(file, `plaid_user_id,batch_user_id,reference,comment\n${rows.join('')}`);
  await goTo(page, '#/runs');
  await page.getByRole('link', { name: 'Start a sweep' }).click();
  await page.getByRole('heading', { name: '1. Users' }).waitFor();
  const [dry, real] = [page.getByRole('button', { name: 'Dry run' }), page.getByRole('button', { name: 'Start' })];
  expect(await dry.isDisabled()).toBe(true);
  // Without a reason it is refused, and the field says so.
  await page.getByLabel('A file on this machine').setInputFiles(file);
  await page.locator('.input-form [aria-invalid="true"]').waitFor();
  await fine('sweep-refused');
  await page.locator('.input-form [name="reason.code"]').selectOption('OTHER');
  await page.locator('.input-form [name="requestedBy"]').fill('bob');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByText('12 users, 0 rejected').waitFor();
  await page.getByText('First 10 rows', { exact: true }).waitFor();
  await page.getByText('case-10', { exact: true }).waitFor();
  expect(await page.locator('.preview').innerText()).toMatch(
    /removes all Items[\s\S]*plaid_user_id, batch_user_id, reference[\s\S]*comment/,
  );
  await fine('sweep-preview');
  await picture(page, 'console-sweep', { fullPage: true });
  expect(await real.isDisabled()).toBe(true);
  await dry.click();
  await page.getByText('Nothing was changed. The sweep is for 12 users.').waitFor({ timeout: 60_000 });
  await fine('sweep-dry-run');
  expect(stage.simulators.plaid.state().touched).toEqual([]);
  // What was not tried cannot be started.
  await page.locator('.input-form [name="requestedBy"]').fill('carol');
  expect(await real.isDisabled()).toBe(true);
  await page.locator('.input-form [name="requestedBy"]').fill('bob');
  await real.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click();
  const run = page.getByRole('region', { name: /^sweep-/ });
  await run.getByText('bob (not verified)').waitFor();
  expect(stage.simulators.plaid.state().touched).toEqual([]);
  await fine('sweep-waiting');
  await run.getByLabel('Enter the number of users (12) to approve').fill('12');
  await run.getByLabel('Approved by (not verified)').fill('anna');
  await run.getByRole('button', { name: 'Approve' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.innerText()).toMatch(
    /Environment: sandbox[\s\S]*Plaid: removes all Items[\s\S]*Users: 12[\s\S]*Reason: OTHER[\s\S]*Requested by: bob/,
  );
  await dialog.getByLabel('Type offboardUsers to confirm').fill('offboardUsers');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Follow it under Runs' }).click();
  await page
    .getByRole('row', { name: /^sweep-/ })
    .getByText('Completed', { exact: true })
    .waitFor({ timeout: 60_000 });
  await run.getByText('Sealed evidence', { exact: true }).click();
  await run.getByText('Merkle root').waitFor();
  expect(await run.getByRole('group', { name: 'Head of the evidence' }).innerText()).toContain('"bob"');
  await fine('sweep-done');
  for (const [name, start] of [
    ['Report', 'report-sweep-'],
    ['Evidence bundle', 'bundle-sweep-'],
  ] as const) {
    const [saved] = await Promise.all([page.waitForEvent('download'), run.getByRole('button', { name }).click()]);
    expect(saved.suggestedFilename()).toMatch(new RegExp(`^${start}`));
  }
});

it('takes a signed approval, and never sends a private key', async () => {
  const sweepId = `signed-${Date.now()}`;
  const file = stage.fileOf(stage.newUsers(16));
  const sweep = await stage.run('sweep', '--source', file, '--reason', 'OTHER', '--id', sweepId);
  expect(sweep.code).toBe(0);
  await goTo(page, `#/runs/${sweepId}`);
  const run = page.getByRole('region', { name: sweepId });
  await run.getByText('The policy of the workers requires a signature; signed so far: none.').waitFor();
  const pasted = run.getByLabel('Signed approval');
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.postData() ?? ''));
  await pasted.fill(approver.pem);
  await run.getByRole('button', { name: 'Approve' }).click();
  await run.getByText(/^This is a private key and was not sent/).waitFor();
  expect(await pasted.inputValue()).toBe('');
  expect(requests.join()).not.toContain('PRIVATE KEY');
  await fine('sign');
  const key = join(stage.folder, 'alice.pem');
  writeFileSync(key, approver.pem, { mode: 0o600 });
  const approve = ['sweep', 'approve', sweepId, '--total', '16', '--by', 'alice', '--key', key, '--print'];
  const { document } = await stage.run<object>(...approve);
  await pasted.fill(JSON.stringify(document));
  await run.getByRole('button', { name: 'Approve' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.innerText()).toContain('Approved by: alice (signed; the worker checks the signature)');
  await dialog.getByLabel('Type offboardUsers to confirm').fill('offboardUsers');
  await page.keyboard.press('Enter');
  await page
    .getByRole('row', { name: new RegExp(sweepId) })
    .getByText('Completed', { exact: true })
    .waitFor({ timeout: 60_000 });
});

it('shows rejected rows by line, and does not start such a file', async () => {
  const file = join(stage.folder, 'wrong.csv');
  writeFileSync(file, 'plaid_user_id\nusr_1\nnull\n');
  await goTo(page, '#/sweep');
  await page.locator('.input-form [name="reason.code"]').selectOption('OTHER');
  await page.getByLabel('A file on this machine').setInputFiles(file);
  await page.getByRole('alert').getByText('cannot be users').waitFor();
  await page.getByRole('table', { name: 'Rejected rows' }).getByText('3', { exact: true }).waitFor();
  await fine('sweep-rejected');
});

it('sets, finds and lifts a hold, with the keyboard alone', async () => {
  await goTo(page, '#/holds');
  await page.getByText('There are no holds.').waitFor();
  await page.getByText('Set a hold', { exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.type('plaid.userId=usr_held');
  await page.keyboard.press('Tab');
  await page.keyboard.type('case 2031');
  await page.keyboard.press('Tab');
  await page.keyboard.type('anna');
  await page.keyboard.press('Enter');
  await page.getByText('The hold is set:').waitFor();
  const row = page.getByRole('row', { name: /case 2031/ });
  await row.getByText('anna').waitFor();
  await fine('holds');
  await page.getByLabel('Search').fill('other');
  await page.getByText('No hold matches.').waitFor();
  await page.getByLabel('Search').fill('2031');
  await row.getByRole('button', { name: /^Lift the hold/ }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.getByRole('button', { name: 'Lift the hold' }).isDisabled()).toBe(true);
  await dialog.getByLabel('Reason for lifting it').fill('closed');
  await dialog.getByLabel('Lifted by').fill('bob');
  await shoot(page, 'lift-hold');
  await page.keyboard.press('Enter');
  await page.getByText('The hold is lifted:').waitFor();
  await page.getByText('Hold log', { exact: true }).click();
  await page.getByRole('table', { name: 'Hold changes, newest first' }).getByText('closed').waitFor();
  await fine('holds-log');
});

it('creates, pauses and deletes a schedule', async () => {
  const name = `nightly-${Date.now()}`;
  await goTo(page, '#/schedules');
  await page.getByText('Create a schedule', { exact: true }).first().click();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Cron expression or interval').fill('0 3 * * *');
  await page.getByLabel('Time zone').fill('Europe/Paris');
  await page.getByLabel('Source', { exact: false }).first().fill('file:users.csv');
  await page.locator('.input-form [name="reason.code"]').selectOption('OTHER');
  await fine('schedule-form');
  await page.getByRole('button', { name: 'Create the schedule' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
  await page.keyboard.press('Enter');
  await page.getByText(`The schedule ${name} was created.`).waitFor();
  // Temporal lists a new one within a second or two.
  const row = page.getByRole('row', { name });
  await row.getByText('0 3 * * * (Europe/Paris)').waitFor();
  await fine('schedules');
  await row.getByRole('button', { name: `Pause ${name}` }).click();
  await dialog.getByLabel('Note').fill('incident');
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await page.getByText(`${name}: paused`).waitFor();
  await row.getByRole('button', { name: `Delete ${name}` }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByText(`${name}: deleted`).waitFor();
});

it('shows providers with their steps, and the policy', async () => {
  await goTo(page, '#/providers');
  await page.getByRole('table', { name: 'Providers' }).getByText('courier', { exact: true }).waitFor();
  await page
    .getByRole('button', { name: /^Steps of/ })
    .first()
    .click();
  await page.getByRole('table', { name: 'Steps, in order' }).waitFor();
  await page.getByRole('table', { name: 'Rules' }).getByText('Per sweep: 100').waitFor();
  await fine('providers');
});

it('goes to any page, task or run with keys', async () => {
  const palette = page.getByRole('dialog', { name: 'Go to' });
  await page.keyboard.press('Control+k');
  await palette.getByRole('option', { name: /^Runs/ }).waitFor();
  await page.keyboard.type('lsit itmes');
  await palette.getByRole('option', { name: /plaid\.userItemsGet/ }).waitFor();
  await shoot(page, 'palette');
  expect(await violationsOf(page)).toEqual([]);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: "List a user's Items" }).waitFor();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('hold');
  await palette.getByRole('option', { name: /^Holds/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Holds' }).waitFor();
  expect(await page.title()).toBe('Holds · http-tasks console');
  // Two keys with more than a moment between them are two keys.
  await until('the keys came together', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    return (await page.title()) === 'Runs · http-tasks console';
  });
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).getByText('g r', { exact: true }).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await page.keyboard.press('Escape');
  // In a field, keys are text.
  await page.getByLabel('Workflow ID').focus();
  await page.keyboard.type('g?/');
  expect(await page.getByLabel('Workflow ID').inputValue()).toBe('g?/');
});

it('folds and copies a JSON response, and lists the calls of the session without their inputs', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  stage.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
  await goTo(page, '#/tasks/plaid.userItemsGet');
  await page.locator('.input-form [name="user_id"]').fill('usr_1');
  await page.getByRole('button', { name: 'Test request' }).click();
  const response = page.locator('.response-panel');
  const body = response.getByRole('group', { name: 'Body of the response' });
  await body.getByText('"item-2"').first().waitFor();
  await response.getByRole('button', { name: 'Fold all', exact: true }).click();
  expect(await body.getByText('"item-2"').first().isVisible()).toBe(false);
  await body
    .getByText(/ 2 entries \]/)
    .first()
    .waitFor();
  await shoot(page, 'folded');
  await response.getByRole('button', { name: 'Unfold all' }).click();
  await body.getByText('"item-2"').first().waitFor();
  await response.getByRole('button', { name: 'Copy the response' }).click();
  let text = '';
  await until('it is copied', async () => {
    text = await page.evaluate<string>('navigator.clipboard.readText()');
    return text !== '';
  });
  expect((JSON.parse(text) as { items: unknown[] }).items).toHaveLength(2);
  await goTo(page, '#/tasks');
  const calls = page.getByRole('table', { name: /^Calls of this session/ });
  await calls.getByRole('row', { name: /plaid\.userItemsGet.*Test request.*200/ }).waitFor();
  expect(await calls.innerText()).not.toContain('usr_1');
  expect(await violationsOf(page)).toEqual([]);
  await shoot(page, 'history');
});
