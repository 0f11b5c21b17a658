import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { openPage, startBrowser } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import { environmentOf } from '../support/offboarding';
import { until } from '../support/offboarding-runs';
import type { RunningCli } from '../cli/run-cli';
import { openStage } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { goTo, signIn, startConsole } from './console-stage';

let stage: SweepStage;
let console_: RunningCli;
let browser: Browser;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  browser = await startBrowser();
  stage = await openStage();
  const env = { ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }), ...stage.person };
  const started = await startConsole(env);
  console_ = started.cli;
  watched = await openPage(browser);
  ({ page } = watched);
  await signIn(page, started.link);
});

afterAll(async () => {
  await watched?.close();
  await console_?.stop();
  await stage?.close();
  await browser?.close();
});

const [ITEMS, ONE, MANY] = ['plaid.userItemsRemove', 'batch.customDataDelete', 'batch.customDataBulkDelete'] as const;

const open = async (task: string): Promise<void> => {
  await goTo(page, `#/tasks/${task}`);
  await until(`the page of ${task}`, async () => (await page.title()).startsWith(`${task} `));
};
const field = (name: string): Locator => page.locator(`.input-form [name="${name}"]`);
const head = (): Promise<string> => page.locator('.task-head').innerText();
const code = async (tab: string): Promise<string> => {
  await page.getByRole('tab', { name: tab, exact: true }).click();
  return page.locator('#snippet').innerText();
};

/** The cells of a table of the reference, row by row. */
const cells = async (caption: string): Promise<string[][]> => {
  const rows = await page.getByRole('table', { name: caption, exact: true }).getByRole('row').all();
  return Promise.all(rows.slice(1).map((row) => row.getByRole('cell').allInnerTexts()));
};

