import type { Locator, Page } from 'playwright-core';

/** Where the UI has the runs, schedules and forms of the namespace. */
export const PAGES = '/namespaces/default';

/** The JSON editor of whatever form or dialog is in `within`. */
function editor(within: Page | Locator): Locator {
  return within.getByRole('textbox', { name: /Data/ });
}

/**
 * The text of the Start Workflow page's editor, once it is there: the UI copies it from a run, a moment after the page.
 */
export async function inputInForm(page: Page): Promise<unknown> {
  await page.locator('.cm-line').nth(1).waitFor();
  return JSON.parse(await editor(page).innerText());
}

/** Puts JSON into an editor, which takes only what is typed. */
export async function typeJson(page: Page, within: Page | Locator, value: unknown): Promise<void> {
  await editor(within).click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(JSON.stringify(value));
  await editor(within).blur();
  // Left, the editor puts each field on a line of its own and moves the button below it: a click before that is lost.
  await within.locator('.cm-line').nth(1).waitFor();
}

/** Presses Start and goes to the run by the link that the UI then shows. */
export async function pressStart(page: Page): Promise<void> {
  await page.getByTestId('start-workflow-button').click();
  await page.getByRole('link', { name: /started successfully/ }).click();
  await page.waitForURL(/\/workflows\/[^/]+\/[^/]+/);
}

/** Waits until the run's page shows this status. */
export async function untilStatus(page: Page, status: string): Promise<void> {
  await page
    .getByTestId('execution-status')
    .filter({ visible: true })
    .getByText(status, { exact: true })
    .first()
    .waitFor();
}

/** Opens one of the tabs of a run's page. */
export async function openTab(page: Page, tab: 'timeline' | 'history' | 'queries' | 'user-metadata'): Promise<void> {
  await page.getByTestId(`${tab}-tab`).filter({ visible: true }).click();
}

/** The labels of a run's timeline: what was called, and the summary that was given to it. */
export async function timelineLabels(page: Page): Promise<string[]> {
  await openTab(page, 'timeline');
  await page.getByText(' • ').first().waitFor();
  const text = await page.locator('#content').innerText();
  return text.split('\n').filter((line) => line.includes(' • '));
}

/** The details of a run as the UI renders them: markdown in a frame of its own. */
export function details(page: Page): Locator {
  return page.frameLocator('iframe[src*="/render"]').last().locator('body');
}

/** Waits until the details say this. They are not live: a person reloads the page. */
export async function untilDetails(page: Page, text: string): Promise<void> {
  for (let looks = 1; ; looks += 1) {
    const seen = await details(page)
      .getByText(text)
      .waitFor({ timeout: 3_000 })
      .then(
        () => true,
        () => false,
      );
    if (seen) return;
    if (looks === 10) throw new Error(`The details never said "${text}"; at last: ${await details(page).innerText()}`);
    await page.reload();
  }
}

/** Sends an update by the UI's dialog, which stays open; returns the dialog. */
export async function sendUpdate(page: Page, name: string, value?: object): Promise<Locator> {
  await page.getByRole('button', { name: 'More Actions' }).filter({ visible: true }).click();
  await page.getByRole('menuitem', { name: /Update/ }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByTestId('update-select-button').click();
  await dialog.getByRole('option', { name: new RegExp(`^${name}`) }).click();
  if (value !== undefined) await typeJson(page, dialog, value);
  await dialog.getByTestId('confirm-modal-button').click();
  return dialog;
}

/** Sets the codec server of this browser, behind the glasses at the top right. */
export async function setCodecServer(page: Page, url: string): Promise<void> {
  await page.getByTestId('data-encoder-status').filter({ visible: true }).click();
  const dialog = page.locator('#data-encoder-settings');
  await dialog.getByText('Use my browser setting').click();
  await dialog.locator('#data-encoder-endpoint-input').fill(url);
  await dialog.getByTestId('confirm-modal-button').click();
  await dialog.waitFor({ state: 'hidden' });
}
