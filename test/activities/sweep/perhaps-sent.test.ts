import { PossiblySent } from 'temporal-http-tasks/internal/activities/sweep/possibly-sent';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { TaskFailureType } from 'temporal-http-tasks/internal/tasks/failure';
import { builtInRun } from 'temporal-http-tasks/internal/providers/built-in';
import { planFor } from '../../unit/policy/drive';

const task = plaid.userProductsTerminate;
const call = { step: 'plaid.products', input: {} };
const failed = { step: 'plaid.products', task: task.name, outcome: 'failed', reason: 'deadline' } as const;

function responseOf(type: TaskFailureType) {
  return { ok: false, failure: { type, service: 'plaid', message: '' } } as const;
}

it('a repeat-safe call whose response could not be read keeps its user unsettled until a readable one comes', () => {
  const calls = new PossiblySent({ interrupted: false }, builtInRun(planFor({})));
  calls.responded(call, task, responseOf('Task.UnexpectedResponse'));
  expect(calls.any).toBe(true);
  expect(calls.forbids(call, task)).toBe(false);
  expect(calls.corrected([failed])).toEqual([{ ...failed, outcome: 'unknown', reason: 'perhapsSentBefore' }]);
  calls.responded(call, task, { ok: true, output: {}, attempt: 1 });
  expect(calls.any).toBe(false);
});

it('one that was refused changes nothing', () => {
  const calls = new PossiblySent({ interrupted: false }, builtInRun(planFor({})));
  calls.responded(call, task, responseOf('Task.Rejected'));
  expect(calls.any).toBe(false);
  expect(calls.corrected([failed])).toEqual([failed]);
});

it('what the machine itself calls unknown stays as it says', () => {
  const calls = new PossiblySent({ interrupted: false }, builtInRun(planFor({})));
  calls.responded(call, task, responseOf('Task.UnexpectedResponse'));
  const unknown = { step: 'plaid.products', task: task.name, outcome: 'unknown' } as const;
  expect(calls.corrected([unknown])).toEqual([unknown]);
});
