import { randomUUID } from 'node:crypto';
import { runLoneCall, sendLoneCall } from 'temporal-http-tasks/internal/activities/lone-call';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { taskFailureOf } from 'temporal-http-tasks/internal/workflows/failure-of';
import { freshId, openPlace } from '../../support/offboarding';
import type { Place } from '../../support/offboarding';
import { failureOfRun } from '../../support/offboarding-runs';
import { json, Provider } from '../../unit/http/provider';
import { ticketGet, ticketRemove, ticketShred } from './ticket-removal';

let place: Place;
let desk: Provider;

/** Tickets that are there. What happens to one is in its ID: `lostAfter-1` is removed by a call whose response is lost. */
const tickets = new Set<string>();

beforeAll(async () => {
  desk = await Provider.start((response, { method, url }) => {
    const id = url.split('/').at(-1) ?? '';
    const isFirst = callsFor(id).filter((call) => call === 'DELETE').length === 1;
    if (method === 'GET') {
      if (id.includes('secret')) return json(response, 403, { error: 'forbidden' });
      if (id.includes('kept')) return json(response, 200, { state: tickets.has(id) ? 'open' : 'removed' });
      return tickets.has(id)
        ? json(response, 200, { state: 'open' })
        : json(response, 404, { error: 'unknown_ticket' });
    }
    if (isFirst && id.startsWith('lostBefore')) return void response.socket?.destroy();
    if (!isFirst && id.includes('refused')) return json(response, 409, { error: 'locked' });
    tickets.delete(id);
    if (isFirst && id.startsWith('lostAfter')) return void response.socket?.destroy();
    return json(response, 200, { removed: true, late: true });
  });
  place = await openPlace({ env: { DESK_BASE_URL: desk.origin } });
  await place.startWorker({
    plugin: { tasks: [ticketGet, ticketRemove, ticketShred] },
    worker: { workflowsPath: require.resolve('./removing-workflows') },
  });
});

afterAll(async () => {
  await place.close();
  await desk.close();
});

function callsFor(id: string): (string | undefined)[] {
  return desk.received.filter(({ url }) => url.endsWith(`/${id}`)).map(({ method }) => method);
}

/** A ticket that exists and to which this happens. */
function ticket(what: string): string {
  const id = `${what}-${randomUUID()}`;
  tickets.add(id);
  return id;
}

const run = (workflow: string, argument: unknown): Promise<unknown> =>
  place.client.workflow.execute(workflow, {
    taskQueue: place.taskQueue,
    workflowId: freshId(workflow),
    args: [argument],
  });

it("settles a lost response in a user's own workflow by the read that the task names", async () => {
  const ids = ['lostAfter', 'lostAfter-kept', 'lostBefore', 'none'].map(ticket);
  const outputs = await Promise.all(ids.map((id) => run('removeTicket', id)));
  const [done, late] = [{ removed: true }, { removed: true, late: true }];
  expect(outputs).toEqual([done, done, late, late]);
  expect(ids.map(callsFor)).toEqual([['DELETE', 'GET'], ['DELETE', 'GET'], ['DELETE', 'GET', 'DELETE'], ['DELETE']]);
  expect(ids.some((id) => tickets.has(id))).toBe(false);
});

it('fails Task.OutcomeUnknown where the read shows nothing, the repeated call is refused, or there is no read', async () => {
  const [secret, refused, shredded] = ['lostAfter-secret', 'lostBefore-refused', 'lostAfter'].map(ticket) as [
    string,
    string,
    string,
  ];
  const failures = await Promise.all([
    failureOfRun(run('removeTicket', secret)),
    failureOfRun(run('removeTicket', refused)),
    failureOfRun(run('shredTicket', shredded)),
  ]);
  expect(failures.map(({ type }) => type)).toEqual(Array(3).fill('Task.OutcomeUnknown'));
  expect([secret, refused, shredded].map(callsFor)).toEqual([
    ['DELETE', 'GET'],
    ['DELETE', 'GET', 'DELETE'],
    ['DELETE'],
  ]);
});

it('settles a call of runHttpTask, and names the read', async () => {
  const id = ticket('lostAfter');
  expect(await run('runHttpTask', { task: 'desk.ticketRemove', input: { id } })).toEqual({
    status: 404,
    attempt: 1,
    output: { removed: true },
    settledBy: 'desk.ticketGet',
  });
  expect(callsFor(id)).toEqual(['DELETE', 'GET']);
});

it('settles a call outside Temporal, with a ledger and without one', async () => {
  const settings = readSenderSettings(place.env, [ticketRemove.service]);
  const sender = createTaskSender(settings);
  try {
    const { ledger, hasher } = place;
    const parts = { sender, ledger, hasher };
    const [kept, bare, undone, blind] = ['lostAfter', 'lostAfter', 'lostBefore', 'lostAfter'].map((what) => ({
      id: ticket(what),
    })) as [{ id: string }, { id: string }, { id: string }, { id: string }];
    const runId = randomUUID();
    const failure = (await sendLoneCall(sender, ticketShred, blind, { look: ticketGet }).catch(
      taskFailureOf,
    )) as unknown;
    const settled = await Promise.all([
      runLoneCall(parts, ticketRemove, kept, { runId, look: ticketGet }),
      sendLoneCall(sender, ticketRemove, bare, { look: ticketGet }),
      sendLoneCall(sender, ticketRemove, undone, { look: ticketGet }),
    ]);
    const byRead = { status: 404, output: { removed: true }, settledBy: 'desk.ticketGet' };
    expect(settled).toEqual([byRead, byRead, expect.objectContaining({ status: 200 })]);
    expect(failure).toMatchObject({ type: 'Task.OutcomeUnknown' });
    const receipts = await ledger.readReceipts({ workflowId: '', runId });
    expect(receipts.map(({ phase, step, outcome }) => [phase, step, outcome ?? ''])).toEqual([
      ['intent', 'desk.ticketRemove', ''],
      ['outcome', 'desk.ticketRemove', 'unknown'],
      ['outcome', 'desk.ticketGet', 'failed'],
    ]);
  } finally {
    await sender.close();
  }
});
