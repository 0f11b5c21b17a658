import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { runCli } from '../cli/run-cli';
import { DATABASES, SUBJECT_KEY, cleanUp, open, temporaryFolder } from '../ledger/databases';
import { writeExampleSweep } from '../ledger/sweeps/example-sweep';
import { openPage, overflowOf, shoot, startBrowser, violationsOf } from '../support/browser';
import type { WatchedPage } from '../support/browser';
import { expectGoodView } from './console-stage';

const TERMS = {
  plan: JSON.stringify({ reason: { code: 'USER_OFFBOARDING', note: 'contract 7 ended' } }),
  about: { requestedBy: 'Alice', receivedAt: '2030-01-02', law: 'gdpr', dueAt: '2030-02-04T23:59:59.000Z' },
  needsApproval: false,
  maxUsers: 1_000,
} as const;

describe('the report on a sweep in a browser', () => {
  let browser: Browser;
  let ledger: OpenedLedger;
  let url: string;
  let watched: WatchedPage;

  beforeAll(async () => {
    browser = await startBrowser();
    url = (await DATABASES[0]?.freshUrl()) ?? '';
    ledger = await open(url);
    await writeExampleSweep(ledger, { sweepId: 'ended', users: 200, terms: TERMS });
    await writeExampleSweep(ledger, { sweepId: 'running', users: 200, terms: TERMS, ends: false });
    await ledger.sweeps.create({ sweepId: 'empty' });
  });
  afterAll(async () => {
    await browser?.close();
    await cleanUp();
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    await watched.page.context().setOffline(true);
  });
  afterEach(async () => {
    expect({ problems: watched.problems, hosts: [...watched.hosts] }).toEqual({ problems: [], hosts: [] });
    await watched.close();
  });

  async function show(sweepId: string): Promise<void> {
    const env = { HTTP_TASKS_LEDGER_URL: url, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
    const { code, stdout } = await runCli(['receipts', sweepId, '--html'], env);
    expect(code).toBe(0);
    const file = path.join(temporaryFolder(), `${sweepId}.html`);
    writeFileSync(file, stdout);
    await watched.page.goto(pathToFileURL(file).href);
  }

  it.each(['ended', 'running', 'empty'])(
    'fits every window, light and dark, and axe-core finds nothing: %s',
    async (sweepId) => {
      await show(sweepId);
      await expectGoodView(watched.page, `report-${sweepId}`);
    },
  );

  it('fits paper, with all the numbers', async () => {
    await show('ended');
    const { page } = watched;
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 720, height: 1_000 });
    expect(await overflowOf(page)).toBeLessThanOrEqual(0);
    expect(await violationsOf(page)).toEqual([]);
    await shoot(page, 'report-print');
    expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(10_000);
  });

  it('shows the progress of each step in both widths, with the same in words and numbers', async () => {
    await show('ended');
    const { page } = watched;
    const figure = page.locator('#step-progress');
    for (const [width, visible] of [
      [1_600, '.wide'],
      [400, '.narrow'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      const plot = figure.locator(visible);
      expect(await plot.isVisible()).toBe(true);
      expect(await plot.getAttribute('aria-label')).toMatch(
        /^One curve for each of \d+ steps, .*Plaid items: half after /,
      );
      expect(await plot.innerHTML()).toContain('Plaid items');
    }
    await figure.getByText('The numbers', { exact: true }).click();
    expect(await figure.getByRole('row', { name: /^Plaid items/ }).innerText()).toMatch(/\d+\t2030-01-31T10:0/);
  });
});
