import { z } from 'zod';
import { defineHttpTask, defineProvider, defineService } from 'temporal-http-tasks';
import type { Provider, StepDefinition } from 'temporal-http-tasks';

/** A made-up mail service, for tests of what every provider has. */
export const courierService = defineService({
  name: 'courier',
  title: 'Courier Mail',
  docs: 'https://courier.example/docs',
  environments: { sandbox: 'https://sandbox.courier.example' },
  defaultEnvironment: 'sandbox',
  credentials: [{ setting: 'COURIER_TOKEN', in: 'header', name: 'authorization', scheme: 'bearer' }],
  errors: { fields: { code: 'code' }, rules: [] },
});

const read = { service: courierService, summary: 'Look', method: 'GET', effect: 'read' } as const;
const removal = {
  service: courierService,
  method: 'DELETE',
  effect: 'irreversible',
  answerMeans: 'removed',
  remedy: 'Import it again.',
} as const;

const contactId = z.strictObject({ contact_id: z.string() });

/** The tasks of {@link courierService}. */
export const COURIER_TASKS = [
  defineHttpTask({
    ...removal,
    operation: 'deleteContact',
    summary: 'Delete a contact',
    path: '/contacts/{contact_id}',
    places: { contact_id: 'path' },
    input: contactId,
    output: z.unknown(),
    settle: { by: 'list', with: 'courier.getContact', basis: 'documented' },
    absentCodes: ['contact_not_found'],
  }),
  defineHttpTask({
    ...read,
    operation: 'getContact',
    path: '/contacts/{contact_id}',
    places: { contact_id: 'path' },
    input: contactId,
    output: z.unknown(),
    absentStatuses: [404],
  }),
  defineHttpTask({
    ...read,
    operation: 'listTopics',
    path: '/contacts/{contact_id}/topics',
    places: { contact_id: 'path' },
    input: z.strictObject({ contact_id: z.string(), after: z.string().optional() }),
    output: z.unknown(),
    absentCodes: ['contact_not_found'],
  }),
  defineHttpTask({
    ...removal,
    operation: 'leaveTopic',
    summary: 'Leave a topic',
    path: '/contacts/{contact_id}/topics/{topic}',
    places: { contact_id: 'path', topic: 'path' },
    input: z.strictObject({ contact_id: z.string(), topic: z.number() }),
    output: z.unknown(),
    settle: { by: 'list', with: 'courier.listTopics', basis: 'documented' },
  }),
  defineHttpTask({
    ...removal,
    operation: 'createErasure',
    summary: 'Ask for an erasure',
    method: 'POST',
    path: '/erasures',
    input: z.strictObject({ person: z.string(), why: z.string().optional(), key: z.string().optional() }),
    output: z.unknown(),
    settle: { by: 'list', with: 'courier.listErasures', basis: 'documented' },
  }),
  defineHttpTask({
    ...read,
    operation: 'getErasure',
    path: '/erasures/{id}',
    places: { id: 'path' },
    input: z.strictObject({ id: z.string() }),
    output: z.unknown(),
  }),
  defineHttpTask({
    ...read,
    operation: 'listErasures',
    path: '/erasures',
    input: z.strictObject({}),
    output: z.unknown(),
  }),
  defineHttpTask({
    ...removal,
    operation: 'confirmErasure',
    summary: 'Confirm an erasure',
    method: 'POST',
    path: '/erasures/{id}/confirm',
    places: { id: 'path' },
    input: z.strictObject({ id: z.string() }),
    output: z.unknown(),
    settle: { by: 'list', with: 'courier.getErasure', basis: 'documented' },
  }),
  defineHttpTask({
    ...removal,
    operation: 'forgetDevice',
    summary: 'Forget a device',
    path: '/devices/{device}',
    places: { device: 'path' },
    input: z.strictObject({ device: z.string() }),
    output: z.unknown(),
    effect: 'repeatSafe',
    settle: { by: 'repeat', basis: 'documented' },
    absentStatuses: [404],
  }),
  defineHttpTask({
    ...removal,
    operation: 'bulkDelete',
    summary: 'Delete many contacts',
    method: 'POST',
    path: '/contacts/delete',
    input: z.strictObject({ contacts: z.array(z.strictObject({ id: z.string() })) }),
    output: z.unknown(),
    effect: 'repeatSafe',
    settle: { by: 'repeat', basis: 'documented' },
  }),
];

/** Steps of each kind, in an order that matters. */
export const COURIER_STEPS: readonly StepDefinition[] = [
  {
    step: 'topics',
    kind: 'list',
    look: {
      task: 'listTopics',
      input: { contact_id: '${contactId}' },
      items: 'topics.id',
      next: 'paging.next',
      cursor: 'after',
    },
    act: { task: 'leaveTopic', input: { contact_id: '${contactId}', topic: '${item}' } },
  },
  {
    step: 'contact',
    kind: 'once',
    needs: ['contactId'],
    act: { task: 'deleteContact', input: { contact_id: '${contactId}' } },
    look: { task: 'getContact', input: { contact_id: '${contactId}' }, absent: [{ 'user.active': false }] },
    after: [{ step: 'courier.topics', unless: ['failed', 'unknown'], reason: 'topicsNotLeft' }],
  },
  {
    step: 'devices',
    kind: 'once',
    each: 'deviceIds',
    act: { task: 'forgetDevice', input: { device: '${deviceIds}' } },
  },
  {
    step: 'erasure',
    kind: 'request',
    act: {
      task: 'createErasure',
      input: {
        person: '${personId}',
        why: { map: '${reason.code}', to: { USER_OFFBOARDING: 'churn' }, else: 'other' },
        key: '${callId}',
      },
    },
    handle: 'data.id',
    follow: { task: 'getErasure', input: { id: '${handle}' } },
    state: 'state',
    done: ['done'],
    failed: ['rejected'],
    absent: [{ state: 'done', error: { contains: 'not found' } }],
    find: { task: 'listErasures', items: 'data', match: { person: '${personId}' }, handle: 'id' },
    proceed: { when: ['confirm'], task: 'confirmErasure', input: { id: '${handle}' } },
  },
  { step: 'archive', kind: 'manual', needs: ['contactId'], title: 'Archive', instructions: 'Delete the paper file.' },
];

/** The courier with these steps. */
export function courierWith(steps: readonly StepDefinition[] = COURIER_STEPS): Provider {
  return defineProvider({
    name: 'courier',
    title: 'Courier Mail',
    service: courierService,
    tasks: COURIER_TASKS,
    ids: {
      contactId: { about: "The contact's ID." },
      personId: { about: "The person's ID." },
      deviceIds: { about: 'Push devices.', list: true },
      secret: { about: 'An access token.', sensitive: true },
    },
    steps,
  });
}
