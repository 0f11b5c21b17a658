import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { failureOfRun, offboard, seedUser, startOffboarding, stepLines } from '../support/offboarding-runs';
import { startHttpTarget } from '../support/http-target';
import type { HttpTarget } from '../support/http-target';
import { compensationsQuery, progressQuery, receiptsQuery } from 'temporal-http-tasks/internal/workflows/progress';
import type { OffboardResult } from 'temporal-http-tasks/workflow';

let place: Place;
let tickets: HttpTarget;

beforeAll(async () => {
  tickets = await startHttpTarget(({ path }) =>
    path === '/broken' ? { status: 422, body: { code: 'NO_SUCH_QUEUE' } } : { status: 201, body: { ticket: 7 } },
  );
  place = await openPlace({ env: { HTTP_TASKS_HTTP_ALLOW: tickets.origin } });
  await place.startWorker();
});

afterAll(async () => {
  await place.close();
  await tickets.close();
});

const refuse = (endpoint: 'userItemsGet' | 'userItemsRemove' | 'userProductsTerminate', user: string): void => {
  place.simulators.plaid.faults.add({ endpoint, kind: 'unknownErrorCode', user });
};

/** A user of whom one step will fail: partial, since the others do not. */
function seedPartial(): ReturnType<typeof seedUser> {
  const seeded = seedUser(place);
  refuse('userProductsTerminate', seeded.plaidUserId);
  return seeded;
}

it('throws Offboarding.Failed when something failed and nothing was good, with the result in its details and no Item id', async () => {
  const { plaidUserId, items } = seedUser(place);
  refuse('userItemsGet', plaidUserId);
  refuse('userProductsTerminate', plaidUserId);
  const handle = await startOffboarding(place, { user: { plaidUserId }, itemIds: [...items, 'foreign-item'] });
  const failure = await failureOfRun(handle.result());
  expect(failure).toMatchObject({ type: 'Offboarding.Failed', retryable: false });
  expect(failure.message).toBe(
    'Nothing was offboarded: plaid.items (NEWLY_INVENTED_CODE), plaid.products (NEWLY_INVENTED_CODE). The details list each step and what to do about it.',
  );
  const result = failure.detail as unknown as OffboardResult;
  expect(result).toMatchObject({ workflowId: handle.workflowId, runId: handle.firstExecutionRunId, status: 'failed' });
  expect(stepLines(result)).toEqual(['plaid.items failed', 'plaid.products failed', 'batch skipped noBatchId']);
  expect(result.compensations.map(({ step, outcome }) => `${step} ${outcome}`)).toEqual([
    'plaid.items failed',
    'plaid.products failed',
  ]);
  for (const id of [plaidUserId, ...items, 'foreign-item']) expect(JSON.stringify(failure)).not.toContain(id);
});

it('returns a partial result with one log line for each step that was done, failed or is unknown, and none for what was not asked for', async () => {
  const { plaidUserId } = seedPartial();
  const handle = await startOffboarding(place, { user: { plaidUserId } });
  const result = await handle.result();
  expect(result.status).toBe('partial');
  const [items, products] = result.steps;
  expect(result.compensations).toEqual([
    {
      step: 'plaid.items',
      outcome: 'removed',
      remedy: expect.stringMatching(/^Done \(irreversible\)\. .*Link/) as string,
      evidence: `request_id=${items?.requestId} items=1`,
    },
    {
      step: 'plaid.products',
      outcome: 'failed',
      remedy: `Not done. ${products?.failure?.message} Fix the cause, then run again.`,
      evidence: `request_id=${products?.requestId} failure=NEWLY_INVENTED_CODE`,
    },
  ]);
  expect(await place.ledger.readCompensations(handle)).toEqual(result.compensations);
});

