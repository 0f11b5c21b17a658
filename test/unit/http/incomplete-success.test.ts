import type { ServerResponse } from 'node:http';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { failureOf } from './failure-of';
import { json, Provider, settingsFor } from './provider';

const READ = { task: plaid.userItemsGet, input: { user_id: 'usr_1' } };
const REPEAT_SAFE = { task: plaid.userProductsTerminate, input: { user_id: 'usr_1', reason_code: 'USER_OFFBOARDING' } };
const IRREVERSIBLE = { task: plaid.userItemsRemove, input: { user_id: 'usr_1', item_ids: ['i'] } };

let provider: Provider;
let sender: TaskSender;
let status: number;

beforeAll(async () => {
  const respond = (response: ServerResponse): void => json(response, status, { items: [], request_id: 'r' });
  provider = await Provider.start(respond);
  sender = createTaskSender(settingsFor(provider.origin));
});

afterAll(async () => {
  await sender.close();
  await provider.close();
});

function send(call: { task: HttpTask; input: unknown }, given: number): ReturnType<TaskSender['send']> {
  status = given;
  return sender.send(call.task, call.input);
}

describe('A response of class 2xx that does not say that the whole call succeeded', () => {
  it.each([REPEAT_SAFE, IRREVERSIBLE])(
    'leaves a change open whose parts have statuses of their own (207)',
    async (call) => {
      const failure = await failureOf(send(call, 207));
      expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse', status: 207 });
    },
  );

  it('is accepted with 207 if the step says which responses mean a failure', async () => {
    const unchangedBy = { absent: [], failed: [{ 'results.status': 500 }] };
    const task = { ...IRREVERSIBLE.task, unchangedBy };
    expect(await send({ ...IRREVERSIBLE, task }, 207)).toMatchObject({ status: 207 });
  });

  it('is refused for a read that gets a part only (206), unless it asks for a range', async () => {
    expect(await failureOf(send(READ, 206))).toMatchObject({ type: 'Task.UnexpectedResponse', status: 206 });
    const task: HttpTask = { ...READ.task, places: { ...READ.task.places, Range: 'header' } };
    expect(await send({ ...READ, task }, 206)).toMatchObject({ status: 206 });
  });

  it.each([201, 202, 203])('is none with the status %i', async (given) => {
    expect(await send(REPEAT_SAFE, given)).toMatchObject({ status: given });
  });
});
