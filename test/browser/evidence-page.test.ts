import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { BundleStage, newSealKey } from '../evidence/bundle-stage';
import type { StagedBundle } from '../evidence/bundle-stage';
import { DATABASES, cleanUp, temporaryFolder } from '../ledger/databases';
import { openPage, startBrowser, violationsOf } from '../support/browser';
import type { WatchedPage } from '../support/browser';

const PAGE = pathToFileURL(path.join(__dirname, '../../docs/evidence/verify.html')).href;

describe('the page that verifies a bundle offline', () => {
  let browser: Browser;
  let bundle: StagedBundle;
  let watched: WatchedPage;

  beforeAll(async () => {
    const freshUrl = DATABASES[0]?.freshUrl ?? (() => Promise.reject(new Error('no database')));
    bundle = await (await BundleStage.open(await freshUrl(), newSealKey())).ofRun();
    browser = await startBrowser();
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    await watched.page.context().setOffline(true);
    await watched.page.goto(PAGE);
  });
  afterEach(async () => {
    expect({ problems: watched.problems, hosts: [...watched.hosts] }).toEqual({ problems: [], hosts: [] });
    await watched.close();
  });
  afterAll(async () => {
    await browser.close();
    await cleanUp();
  });

  function fileOf(text: string): string {
    const file = path.join(temporaryFolder(), 'bundle.jsonl');
    writeFileSync(file, text);
    return file;
  }

  async function verdictOn(
    text: string,
    anchors: { roots?: readonly string[]; keys?: readonly string[]; checkpoint?: string },
  ) {
    const { page } = watched;
    await page.setInputFiles('#file', fileOf(text));
    await page.fill('#root', (anchors.roots ?? []).join('\n'));
    await page.fill('#key', (anchors.keys ?? []).join('\n'));
    if (anchors.checkpoint !== undefined) await page.setInputFiles('#checkpoint', fileOf(anchors.checkpoint));
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.waitForSelector('#details:not([hidden])');
    return page.textContent('#verdict');
  }

  it.each([
    ['its roots', (given: StagedBundle) => ({ roots: given.roots.map((root) => root.toUpperCase()) })],
    ['the key of the log', (given: StagedBundle) => ({ keys: given.keys })],
    ['a checkpoint that was kept', (given: StagedBundle) => ({ checkpoint: given.checkpoint })],
  ])('verifies it with %s', async (_what, anchorsOf) => {
    expect(await verdictOn(bundle.text, anchorsOf(bundle))).toBe('Verified: everything in it is as it was sealed.');
    expect(await violationsOf(watched.page)).toEqual([]);
  });

  it('says when a receipt is missing, when something was changed, and when nothing confirms it', async () => {
    const { roots, text } = bundle;
    const lines = text.split('\n');
    const without = [...lines.slice(0, -2), ''].join('\n');
    expect(await verdictOn(without, { roots })).toMatch(/^Verified: .* does not contain all receipts/);
    await watched.page.reload();
    expect(await verdictOn(text.replace('"removed"', '"skipped"'), { roots })).toMatch(/^Tampered with/);
    await watched.page.reload();
    expect(await verdictOn(text, {})).toMatch(/^Not anchored/);
  });

  it('takes a file that is dropped on it', async () => {
    const { page } = watched;
    await page.fill('#root', bundle.roots.join('\n'));
    // Runs in the page, which has types of its own.
    const dropped = await page.evaluateHandle(`(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([${JSON.stringify(bundle.text)}], 'bundle.jsonl'));
      return transfer;
    })()`);
    await page.dispatchEvent('h1', 'drop', { dataTransfer: dropped });
    await page.waitForSelector('#details:not([hidden])');
    expect(await page.textContent('#verdict')).toMatch(/^Verified/);
  });
});
