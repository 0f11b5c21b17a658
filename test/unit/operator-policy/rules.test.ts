import {
  callProblem,
  compensationProblem,
  needsApproval,
  planProblem,
  sizeProblem,
  sourceName,
  sourceProblem,
  timeProblem,
} from 'temporal-http-tasks/internal/operator-policy/rules';
import { callProblemBefore } from 'temporal-http-tasks/internal/operator-policy/before-start';
import type { GovernedCall } from 'temporal-http-tasks/internal/operator-policy/rules';
import type { PolicyRules } from 'temporal-http-tasks/internal/operator-policy/schema';
import { builtInStepPlanOf } from 'temporal-http-tasks/internal/providers/built-in';
import { userItemsRemove } from 'temporal-http-tasks/internal/providers/plaid/tasks';
import { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';

const NOW = new Date('2030-01-09T12:00:00Z');
const rules = (given: Omit<PolicyRules, 'version'>): PolicyRules => ({ version: 1, ...given });
const CALL: GovernedCall = {
  task: 'plaid.userItemsRemove',
  service: 'plaid',
  effect: 'irreversible',
  environment: 'production',
};

it.each<[string, Omit<PolicyRules, 'version'>, Partial<GovernedCall>, string | undefined]>([
  ['nothing is limited', {}, {}, undefined],
  ['a listed task', { tasks: ['plaid.userItemsRemove'] }, {}, undefined],
  ['a task of a listed service', { tasks: ['plaid.*'] }, {}, undefined],
  ['a service whose name begins alike', { tasks: ['plai.*'] }, {}, 'tasks'],
  ['another task', { tasks: ['plaid.userGet'] }, {}, 'tasks'],
  ['a read, too', { tasks: ['plaid.userGet'] }, { effect: 'read' }, 'tasks'],
  ['another provider', { providers: ['batch'] }, {}, 'providers'],
  ['a call whose input names the place', { providers: ['batch'] }, { service: 'http', generic: true }, undefined],
  ['another environment', { environments: ['sandbox'] }, {}, 'environments'],
  ['another environment of this service', { environments: { plaid: ['sandbox'] } }, {}, 'environments'],
  ['an environment of another service', { environments: { batch: ['default'] } }, {}, undefined],
  ['a service with the name of a method', { environments: {} }, { service: 'toString' }, undefined],
  ['the deletion at Plaid', { removeUser: false }, { task: 'plaid.userRemove' }, 'removeUser'],
  ['another deletion', { removeUser: false }, {}, undefined],
  ['another reason', { reasonCodes: ['USER_OFFBOARDING'] }, { reasonCode: 'OTHER' }, 'reasonCodes'],
  ['no reason', { reasonCodes: ['USER_OFFBOARDING'] }, {}, undefined],
  ['a change at another time', { hours: { from: '13:00', to: '14:00' } }, {}, 'hours'],
  ['a read at another time', { hours: { from: '13:00', to: '14:00' } }, { effect: 'read' }, undefined],
])('%s', (_, given, call, expected) => {
  expect(callProblem(rules(given), { ...CALL, ...call }, NOW)?.rule).toBe(expected);
});

it.each<[NonNullable<PolicyRules['hours']>, string, boolean]>([
  [{ from: '08:00', to: '18:00' }, '2030-01-09T08:00:00Z', true],
  [{ from: '08:00', to: '18:00' }, '2030-01-09T07:59:59Z', false],
  [{ from: '08:00', to: '18:00' }, '2030-01-09T18:00:00Z', false],
  [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }, '2030-01-09T07:00:00Z', true],
  // Summer time.
  [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }, '2030-07-09T06:00:00Z', true],
  [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }, '2030-07-09T16:00:00Z', false],
  [{ days: ['wed'] }, '2030-01-09T23:59:59Z', true],
  [{ days: ['wed'] }, '2030-01-10T00:00:00Z', false],
  // Past midnight, the hours belong to the day on which they began.
  [{ days: ['wed'], from: '22:00', to: '04:00' }, '2030-01-10T03:59:00Z', true],
  [{ days: ['wed'], from: '22:00', to: '04:00' }, '2030-01-09T03:59:00Z', false],
  [{ days: ['sun'], from: '22:00', to: '04:00' }, '2030-01-07T01:00:00Z', true],
  [{ from: '22:00', to: '00:00' }, '2030-01-09T23:30:00Z', true],
  [{ from: '22:00', to: '00:00' }, '2030-01-09T00:00:00Z', false],
])('hours %j at %s', (hours, at, allowed) => {
  expect(timeProblem(rules({ hours }), new Date(at)) === undefined).toBe(allowed);
});

