import { join } from 'node:path';
import { describedApi } from '@temporal-http-tasks/cli/internal/providers/described-api';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { startProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import type { ProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import { providerSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';
import type { Page } from 'playwright-core';
import { overflowOf, shoot, violationsOf } from '../support/browser';
import { startCli } from '../cli/run-cli';
import type { CliEnv, RunningCli } from '../cli/run-cli';

/** A console of the test's own, as the command starts it. */
export interface Console {
  url: string;
  /** Made for its run; absent where a setting names one. */
  token?: string;
  /** As the command prints it without --json. */
  link: string;
  cli: RunningCli;
}

/** Starts a console on a free port, unless the arguments name one. */
export async function startConsole(env: CliEnv, ...args: string[]): Promise<Console> {
  const cli = startCli(['console', ...(args.includes('--port') ? [] : ['--port', '0']), '--json', ...args], env);
  // The end of the document: stdout and stderr arrive in any order.
  await cli.printed('\n}');
  const { url: at, token } = JSON.parse(cli.stdoutSoFar()) as { url: string; token?: string };
  return {
    url: at,
    ...(token !== undefined && { token }),
    link: token === undefined ? at : `${at}/#token=${token}`,
    cli,
  };
}

/** Opens the printed link and waits until the page has signed in. */
export async function signIn(on: Page, printed: string): Promise<void> {
  await on.goto(printed);
  await on.getByText(/^\d+ tasks$/).waitFor();
}

/** Goes to a place of the page without loading it again, which would forget the token. */
export const goTo = (on: Page, hash: string): Promise<unknown> =>
  on.evaluate(`window.location.hash = ${JSON.stringify(hash)}`);

/** Requires that axe-core finds nothing, light and dark, and that the page fits windows of every width. */
export async function expectGoodView(on: Page, name: string): Promise<void> {
  await shoot(on, name);
  const before = on.viewportSize();
  const found: Record<string, unknown> = {};
  for (const width of [1_600, 800, 400]) {
    await on.setViewportSize({ width, height: 900 });
    const overflow = await overflowOf(on);
    if (overflow > 0) found[`${width} px`] = `${overflow} px wider than the window`;
    // The middle width has the layout of one of the others.
    for (const colorScheme of width === 800 ? [] : (['light', 'dark'] as const)) {
      await on.emulateMedia({ colorScheme });
      const violations = await violationsOf(on);
      if (violations.length > 0) found[`${width} px, ${colorScheme}`] = violations;
    }
  }
  await on.emulateMedia({ colorScheme: null });
  if (before) await on.setViewportSize(before);
  expect({ name, found }).toEqual({ name, found: {} });
}

const COURIER_FILE = join(__dirname, '../../packages/cli/examples/courier.provider.yaml');

/** Starts the simulator of a provider file; `env` is what a worker and a console need for it and its account `acme`. */
export async function startCourier(): Promise<{ courier: ProviderSimulator; env: CliEnv }> {
  const courier = await startProviderSimulator(describedApi(await readProviderFile(COURIER_FILE)), {});
  const settings = providerSettings(courier);
  const env = {
    ...settings,
    HTTP_TASKS_PROVIDERS: COURIER_FILE,
    HTTP_TASKS_ACCOUNTS: 'courier/acme',
    COURIER_TOKEN__ACME: settings['COURIER_TOKEN'],
  };
  return { courier, env };
}
