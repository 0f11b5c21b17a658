import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openPage, startBrowser } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import { environmentOf } from '../support/offboarding';
import type { CliEnv, RunningCli } from '../cli/run-cli';
import { openStage } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { workersFileOf } from '../cli/asking-stage';
import { expectGoodView, goTo, signIn, startConsole } from './console-stage';

let stage: SweepStage;
let worker: RunningCli;
let browser: Browser;
let env: CliEnv;
let link: string;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  browser = await startBrowser();
  stage = await openStage();
  env = { ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }), ...stage.person };
  [worker, { link }] = await Promise.all([stage.startWorker(), startConsole(env)]);
});

afterAll(async () => {
  await worker?.stop();
  await stage?.close();
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

it('sets holds from a file, after showing who is on hold already, and refuses a file with a wrong row', async () => {
  const [wrong, held] = [join(stage.folder, 'wrong.csv'), join(stage.folder, 'held.csv')];
  writeFileSync(wrong, 'plaid_user_id,reason\nusr_1,case 7\nnull,case 8\n');
  writeFileSync(held, 'plaid_user_id,reason\nusr_1,case 7\nusr_2,\n');
  await goTo(page, '#/holds');
  await page.getByText('Set holds from a file', { exact: true }).click();
  const part = page.locator('details', { hasText: 'Set holds from a file' });
  await part.getByLabel('A CSV file on this machine').setInputFiles(wrong);
  await part.getByLabel('Reason').fill('case 9');
  await part.getByLabel('Set by').fill('anna');
  await part.getByRole('button', { name: 'Set the holds' }).click();
  await part.getByRole('table', { name: 'Rows that are wrong' }).getByText('3', { exact: true }).waitFor();
  await fine('hold-file-wrong');
  await part.getByLabel('A CSV file on this machine').setInputFiles(held);
  await part.getByRole('button', { name: 'Check the file' }).click();
  await part.getByText('2 rows: 0 on hold in every environment, 0 in some, 2 in none.').waitFor();
  await part.getByRole('button', { name: 'Set the holds' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.innerText()).toMatch(/Set 2 holds\?[\s\S]*held\.csv[\s\S]*case 9/);
  await dialog.getByRole('button', { name: 'Set the holds' }).click();
  await part.getByText('2 holds are set, 0 extended, 0 already existed.').waitFor();
  await page
    .getByRole('table', { name: /^Holds/ })
    .getByText('case 7')
    .waitFor();
  await page.getByText('Check whether a user is on hold', { exact: true }).click();
  const check = page.getByRole('form', { name: 'Check whether a user is on hold' });
  await check.getByLabel('IDs of one user').fill('plaid.userId=usr_2');
  await check.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByText('On hold: workers delete nothing of a user with these IDs.').waitFor();
  await page.getByRole('table', { name: 'By environment of the worker' }).getByText('case 9').first().waitFor();
  await fine('hold-check');
  await check.getByLabel('IDs of one user').fill('plaid.userId=usr_3');
  await check.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByText('Not on hold: workers can delete the data of a user with these IDs.').waitFor();
});

it('records, extends and refuses a request, and saves the register as CSV', async () => {
  const today = new Date().toISOString().slice(0, 10);
  await goTo(page, '#/requests');
  await page.getByText('There are no open requests.').waitFor();
  await page.getByText('Record a request', { exact: true }).first().click();
  const form = page.getByRole('form', { name: 'Record a request' });
  await form.getByLabel('IDs of one user').fill('plaid.userId=usr_r1');
  await form.getByLabel('Received on').fill(today);
  await form.getByLabel('Law').selectOption('GDPR');
  await form.getByLabel('Reference').fill('case 2031');
  await form.getByRole('button', { name: 'Record the request' }).click();
  await page.getByText(/^Request 1 is recorded; it is due /).waitFor();
  const row = page.getByRole('row', { name: /case 2031/ });
  await row.getByRole('button', { name: 'Extend request 1' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('three providers');
  await dialog.getByLabel('Decided by').fill('anna');
  await dialog.getByRole('button', { name: 'Extend' }).click();
  await page.getByText(/^Request 1 is extended; it is due /).waitFor();
  await row.getByText('three providers (anna').waitFor();
  expect(await row.getByRole('button', { name: 'Extend request 1' }).count()).toBe(0);
  await row.getByRole('button', { name: 'Refuse request 1' }).click();
  await dialog.getByLabel('Reason').fill('identity not proven');
  expect(await dialog.getByLabel('Decided by').inputValue()).toBe('anna');
  await dialog.getByRole('button', { name: 'Refuse' }).click();
  await page.getByText('Request 1 is refused, and its user is on hold:').waitFor();
  await page.getByText('There are no open requests.').waitFor();
  await page.getByLabel('Show').selectOption('All');
  await row.getByText('identity not proven (anna').waitFor();
  await fine('requests');
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click(),
  ]);
  expect(saved.suggestedFilename()).toBe('requests.csv');
});

it('sets and clears a standing limit', async () => {
  await goTo(page, '#/limits');
  await page.getByText('Set the limit of another key', { exact: true }).click();
  const form = page.getByRole('form', { name: 'Set a standing limit' });
  await form.getByLabel('Key').fill('plad');
  await form.getByLabel('Calls per minute').fill('600');
  await form.getByRole('button', { name: 'Set the limit' }).click();
  await page.getByRole('alert').getByText('allowed:').waitFor();
  await form.getByLabel('Key').fill('plaid');
  await form.getByRole('button', { name: 'Set the limit' }).click();
  await page.getByText('plaid: 600 calls a minute are in force (the standing limit).').waitFor();
  const row = page.getByRole('row', { name: /^plaid 600/ });
  await row.getByRole('button', { name: 'Clear the limit of plaid' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Clear the limit' }).click();
  await page.getByRole('button', { name: 'Clear the limit of plaid' }).waitFor({ state: 'detached' });
});

it('asks for production where it cannot know where a schedule deletes, and makes up for missed runs', async () => {
  const blind = await startConsole({ ...env, HTTP_TASKS_LEDGER_URL: undefined });
  await signIn(page, blind.link);
  const name = `weekly-${Date.now()}`;
  await goTo(page, '#/schedules');
  await page.getByText('Create a schedule', { exact: true }).first().click();
  const form = page.getByRole('form', { name: 'Create a schedule' });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('Cron expression or interval').fill('0 3 * * 1');
  await form
    .getByLabel('Source')
    .first()
    .fill(workersFileOf(stage, stage.newUsers(1)));
  await form.getByLabel('Create it paused').check();
  await form.getByLabel('Each run waits for approval').check();
  await page.locator('.input-form [name="reason.code"]').selectOption('OTHER');
  await form.getByRole('button', { name: 'Create the schedule' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
  await page.keyboard.press('Enter');
  await dialog.getByText(/^Whether the task queue .* is production is not known/).waitFor();
  expect(await dialog.innerText()).not.toContain('--yes');
  await fine('unknown-place');
  await dialog.getByLabel(/Type production to confirm$/).fill('production');
  await page.keyboard.press('Enter');
  await page.getByText(`The schedule ${name} was created.`).waitFor();
  await page.getByRole('button', { name: `Details of ${name}` }).click();
  const shown = page.getByRole('region', { name: `Schedule ${name}` });
  await shown.getByText('No run has started yet.').waitFor();
  await shown.getByText('Backfill missed runs', { exact: true }).click();
  await shown.getByLabel('From').fill('2026-01-01T00:00');
  await shown.getByLabel('To').fill('2026-01-08T00:00');
  await shown.getByRole('button', { name: 'Start these runs' }).click();
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
  await page.keyboard.press('Enter');
  await dialog.getByLabel(/Type production to confirm$/).fill('production');
  await page.keyboard.press('Enter');
  await shown.getByText(/^1 run starts\.$/).waitFor();
  await fine('schedule');
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByText(`${name}: deleted`).waitFor();
  await page.goto('about:blank');
  await blind.cli.stop();
});