const services = new Map([
  ['plaid', { environment: 'production', keySlots: ['default'] }],
  ['batch', { environment: 'default', keySlots: ['ios'] }],
]);

it.each<[string, Omit<PolicyRules, 'version'>, boolean, string | undefined]>([
  ['nothing is limited', {}, true, undefined],
  ['a provider of a step', { providers: ['plaid'] }, false, 'providers'],
  ['a task of a look', { tasks: ['plaid.userItemsRemove', 'batch.*'] }, false, 'tasks'],
  ['the deletion at Plaid', { removeUser: false }, true, 'removeUser'],
  ['no deletion at Plaid', { removeUser: false }, false, undefined],
  ['a reason', { reasonCodes: ['OTHER'] }, false, 'reasonCodes'],
  ['an environment', { environments: ['sandbox', 'default'] }, false, 'environments'],
])('a plan: %s', (_, given, removeUser, expected) => {
  const steps = builtInStepPlanOf({ removeUser, batchMode: 'customData' }, services);
  const environmentOf = (provider: string) => services.get(provider)?.environment ?? '';
  expect(planProblem(rules(given), { reason: 'USER_OFFBOARDING', steps, environmentOf })?.rule).toBe(expected);
});

it('a compensation task, a source, a size', () => {
  expect(compensationProblem(rules({ compensationTasks: [] }), 'ops.notify')?.message).toContain('allowed: none');
  expect(compensationProblem(rules({ compensationTasks: ['ops.notify'] }), 'ops.notify')).toBeUndefined();
  expect(sourceName({ query: 'closed' })).toBe('query:closed');
  expect(sourceProblem(rules({ sources: ['query:CLOSED'] }), 'query:closed')).toBeUndefined();
  expect(sourceProblem(rules({ sources: ['query'] }), 'query:closed')).toBeUndefined();
  expect(sourceProblem(rules({ sources: ['query:other', 'file'] }), 'query:closed')?.rule).toBe('sources');
  expect(sourceProblem(rules({ sources: ['file'] }), 'snapshot')?.rule).toBe('sources');
  expect(sizeProblem(rules({ users: { perSweep: 2 } }), 2)).toBeUndefined();
  expect(sizeProblem(rules({ users: { perSweep: 2 } }), 3)?.rule).toBe('users.perSweep');
});

it('an approval is needed where the policy says so, and never for a dry run', () => {
  const approval = { environments: ['production'], usersAbove: 10, approvers: [] };
  const needs = (environments: string[], total: number, dryRun = false) =>
    needsApproval(rules({ approval }), { environments, total, dryRun });
  expect(needs(['production', 'default'], 11)).toBe(true);
  expect(needs(['production'], 10)).toBe(false);
  expect(needs(['sandbox'], 11)).toBe(false);
  expect(needs(['production'], 11, true)).toBe(false);
  expect(needsApproval(rules({}), { environments: ['production'], total: 11, dryRun: false })).toBe(false);
});

it('the task of an account is one of its provider, also before anything is started', () => {
  const task = new Accounts(['plaid/acme']).taskOf(userItemsRemove, 'acme');
  expect(task.service.name).toBe('plaid/acme');
  const problem = (given: Omit<PolicyRules, 'version'>) =>
    callProblemBefore(rules(given), task, { user_id: 'u', item_ids: ['i'] }, { environment: 'production' })?.rule;
  expect(problem({ environments: { plaid: ['sandbox'] } })).toBe('environments');
  expect(problem({ providers: ['batch'] })).toBe('providers');
  expect(problem({ providers: ['plaid'], environments: { plaid: ['production'] } })).toBeUndefined();
});
