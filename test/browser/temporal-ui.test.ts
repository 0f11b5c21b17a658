import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Browser, Page } from 'playwright-core';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import type { PlaidState } from '@temporal-http-tasks/testing';
import { oneDocument, startCli } from '../cli/run-cli';
import type { RunningCli } from '../cli/run-cli';
import { openPage, picture, shoot, startBrowser } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import {
  details,
  inputInForm,
  openTab,
  PAGES,
  pressStart,
  sendUpdate,
  setCodecServer,
  timelineLabels,
  typeJson,
  untilDetails,
  untilStatus,
} from '../support/temporal-ui';

// What a person does in Temporal's own UI, with everything that `http-tasks dev` brings up and prints.

interface User {
  plaidUserId: string;
  batchUserId: string;
}

interface DevDocument {
  temporal: { address: string; uiUrl: string; taskQueue: string };
  plaid: { url: string };
  links: { workflows: { workflowType: string; url: string }[] };
  example: { input: { user: User } };
}

const REASON = { code: 'USER_OFFBOARDING' } as const;

/** Of the users whom `dev` makes known to the simulators, some whom no other test here touches. */
const SWEPT: User[] = [
  { plaidUserId: 'usr_9vXk3nDaYu', batchUserId: '1004' },
  { plaidUserId: 'usr_5tBwL0pZrM', batchUserId: '1005' },
];

let folder: string;
let dev: RunningCli;
let stage: DevDocument;
let browser: Browser;
let watched: WatchedPage;
let page: Page;
let started = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-ui-test-'));
  dev = startCli(['dev', '--json'], {
    TMPDIR: folder,
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  });
  [browser] = await Promise.all([startBrowser(), dev.printed('\n}\n')]);
  stage = oneDocument<DevDocument>(dev.stdoutSoFar());
});

afterAll(async () => {
  await browser?.close();
  await dev?.stop('SIGINT');
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  watched = await openPage(browser);
  ({ page } = watched);
});

afterEach(() => watched.close());

/** Opens the form and fills in all but the input. */
async function openForm(workflowType: string, taskQueue = stage.temporal.taskQueue): Promise<string> {
  await page.goto(`${stage.temporal.uiUrl}${PAGES}/workflows/start-workflow?taskQueue=${taskQueue}`);
  const workflowId = `by-hand-${(started += 1)}`;
  await page.locator('#workflowType').fill(workflowType);
  await page.locator('#workflowId').fill(workflowId);
  return workflowId;
}

async function touchedAtPlaid(): Promise<string[]> {
  const { touched } = (await (await fetch(`${stage.plaid.url}/__sim/state`)).json()) as PlaidState;
  return touched;
}

/** The updates that a run has accepted. */
async function updatesOf(workflowId: string): Promise<string[]> {
  const connection = await Connection.connect({ address: stage.temporal.address });
  try {
    const { events } = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory();
    return (events ?? []).flatMap(
      (event) => event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name ?? [],
    );
  } finally {
    await connection.close();
  }
}

it('opens by the printed link with a valid example in the form, which runs unedited and changes nothing', async () => {
  const link = stage.links.workflows.find(({ workflowType }) => workflowType === 'offboardUser');
  await page.goto(link?.url ?? '');
  await page.locator('#workflowId').fill('by-link');
  expect(await page.locator('#workflowType').inputValue()).toBe('offboardUser');
  expect(await page.locator('#taskQueue').inputValue()).toBe(stage.temporal.taskQueue);
  const { plaidUserId, batchUserId } = stage.example.input.user;
  expect(await inputInForm(page)).toEqual({ user: { plaidUserId, batchUserId }, reason: REASON, dryRun: true });
  await page.getByText('Task Queue is Active').waitFor();
  await shoot(page, 'temporal-ui-start');
  await picture(page, 'temporal-ui-start');
  await pressStart(page);
  await untilStatus(page, 'Completed');
  expect(await touchedAtPlaid()).toEqual([]);
});

it('offboards a user, and shows a person in words what was done, with no id in any summary', async () => {
  const { plaidUserId, batchUserId } = stage.example.input.user;
  const user = { plaidUserId, batchUserId };
  await openForm('offboardUser');
  await page.getByText('Task Queue is Active').waitFor();
  await typeJson(page, page, { user, reason: REASON });
  await pressStart(page);
  await untilStatus(page, 'Completed');
  expect(await touchedAtPlaid()).toEqual([user.plaidUserId]);

  await openTab(page, 'user-metadata');
  const shown = details(page);
  await shown.getByRole('heading', { name: 'Offboarding completed' }).waitFor();
  await shown
    .getByRole('listitem')
    .filter({ hasText: 'plaid.items' })
    .locator('strong', { hasText: 'removed' })
    .waitFor();
  await shoot(page, 'temporal-ui-details');
  await picture(page, 'temporal-ui-details');
  const words = await shown.innerText();
  const labels = await timelineLabels(page);
  expect(labels).toContain('plaid.userItemsRemove • plaid.items: Remove Items of a user');
  expect(labels.join('\n')).toContain('batch.customDataDelete • batch.ios: ');
  await shoot(page, 'temporal-ui-timeline');
  for (const id of Object.values(user)) {
    // As a word of its own: a duration or a request id may hold its digits.
    expect([words, ...labels].join('\n')).not.toMatch(new RegExp(`(?<![\\w-])${id}(?![\\w-])`));
  }
});

