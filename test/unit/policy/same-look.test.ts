import type { StepDefinition } from 'temporal-http-tasks';
import { COURIER_STEPS } from '../providers/courier';
import { shortly } from './drive';
import { courierRun, driveCourier } from './simulated-courier';
import type { SimulatedCourier } from './simulated-courier';

const CONTACT = COURIER_STEPS[1] as Extract<StepDefinition, { kind: 'once' }>;

function step(name: string, absent: object | undefined, more: object = {}): StepDefinition {
  const look = { ...CONTACT.look!, absent: absent && ([absent] as never) };
  return { ...CONTACT, step: name, after: [], ...more, look };
}

function drive(steps: StepDefinition[], respond: (task: string) => unknown): { steps: string[]; calls: string[] } {
  const calls: string[] = [];
  const courier = {
    callMs: 1,
    respond: (call: { task: string }) => {
      const task = call.task.slice('courier.'.length);
      calls.push(task);
      return respond(task);
    },
  };
  const driven = driveCourier(courierRun(steps), courier as unknown as SimulatedCourier);
  return { steps: shortly(driven.steps), calls };
}

const good = (output: unknown) => ({ ok: true, attempt: 1, output });

it('a step does not take what a condition of another one with the same look says for its own', () => {
  const seen = { user: { subscribed: false, active: true } };
  const first = step('mail', { 'user.subscribed': false }, { lookFirst: true });
  const second = step('account', { 'user.active': false });
  expect(drive([first, second], (task) => good(task === 'getContact' ? seen : {}))).toEqual({
    steps: ['courier.mail notFound', 'courier.account removed'],
    calls: ['getContact', 'deleteContact'],
  });
  const same = step('account', { 'user.subscribed': false });
  expect(drive([first, same], () => good(seen)).calls).toEqual(['getContact']);
});

it('a step is sent although another one with the same look found its own thing gone after a lost call', () => {
  const lost = { ok: false, failure: { type: 'Task.OutcomeUnknown', service: 'courier', message: '' } };
  const absent = { ok: false, failure: { ...lost.failure, type: 'Task.Rejected', status: 404 } };
  let acts = 0;
  const respond = (task: string): unknown => {
    if (task === 'getContact') return absent;
    acts += 1;
    return acts === 1 ? lost : good({});
  };
  expect(drive([step('archive', undefined), step('purge', undefined)], respond)).toEqual({
    steps: ['courier.archive removed', 'courier.purge removed'],
    calls: ['deleteContact', 'getContact', 'deleteContact'],
  });
});
