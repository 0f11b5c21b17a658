import { existsSync } from 'node:fs';
import { source as axe } from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

/** Where Debian and its relatives put it. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine; a test that needs it must not pass unseen where it is missing. */
export function chromiumPath(): string {
  const path = [process.env['HTTP_TASKS_TEST_CHROMIUM'] ?? '', ...PLACES].find(
    (candidate) => candidate !== '' && existsSync(candidate),
  );
  if (path !== undefined) return path;
  throw new Error(
    `Chromium is missing (looked for ${PLACES.join(', ')}). Install it as root with: apt-get install -y chromium. Or name one in HTTP_TASKS_TEST_CHROMIUM.`,
  );
}

/** Starts a real Chromium; close it at the end. */
export function startBrowser(): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: chromiumPath(),
    // Chromium refuses its sandbox to root; a small /dev/shm, as containers have it, would end its tabs.
    args: [...(isRoot ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

/** A page, with everything about it that a person would not see. */
export interface WatchedPage {
  page: Page;
  /** Errors and warnings of the console, and uncaught exceptions. */
  problems: string[];
  /** `host:port` of whatever was asked for anything. */
  hosts: Set<string>;
  close(): Promise<void>;
}

/** Opens a page with nothing remembered. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1_360, height: 900 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  // Longer than a busy machine takes; nothing is asserted by it.
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  context.on('request', (request) => {
    if (/^(https?|wss?):/.test(request.url())) hosts.add(new URL(request.url()).host);
  });
  return { page, problems, hosts, close: () => context.close() };
}

/** Keeps pictures of the page, wide and narrow, light and dark, where HTTP_TASKS_TEST_SCREENSHOTS names a folder; people look at them. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['HTTP_TASKS_TEST_SCREENSHOTS'];
  if (folder === undefined) return;
  const before = page.viewportSize();
  for (const width of [1_600, 800, 400]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (before) await page.setViewportSize(before);
}

/** Takes a picture for the documentation where HTTP_TASKS_TEST_PICTURES names its folder, such as docs/images. */
export async function picture(of: Page | Locator, name: string, options: { fullPage?: true } = {}): Promise<void> {
  const folder = process.env['HTTP_TASKS_TEST_PICTURES'];
  if (folder === undefined) return;
  const page = 'page' in of ? of.page() : of;
  const before = page.viewportSize();
  await page.setViewportSize({ width: 1_280, height: 860 });
  await of.screenshot({ path: `${folder}/${name}.png`, animations: 'disabled', ...options });
  if (before) await page.setViewportSize(before);
}

/** By how many pixels the page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/** Returns what axe-core finds against WCAG 2.2 A and AA and its best practices, one line per rule. */
export async function violationsOf(page: Page): Promise<string[]> {
  // A script of the test, evaluated from outside: the page's own policy for scripts does not apply to it.
  await page.evaluate(axe);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    `axe.run(document, { runOnly: ${JSON.stringify(tags)} })`,
  );
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}