it('fails a run with a wrong input immediately, and shows which field is wrong', async () => {
  await openForm('offboardUser');
  await typeJson(page, page, { user: { plaidUserID: 'usr_1' }, reason: REASON });
  await pressStart(page);
  await untilStatus(page, 'Failed');
  await page.getByText('user.plaidUserID: unknown field').first().waitFor();
  await shoot(page, 'temporal-ui-refused');
});

it('steers a sweep by updates, and says in one sentence why one is refused', async () => {
  const workflowId = await openForm('offboardUsers');
  await typeJson(page, page, { source: { inline: SWEPT }, reason: REASON, approval: true, granularity: 'user' });
  await pressStart(page);
  await openTab(page, 'user-metadata');
  await untilDetails(page, 'Waiting for the update approve with {"total": 2, "by": "your name"}');

  const refused = await sendUpdate(page, 'approve', { total: 3, by: 'A. Person' });
  await refused
    .getByText('total is 3, and this sweep has 2 users. Check the users again, then approve that number.')
    .first()
    .waitFor();
  await shoot(page, 'temporal-ui-update-refused');
  expect(await touchedAtPlaid()).not.toContain(SWEPT[0]!.plaidUserId);

  for (const [name, value] of [
    ['pause', undefined],
    ['resume', undefined],
    ['approve', { total: 2, by: 'A. Person' }],
  ] as const) {
    await page.reload();
    // An update that was carried out closes its dialog.
    await (await sendUpdate(page, name, value)).waitFor({ state: 'hidden' });
  }
  await page.reload();
  await untilStatus(page, 'Completed');
  expect(await touchedAtPlaid()).toEqual(expect.arrayContaining(SWEPT.map(({ plaidUserId }) => plaidUserId)));
  expect(await updatesOf(workflowId)).toEqual(['pause', 'resume', 'approve']);
});

it('makes a Schedule in the form of the UI, whose run, triggered there, completes', async () => {
  const name = 'nightly';
  await page.goto(`${stage.temporal.uiUrl}${PAGES}/schedules/create`);
  for (const [field, value] of [
    ['name', name],
    ['type', 'offboardUsers'],
    ['workflow-id', `${name}-run`],
    ['task-queue', stage.temporal.taskQueue],
  ] as const) {
    await page.getByTestId(`schedule-${field}-input`).fill(value);
  }
  await typeJson(page, page.locator('#schedule-payload-input'), {
    source: { inline: SWEPT },
    reason: REASON,
    dryRun: true,
  });
  await page.getByPlaceholder('* * * * *').fill('0 3 * * *');
  await page.getByTestId('create-schedule-button').click();
  await page.getByRole('link', { name }).click();
  await page.getByLabel('Schedule Actions').click();
  await page.getByTestId('trigger-schedule').click();
  await page.locator('dialog[open]').getByTestId('confirm-modal-button').click();
  await page
    .getByRole('link', { name: new RegExp(`${name}-run-`) })
    .first()
    .click();
  await untilStatus(page, 'Completed');
});

it('shows what is encrypted only with the codec server, and encrypts with it what is started in the form', async () => {
  const key = { HTTP_TASKS_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  const { uiUrl, address } = stage.temporal;
  const codec = startCli(['codec-server', '--port', '0', '--ui-origin', uiUrl, '--json'], key);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, plugins: [new EncryptionPlugin({ env: key })] });
  // No worker polls the queue: what is shown is what the run was started with.
  const run = { taskQueue: 'nobody', workflowId: 'sealed' };
  await client.workflow.start('offboardUser', {
    ...run,
    args: [{ user: { plaidUserId: 'usr_canary' }, reason: REASON }],
  });

  await page.goto(`${uiUrl}${PAGES}/workflows/${run.workflowId}`);
  const shown = page.getByTestId('input-and-result');
  await shown.locator('.cm-line').first().waitFor();
  expect(await page.content()).not.toContain('usr_canary');
  await shoot(page, 'temporal-ui-sealed');
  await codec.printed('Ctrl-C');
  await setCodecServer(page, oneDocument<{ url: string }>(codec.stdoutSoFar()).url);
  await page.reload();
  await shown.getByText('usr_canary').first().waitFor();
  await shoot(page, 'temporal-ui-decoded');

  const workflowId = await openForm('offboardUser', run.taskQueue);
  await typeJson(page, page, { user: { plaidUserId: 'usr_typed' }, reason: REASON });
  await pressStart(page);
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(Buffer.from(payload?.metadata?.['encoding'] ?? []).toString()).toBe('binary/encrypted');
  expect(Buffer.from(payload?.data ?? []).toString('latin1')).not.toContain('usr_typed');
  await codec.stop('SIGINT');
  await connection.close();
});
