import { mkdtemp, readdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { PlaidState } from '@temporal-http-tasks/testing';
import { HOME, oneDocument, runJson, startCli } from './run-cli';
import type { Refused } from './run-cli';

interface DevDocument {
  temporal: { address: string; uiUrl: string };
  plaid: { url: string };
  providers: { provider: string; url: string }[];
  settings: Record<string, string>;
  example: { input: { user: { plaidUserId: string } } };
  links: { workflows: { workflowType: string; url: string; input: object }[]; task: { url: string } };
}

describe('http-tasks dev', () => {
  it('prints settings with which another terminal offboards a user, and ends with exit 0 on Ctrl-C', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'http-tasks-dev-test-'));
    const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
    const provider = join(__dirname, '../../packages/cli/examples/courier.provider.yaml');
    const surroundings = {
      TMPDIR: temporary,
      XDG_CACHE_HOME: cache,
      COURIER_TOKEN: 'of the real one',
      COURIER_ENV: 'production',
    };
    const running = startCli(['dev', '--json', '--providers', provider], surroundings);
    await running.printed('\n}\n');
    const { temporal, plaid, providers, settings, example, links } = oneDocument<DevDocument>(running.stdoutSoFar());
    expect((await fetch(temporal.uiUrl)).status).toBe(200);
    for (const { workflowType, url } of links.workflows) {
      expect(
        url.startsWith(
          `${temporal.uiUrl}/namespaces/default/workflows/start-workflow?taskQueue=http-tasks&workflowType=${workflowType}&runId=`,
        ),
      ).toBe(true);
    }
    expect(links.workflows.map(({ workflowType }) => workflowType)).toEqual([
      'offboardUser',
      'offboardUsers',
      'runHttpTask',
    ]);
    expect(links.workflows[0]?.input).toMatchObject({ user: { plaidUserId: expect.any(String) }, dryRun: true });
    expect((await fetch(links.task.url)).status).toBe(200);
    expect(settings['HTTP_TASKS_TEMPORAL_UI']).toBe(temporal.uiUrl);
    const taken = await runJson<Refused>(['dev', '--ui-port', new URL(temporal.uiUrl).port]);
    expect(taken).toMatchObject({ code: 2, document: { error: { field: 'ui-port' } } });

    // Another terminal in the same folder needs no settings.
    const run = await runJson<OffboardResult>(['offboard', '--input', JSON.stringify(example.input)]);
    expect(run.stderr).toContain('Using the settings of the development stack that runs in this folder (');
    expect({ code: run.code, status: run.document.status }).toEqual({ code: 0, status: 'completed' });
    const receipts = await runJson<unknown[]>(['receipts', run.document.workflowId]);
    expect(receipts.document.length).toBeGreaterThan(0);
    const state = (await (await fetch(`${plaid.url}/__sim/state`)).json()) as PlaidState;
    expect(state.touched).toEqual([example.input.user.plaidUserId]);

    // The providers of files are in the worker and in the settings.
    const ids = ['--id', 'courier.contactId=7', '--reason', 'OTHER'];
    const atCourier = await runJson<OffboardResult>(['offboard', ...ids], { HTTP_TASKS_PROVIDERS: provider });
    expect(atCourier.document).toMatchObject({ status: 'completed' });
    const [courier] = providers;
    const kept = (await (await fetch(`${courier?.url}/__sim/state`)).json()) as { touched: string[] };
    expect(kept.touched).toEqual(['7']);

    const { code } = await running.stop('SIGINT');
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
    expect(await readdir(HOME)).not.toContain('.http-tasks-dev.env');
  });
});
