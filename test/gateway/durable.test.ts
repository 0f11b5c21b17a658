import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import type {
  DurableCall,
  PreparedCall,
  StartedCall,
  WireError,
} from '@temporal-http-tasks/console/internal/gateway/wire';
import { snippetsOf } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { findTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { until } from '../support/offboarding-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';
import { openDurableStage } from './durable-stage';

const ROOT = join(__dirname, '..', '..');

let place: SweepPlace;
let gateway: GatewayStage;

beforeAll(async () => {
  ({ place, gateway } = await openDurableStage());
});

afterAll(async () => {
  await gateway.close();
  await place.close();
});

async function followed(task: string, input: unknown, confirm?: object): Promise<DurableCall> {
  const { status, body } = await gateway.ask<StartedCall & WireError>('POST', `/api/tasks/${task}/run`, {
    input,
    confirm,
  });
  if (status !== 201) throw new Error(body.error.message);
  let call: DurableCall | undefined;
  await until('the call has ended', async () => {
    call = (await gateway.ask<DurableCall>('GET', `/api/calls/${body.workflowId}/${body.runId}`)).body;
    return call.status !== 'RUNNING';
  });
  return call!;
}

describe('a durable run', () => {
  it('is followed to its result, with a link into the Temporal UI', async () => {
    const call = await followed('plaid.userItemsGet', { user_id: 'usr_1' });
    expect(call).toMatchObject({
      status: 'COMPLETED',
      result: { status: 200, attempt: 1, output: { items: [{ item_id: 'item-1' }, { item_id: 'item-2' }] } },
    });
    expect(call.url).toBe(`http://localhost:8233/namespaces/default/workflows/${call.workflowId}/${call.runId}`);
  });

  it('shows the failure of the task', async () => {
    expect(await followed('plaid.userItemsGet', { user_id: 'usr_none' })).toMatchObject({
      status: 'FAILED',
      failure: { type: 'Task.Rejected', code: 'USER_NOT_FOUND' },
    });
  });

  it('starts nothing that is wrong, is not confirmed, or that no worker would take', async () => {
    const started = async (): Promise<number> => {
      let count = 0;
      for await (const { taskQueue } of place.client.workflow.list({ query: "WorkflowType = 'runHttpTask'" }))
        count += taskQueue === place.taskQueue ? 1 : 0;
      return count;
    };
    const before = await started();
    await expect(followed('plaid.userItemsGet', { user_idd: 'u' })).rejects.toThrow(/user_idd/);
    await expect(followed('plaid.userItemsRemove', { user_id: 'usr_1', item_ids: ['item-1'] })).rejects.toThrow(
      /type its name/,
    );
    const taskQueue = freshTaskQueue('nobody');
    const lonely = await openGateway({
      env: place.env,
      taskQueue,
      temporal: {
        client: place.client,
        where: 'here',
        address: temporalAddress(),
        namespace: 'default',
        explain: () => undefined,
      },
    });
    expect(
      await lonely.ask('POST', '/api/tasks/plaid.userItemsGet/run', { input: { user_id: 'usr_1' } }),
    ).toMatchObject({ status: 503, body: { error: { type: 'NoWorker' } } });
    await lonely.close();
    expect(await started()).toBe(before);
  });

  it('is not found under an id that nothing has, whatever characters it has', async () => {
    for (const id of [
      'nothing',
      '__proto__',
      '%00',
      '%ff',
      '%0d%0ax',
      'a'.repeat(2_000),
      '%F0%9F%A6%8A',
      "'%20OR%201=1",
    ]) {
      for (const path of [
        `/api/calls/${id}/${id}`,
        `/api/calls/${id}/${randomUUID()}`,
        `/api/runs/${id}`,
        `/api/runs/${id}?runId=${id}`,
      ]) {
        expect({ path, ...(await gateway.ask('GET', path)) }).toMatchObject({
          path,
          status: 404,
          body: { error: { type: 'NotFound' } },
        });
      }
      expect({ id, ...(await gateway.ask('POST', `/api/runs/${id}/pause`, {})) }).toMatchObject({ id, status: 404 });
    }
  });

  it('shows no run but calls, and says so when there is no Temporal server', async () => {
    const handle = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: `other-${randomUUID()}`,
      args: [{ user: { plaidUserId: 'usr_1' }, reason: { code: 'OTHER' }, dryRun: true }],
    });
    await handle.result();
    expect((await gateway.ask('GET', `/api/calls/${handle.workflowId}/${handle.firstExecutionRunId}`)).status).toBe(
      404,
    );
    const without = await openGateway({ env: place.env });
    expect(await without.ask('GET', '/api/runs')).toMatchObject({
      status: 503,
      body: { error: { type: 'TemporalUnavailable' } },
    });
    await without.close();
  });
});

describe('the snippets of a durable call', () => {
  const snippet = async (language: string): Promise<string> => {
    const { body } = await gateway.ask<PreparedCall>('POST', '/api/tasks/plaid.userItemsGet/prepare', {
      input: { user_id: 'usr_1' },
    });
    return body.snippets.find((one) => one.language === language)!.code;
  };

  function run(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; output: string }> {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', TEMPORAL_ADDRESS: temporalAddress(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    return new Promise((resolve, reject) =>
      child.once('error', reject).once('close', (code) => resolve({ code, output })),
    );
  }

  it('run as they are: the TypeScript client', async () => {
    const folder = join(ROOT, '.test-state', `snippet-${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    const { outputText } = ts.transpileModule(await snippet('client'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
    });
    await writeFile(join(folder, 'client.cjs'), outputText);
    const { code, output } = await run(process.execPath, [join(folder, 'client.cjs')]);
    await rm(folder, { recursive: true });
    expect(output).toContain('item-1');
    expect(code).toBe(0);
  });

  it("run as they are: Temporal's command line", async () => {
    const { path } = await findTemporalServer();
    const { code, output } = await run('sh', ['-c', (await snippet('temporal')).replace(/^temporal/, `'${path}'`)]);
    expect(output).toContain('item-1');
    expect(code).toBe(0);
  });

  it('run as they are: our own command line, which asks before what cannot be undone', async () => {
    const cli = `'${process.execPath}' '${join(ROOT, 'packages', 'cli', 'bin', 'http-tasks.js')}'`;
    const env = Object.fromEntries(Object.entries(place.env).filter(([name]) => name.startsWith('PLAID_')));
    const { code, output } = await run('sh', ['-c', (await snippet('call')).replace(/^http-tasks/, cli)], env);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('item-1') });
    const { snippets } = snippetsOf(
      plaid.userItemsRemove,
      { user_id: 'usr_1', item_ids: ['item-1'] },
      {},
      { taskQueue: 'q', address: 'localhost:7233', namespace: 'default' },
    );
    const removal = await run(
      'sh',
      ['-c', snippets.find(({ language }) => language === 'call')!.code.replace(/^http-tasks/, cli)],
      env,
    );
    expect(removal).toEqual({ code: 2, output: expect.stringContaining('--yes') });
  });
});
