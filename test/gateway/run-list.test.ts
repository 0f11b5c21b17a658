import { randomUUID } from 'node:crypto';
import type { RunList, RunPage, WireError } from '@temporal-http-tasks/console/internal/gateway/wire';
import { until } from '../support/offboarding-runs';
import type { SweepPlace } from '../support/sweep-runs';
import type { GatewayStage } from './stage';
import { openDurableStage } from './durable-stage';

let place: SweepPlace;
let gateway: GatewayStage;

beforeAll(async () => {
  ({ place, gateway } = await openDurableStage());
});

afterAll(async () => {
  await gateway.close();
  await place.close();
});

describe('runs', () => {
  it('are found by kind, state and the start of their ID, page by page', async () => {
    const name = `found-${randomUUID()}`;
    const start = (
      workflowType: string,
      workflowId: string,
      args: unknown[],
    ): Promise<{ terminate(): Promise<unknown> }> =>
      place.client.workflow.start(workflowType, { taskQueue: place.taskQueue, workflowId, args, startDelay: '1 hour' });
    const user = { user: { plaidUserId: 'usr_2' }, reason: { code: 'OTHER' } };
    const [ended, ...waiting] = await Promise.all([
      start('offboardUser', `${name}-a`, [user]),
      start('offboardUser', `${name}-b`, [user]),
      start('runHttpTask', `${name}-c'`, [{ task: 'plaid.userItemsGet', input: { user_id: 'usr_1' } }]),
    ]);
    await ended?.terminate();
    const found = async (query: string): Promise<string[]> => {
      const { body } = await gateway.ask<RunList>('GET', `/api/runs?search=${name}${query}`);
      return body.runs.map(({ workflowId }) => workflowId.slice(name.length + 1)).sort();
    };
    await until(
      'all are listed',
      async () => (await found('')).length === 3 && (await found('&state=ended')).length === 1,
    );
    expect(await found('&type=offboardUser')).toEqual(['a', 'b']);
    expect(await found('&type=runHttpTask')).toEqual(["c'"]);
    expect(await found('&state=running')).toEqual(['b', "c'"]);
    expect(await found('&state=attention')).toEqual(['a']);
    expect(await found(encodeURIComponent("-c'"))).toEqual(["c'"]);
    expect(await found('&offset=2')).toHaveLength(1);
    for (const wrong of ['type=other', 'state=__proto__', 'offset=-1', 'offset=9999999', 'status=failed', 'offest=1'])
      expect(await gateway.ask('GET', `/api/runs?${wrong}`)).toMatchObject({ status: 400 });
    await Promise.all(waiting.map((run) => run.terminate()));
  });

  it('show what needs attention with reference and remedy, and receipts in known formats only', async () => {
    place.simulators.plaid.seed({ users: [{ userId: 'usr_failing', items: ['item-7'] }] });
    place.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
    });
    const sweep = await place.start({ source: { inline: [{ plaidUserId: 'usr_failing', reference: 'case-777' }] } });
    // Its only user failed, so the sweep fails.
    await expect(sweep.result()).rejects.toThrow();
    place.simulators.plaid.faults.remove();
    const path = `/api/runs/${sweep.workflowId}`;
    const { body } = await gateway.ask<RunPage>('GET', path);
    expect(body.progress).toMatchObject({ total: 1, counts: { failed: 1, pending: 0 } });
    let runs: RunList['runs'] = [];
    await until('it is listed', async () => {
      ({ runs } = (await gateway.ask<RunList>('GET', `/api/runs?search=${sweep.workflowId}`)).body);
      return runs.length > 0;
    });
    expect(runs).toMatchObject([{ progress: { total: 1, counts: { failed: 1, pending: 0 } } }]);
    expect(body.sweep).toMatchObject({ source: 'a list of 1 user in the input', reason: expect.any(String) });
    expect(JSON.stringify(body.sweep)).not.toContain('usr_failing');
    expect(body.failed?.[0]).toMatchObject({
      user: 1,
      reference: 'case-777',
      outcome: 'failed',
      code: 'NOT_TODAY',
      whatToDo: expect.stringMatching(/\w/),
    });
    expect(JSON.stringify(body)).not.toContain('usr_failing');
    expect((await gateway.ask('GET', `${path}/receipts?format=html`)).status).toBe(400);
    expect((await gateway.ask('GET', `${path}/receipts?format=csv`, undefined, { authorization: '' })).status).toBe(
      401,
    );
  });

  it('show where users come from as the ledger has it, and the users of a sweep that was terminated', async () => {
    const file = await place.users(2);
    const sweep = await place.start({ source: { file }, approval: true, dryRun: true });
    const path = `/api/runs/${sweep.workflowId}`;
    const read = async (): Promise<RunPage> => (await gateway.ask<RunPage>('GET', path)).body;
    await until('it waits for approval', async () => (await read()).status === 'waitingForApproval');
    expect((await read()).sweep).toMatchObject({ source: `file:${file}`, dryRun: true });
    await sweep.terminate();
    await until('it has ended', async () => (await read()).closedAt !== undefined);
    expect((await read()).progress).toMatchObject({ total: 2, counts: { pending: 2 } });
  });

  it('are cancelled, and a sweep gets a rate, without a word typed', async () => {
    const sweep = await place.start({ source: { file: await place.users(2) }, approval: true });
    const path = `/api/runs/${sweep.workflowId}`;
    const status = async (): Promise<string> => (await gateway.ask<RunPage>('GET', path)).body.status;
    await until('it waits for approval', async () => (await status()) === 'waitingForApproval');
    expect((await gateway.ask<WireError>('POST', `${path}/rate`, { callsPerMinute: 'x' })).body.error.field).toBe(
      'callsPerMinute',
    );
    expect((await gateway.ask('POST', `${path}/rate`, { callsPerMinute: 300 })).status).toBe(200);
    expect((await gateway.ask('POST', `${path}/cancel`, {})).status).toBe(200);
    await until('it has ended', async () => (await status()) === 'cancelled');
    expect((await gateway.ask<WireError>('POST', `${path}/cancel`, {})).body.error.type).toBe('Conflict');
  });
});