describe('the compensation task', () => {
  it('gets the log as a field of its body and its response is recorded', async () => {
    const { user, items } = seedPartial();
    const input = { uri: `${tickets.origin}/tickets`, method: 'POST', body: { title: 'Look at this off-boarding' } };
    const handle = await startOffboarding(place, { user, compensation: { task: 'http.request', input } });
    const result = await handle.result();
    expect(result.compensationTask).toEqual({ task: 'http.request', ok: true });
    const call = tickets.received.find(({ path }) => path === '/tickets');
    const { title, offboarding } = call?.body as { title: string; offboarding: OffboardResult };
    expect(title).toBe('Look at this off-boarding');
    expect(offboarding).toEqual({
      workflowId: handle.workflowId,
      runId: handle.firstExecutionRunId,
      status: 'partial',
      steps: result.steps,
      compensations: result.compensations.slice(0, -1),
    });
    expect(JSON.stringify(call)).not.toContain(items[0]);
    expect(result.compensations.at(-1)).toMatchObject({ step: 'compensation', outcome: 'accepted' });
    expect(await place.ledger.readCompensations(handle)).toEqual(result.compensations);
  });

  it('gets the log where the placeholder is', async () => {
    const { user } = seedPartial();
    const body = { case: { facts: ['{{offboarding}}'] } };
    await offboard(place, {
      user,
      compensation: { task: 'http.request', input: { uri: `${tickets.origin}/placed`, method: 'PUT', body } },
    });
    const call = tickets.received.find(({ path }) => path === '/placed');
    expect(call?.method).toBe('PUT');
    expect(call?.body).toMatchObject({ case: { facts: [{ status: 'partial' }] } });
    expect(call?.body).not.toHaveProperty('offboarding');
  });

  it('that fails is recorded in result and ledger, and changes nothing else about the end', async () => {
    const { user } = seedPartial();
    const handle = await startOffboarding(place, {
      user,
      compensation: { task: 'http.request', input: { uri: `${tickets.origin}/broken`, method: 'POST', body: {} } },
    });
    const result = await handle.result();
    expect(result.status).toBe('partial');
    expect(result.compensationTask).toMatchObject({
      task: 'http.request',
      ok: false,
      failure: { type: 'Task.Rejected', status: 422, code: 'NO_SUCH_QUEUE' },
    });
    expect(result.compensations.at(-1)).toMatchObject({
      step: 'compensation',
      outcome: 'failed',
      evidence: 'failure=Task.Rejected',
    });
    expect(result.compensations.at(-1)?.remedy).toMatch(/Do manually what it was for\.$/);
    expect(await place.ledger.readCompensations(handle)).toEqual(result.compensations);
  });

  it('to an origin that is not allowed refuses the run before anything is deleted, and says which setting allows it', async () => {
    const { user, plaidUserId } = seedPartial();
    const compensation = { task: 'http.request', input: { uri: 'http://127.0.0.1:9/', method: 'POST' } };
    const failure = await failureOfRun(offboard(place, { user, compensation }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', detail: { field: 'compensation.input.uri' } });
    expect(failure.message).toContain('HTTP_TASKS_HTTP_ALLOW');
    expect(place.simulators.plaid.calls().calls.filter(({ user: whose }) => whose === plaidUserId)).toEqual([]);
  });

  it('is not run for a completed run, nor for a dry run', async () => {
    const compensation = { task: 'http.request', input: { uri: `${tickets.origin}/never`, method: 'POST', body: {} } };
    const completed = await offboard(place, { user: seedUser(place).user, compensation });
    const dry = await offboard(place, { user: { plaidUserId: freshId('stranger') }, dryRun: true, compensation });
    expect([completed.status, dry.status]).toEqual(['completed', 'partial']);
    expect([completed.compensationTask, dry.compensationTask]).toEqual([undefined, undefined]);
    expect(tickets.received.map(({ path }) => path)).not.toContain('/never');
  });
});

describe('queries', () => {
  it('show a run in progress, and after its end the same as its result', async () => {
    const { user, plaidUserId } = seedPartial();
    place.simulators.plaid.faults.add({ endpoint: 'userItemsRemove', kind: 'dropAfter', user: plaidUserId });
    const handle = await startOffboarding(place, { user });
    const early = await handle.query(progressQuery);
    expect(early).toMatchObject({ workflowId: handle.workflowId, status: 'running', compensations: [] });
    expect(await handle.query(compensationsQuery)).toEqual([]);
    const result = await handle.result();
    expect(await handle.query(progressQuery)).toEqual(result);
    expect(await handle.query(receiptsQuery)).toEqual(result.steps);
    expect(await handle.query(compensationsQuery)).toEqual(result.compensations);
  });

  it('of a failed run show the failed result', async () => {
    const { plaidUserId } = seedUser(place);
    refuse('userItemsGet', plaidUserId);
    refuse('userProductsTerminate', plaidUserId);
    const handle = await startOffboarding(place, { user: { plaidUserId } });
    await failureOfRun(handle.result());
    expect((await handle.query(progressQuery)).status).toBe('failed');
    expect(await handle.query(compensationsQuery)).toHaveLength(2);
  });
});