/** Each row of the table in docs/console.md, and how the page shows it. */
const FEATURES: Readonly<Record<string, () => Promise<void>>> = {
  'search for an API and choose it': async () => {
    await page.getByLabel('Search tasks').fill('user items rmove');
    await page.locator('.tasks a', { hasText: ITEMS }).click();
    await page.locator('.task-head code', { hasText: ITEMS }).waitFor();
    await page.getByLabel('Search tasks').fill('');
  },
  'provider, method and path': async () => {
    expect(await head()).toMatch(/POST \/user\/items\/remove[\s\S]*Plaid/);
  },
  'long description of the endpoint, with what else to call': async () => {
    expect(await head()).toMatch(
      /cannot be undone[\s\S]*refuses the whole call[\s\S]*\/item\/remove[\s\S]*plaid\.userItemsGet[\s\S]*plaid\.userProductsTerminate[\s\S]*Consumer Service Center/,
    );
    expect(await page.locator('.consequence').innerText()).toContain('through Link');
    await open(ONE);
    expect(await head()).toContain('Premier and Enterprise');
  },
  "link to the provider's own documentation": async () => {
    for (const [task, site] of [
      [ITEMS, 'https://plaid.com/docs/'],
      [ONE, 'https://doc.batch.com/'],
    ] as const) {
      await open(task);
      expect(await page.locator('.task-head a').getAttribute('href')).toContain(site);
    }
  },
  servers: async () => {
    expect(await cells('Servers')).toEqual([
      ['sandbox', 'https://sandbox.plaid.com'],
      ['production', 'https://production.plaid.com'],
    ]);
  },
  'request headers with value, required or not, and description': async () => {
    const headers = await cells('Request headers');
    expect(headers.map((row) => row.slice(0, 3))).toEqual([
      ['content-type', 'application/json', 'yes'],
      ['plaid-version', '2020-09-14', 'yes'],
      ['plaid-client-id', '$PLAID_CLIENT_ID', 'yes'],
      ['plaid-secret', '$PLAID_SECRET', 'yes'],
    ]);
    expect(headers.every(([, , , about = '']) => about.length > 5)).toBe(true);
    await open(MANY);
    expect((await cells('Request headers')).map(([name]) => name)).toEqual(
      expect.arrayContaining(['content-type', 'x-authorization']),
    );
  },
  'body fields with type, required or not, and description': async () => {
    const fields = await cells('Input');
    expect(fields.map((row) => row.slice(0, 3))).toEqual([
      ['user_id', 'string', 'no'],
      ['user_token', 'string', 'no'],
      ['item_ids', 'string[]', 'yes'],
    ]);
    expect(fields.every(([, , , about = '']) => about.length > 20)).toBe(true);
  },
  'fields that exclude each other': async () => {
    const rule = 'Exactly one of user_id and user_token is required.';
    for (const place of [page.locator('.input-form'), page.getByLabel('Reference')])
      expect(await place.innerText()).toContain(rule);
  },
  'maximum number of IDs in a call': async () => {
    await open(MANY);
    for (const place of [page.locator('.input-form'), page.getByLabel('Reference')])
      expect(await place.innerText()).toMatch(/1 to 10[,.]?000 entries/);
  },
  'what a successful response contains': async () => {
    await open(MANY);
    expect(await cells('Output')).toEqual([expect.arrayContaining(['token'])]);
  },
  'errors with name, HTTP status, code, and what to do': async () => {
    await open(ONE);
    const errors = await cells('Errors');
    expect(errors.map((row) => row.slice(0, 3)).sort()).toEqual(
      [
        ['AUTHENTICATION_INVALID', '401', '10'],
        ['API_MISUSE', '403', '12'],
        ['ROUTE_NOT_FOUND', '404', '20'],
        ['MISSING_PARAMETER', '400', '30'],
        ['MALFORMED_PARAMETER', '400', '31'],
        ['MALFORMED_JSON_BODY', '400', '32'],
        ['SERVER_ERROR', '500', '1'],
        ['MAINTENANCE_ERROR', '503', '2'],
      ].sort(),
    );
    expect(errors.every((row) => (row.at(-1) ?? '').length > 10)).toBe(true);
    await open(ITEMS);
    expect((await cells('Errors')).map((row) => row.join(' '))).toEqual(
      expect.arrayContaining([
        expect.stringContaining('RATE_LIMIT_EXCEEDED'),
        expect.stringContaining('INVALID_API_KEYS'),
      ]),
    );
  },
  'a successful call may take effect later': async () => {
    await open(ONE);
    expect(await head()).toContain('mean accepted; the deletion follows');
  },
  'credentials, and a check of them': async () => {
    await goTo(page, '#/credentials');
    const card = page.getByRole('region', { name: 'Plaid' });
    await card.getByRole('button', { name: 'Check credentials' }).click();
    await card.getByText('Plaid accepts the credentials').waitFor();
  },
  'key per app': async () => {
    await goTo(page, '#/credentials');
    await page.getByRole('region', { name: 'Batch' }).getByText('BATCH_API_KEYS').first().waitFor();
    await open(ONE);
    expect(await field('app').count()).toBe(1);
  },
  'gateway that adds the credentials': async () => {
    await goTo(page, '#/credentials');
    await page
      .getByRole('heading', { name: /gateway/i })
      .first()
      .waitFor();
  },
  'form with the required fields marked': async () => {
    const marked = page.locator('.input-form .field', { has: page.locator('.required') });
    expect(await marked.locator('label code').allInnerTexts()).toEqual(['item_ids']);
  },
  'why a request cannot be sent yet': async () => {
    await field('item_ids').fill('');
    await page.getByLabel('Prepared request').getByText('Fill in the required fields to see the request.').waitFor();
    await page.getByRole('button', { name: 'Test request' }).click();
    await page.locator('.input-form').getByText('Is required.', { exact: true }).waitFor();
  },
  'prepared request': async () => {
    await field('user_id').fill('usr_1');
    await field('item_ids').fill('item-1');
    await page.getByLabel('Prepared request').getByText('plaid-secret: $PLAID_SECRET').waitFor();
  },
  'test request and its response': async () => {
    stage.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
    await open('plaid.userItemsGet');
    await field('user_id').fill('usr_1');
    await page.getByRole('button', { name: 'Test request' }).click();
    const response = page.locator('.response-panel');
    await response.getByText('200').first().waitFor();
    expect(await response.innerText()).toMatch(/Request ID[\s\S]*item-2/);
  },
  'token of an accepted deletion': async () => {
    await open(ONE);
    await field('id').fill('alice');
    await field('app').fill('ios');
    await page.getByRole('button', { name: 'Test request' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill(ONE);
    await page.keyboard.press('Enter');
    await page.locator('.response-panel').getByText('"token"').waitFor();
  },
  'code that follows what is typed': async () => {
    await field('item_ids').fill('item-7');
    await page.locator('#snippet').getByText('item-7').waitFor();
  },
  'the call as a step of a workflow': async () => {
    expect(await code('TypeScript, in a workflow')).toContain(`httpTask(${ITEMS})`);
  },
  'the call by a typed client': async () => {
    expect(await code('TypeScript, as a client')).toContain(`TaskInput<typeof ${ITEMS}>`);
  },
  'cURL, for one and for many users': async () => {
    await open(ONE);
    await field('id').fill('alice');
    await field('app').fill('ios');
    await page.getByLabel('Prepared request').getByText('/data/users/alice').waitFor();
    expect(await code('cURL to the provider')).toMatch(
      /DELETE[\s\S]*alice[\s\S]*x-authorization: \$BATCH_REST_API_KEY/i,
    );
    await open(MANY);
    await field('ids').fill('alice\nbob');
    await field('app').fill('ios');
    await page.getByLabel('Prepared request').getByText('bob').waitFor();
    expect(await code('cURL to the provider')).toMatch(/DELETE[\s\S]*\["alice",\s*"bob"\]/i);
  },
};

it('is described row by row in docs/console.md', () => {
  const docs = readFileSync(join(__dirname, '../../docs/console.md'), 'utf8');
  const table = /## The page of a task\n([^]*?)\n## /.exec(docs)?.[1] ?? '';
  const rows = [...table.matchAll(/^\| (.*?) \| .* \| (.*?) \|$/gm)].slice(1);
  expect(rows.map(([, feature]) => feature)).toEqual(Object.keys(FEATURES));
  expect(new Set(rows.map(([, , state]) => state))).toEqual(new Set(['works']));
});

it.each(Object.entries(FEATURES))('has: %s', async (_, shows) => {
  await open(ITEMS);
  await shows();
});
