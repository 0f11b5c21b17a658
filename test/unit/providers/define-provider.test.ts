import { ProviderError } from 'temporal-http-tasks';
import type { StepDefinition } from 'temporal-http-tasks';
import { MOST_PLAN_BYTES } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import type { StepPlan } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import { plannedTask, readSteps } from 'temporal-http-tasks/internal/providers/plan-provider';
import { COURIER_STEPS, courierWith } from './courier';

function problemsOf(...steps: readonly object[]): string[] {
  try {
    courierWith(steps as StepDefinition[]);
    return [];
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return error.problems.map(({ place, message }) => `${place}: ${message}`);
  }
}

const CONTACT = { contact_id: '${contactId}' };
const act = { task: 'deleteContact', input: CONTACT };
const look = { task: 'getContact', input: CONTACT };

it('reads steps of every kind, and finds in them which fields are IDs and items', () => {
  const courier = courierWith();
  const { steps, problems } = readSteps(courier, courier.steps({ keys: ['default'], options: {} }));
  expect(problems).toEqual([]);
  expect(steps.map(({ planned }) => [planned.step, planned.kind, planned.ids])).toEqual([
    ['courier.topics', 'list', ['contactId']],
    ['courier.contact', 'once', ['contactId']],
    ['courier.devices', 'once', ['deviceIds']],
    ['courier.erasure', 'request', ['personId']],
    ['courier.archive', 'manual', []],
  ]);
  const task = (operation: string) => courier.tasks.find((one) => one.operation === operation)!;
  expect(task('deleteContact').subjectFields).toEqual(['contact_id']);
  expect(task('leaveTopic')).toMatchObject({ subjectFields: ['contact_id'], itemsField: 'topic' });
  expect(task('listTopics').itemsInOutput).toBe('topics.id');
  expect(task('getErasure').subjectFields).toEqual([]);
  expect(steps[0]!.planned).toMatchObject({
    act: { takes: 'item' },
    look: { next: { path: 'paging.next', cursor: 'after' } },
  });
});

it('settles a lost call of a step without a look by the read that its task names', () => {
  const read = { by: 'look', with: 'courier.getContact', input: { contact_id: '${contact_id}' } } as const;
  const settle = { ...read, absent: [404, { status: 'erased' }], lagMs: 7_000 };
  const owner = courierWith([{ step: 'one', kind: 'once', act }]);
  const tasks = owner.tasks.map((task) => (task.operation === 'deleteContact' ? { ...task, settle } : task));
  const { steps, problems } = readSteps({ ...owner, tasks }, [{ step: 'one', kind: 'once', act }]);
  expect(problems).toEqual([]);
  const withLook = { step: 'one', kind: 'once', act, look: { ...look, absent: [{ status: 'erased' }], lag: '7 s' } };
  const same = readSteps({ ...owner, tasks }, [withLook]);
  expect(steps[0]!.planned).toEqual(same.steps[0]!.planned);
  const foreign = tasks.map((task) =>
    task.operation === 'deleteContact' ? { ...task, settle: { ...settle, absent: ['gone'] } } : task,
  );
  expect(readSteps({ ...owner, tasks: foreign }, [{ step: 'one', kind: 'once', act }]).problems).toEqual([
    expect.objectContaining({ message: expect.stringContaining('courier.getContact must have gone') as string }),
  ]);
});

it('finds an ID in a translation at the field that gets it', () => {
  const input = { contact_id: { map: '${reason.code}', to: { OTHER: '${secret}' }, else: '${contactId}' } };
  const [task] = courierWith([{ step: 'one', kind: 'once', act: { task: 'deleteContact', input } }]).tasks;
  expect(task).toMatchObject({ subjectFields: ['contact_id'], sensitive: [{ field: 'contact_id' }] });
});

it('treats fields with a sensitive ID as secrets', () => {
  const steps: StepDefinition[] = [
    { step: 'one', kind: 'once', act: { task: 'deleteContact', input: { contact_id: '${secret}' } } },
  ];
  const [task] = courierWith(steps).tasks;
  expect(task!.sensitive).toEqual([{ field: 'contact_id' }]);
});

it("takes the settings of a request's check, and the most items of a call, in either place", () => {
  const { state, done, failed, absent, handle, ...request } = COURIER_STEPS[3] as unknown as Record<string, object>;
  expect(
    problemsOf({
      ...request,
      act: { ...request.act, handle },
      follow: { ...request.follow, state, done, failed, absent },
    }),
  ).toEqual([]);
  const list = { step: 'a', kind: 'list', look: { ...COURIER_STEPS[0]!, task: 'listTopics' } };
  expect(list).toBeDefined();
});

it.each<[string, object, string]>([
  [
    'an unknown key',
    { step: 'a', kind: 'once', act, loook: look },
    'steps[0].loook: unknown key; allowed: step, kind, ',
  ],
  [
    'an unknown key of a call',
    { step: 'a', kind: 'once', act: { ...act, inputs: {} } },
    'steps[0].act.inputs: unknown key; allowed: task, input, absent, failed',
  ],
  ['an unknown kind', { step: 'a', kind: 'twice', act }, 'steps[0].kind: must be one of once, list, request, manual'],
  ['a step without a call', { step: 'a', kind: 'once' }, 'steps[0].act: is required'],
  [
    'an unknown task',
    { step: 'a', kind: 'once', act: { ...act, task: 'deleteAll' } },
    'steps[0].act.task: unknown task; allowed: deleteContact, ',
  ],
  [
    'a look that changes something',
    { step: 'a', kind: 'once', act, look: act },
    'steps[0].look.task: courier.deleteContact must be a read',
  ],
  ['an act that is a read', { step: 'a', kind: 'once', act: look }, 'steps[0].act.task: courier.getContact is a read'],
  [
    'an unknown placeholder',
    { step: 'a', kind: 'once', act: { task: 'deleteContact', input: { contact_id: '${contactID}' } } },
    'steps[0].act.input.contact_id: unknown placeholder ${contactID}; allowed here: ${contactId}, ',
  ],
  [
    'a placeholder of another place',
    { step: 'a', kind: 'once', act: { task: 'deleteContact', input: { contact_id: '${handle}' } } },
    'steps[0].act.input.contact_id: unknown placeholder ${handle}',
  ],
  [
    'a placeholder within a text',
    { step: 'a', kind: 'once', act: { task: 'deleteContact', input: { contact_id: 'c-${contactId}' } } },
    'steps[0].act.input.contact_id: a placeholder must be the whole text',
  ],
  [
    'an unknown ID',
    { step: 'a', kind: 'once', act, needs: ['contact'] },
    'steps[0].needs[0]: unknown ID; allowed: contactId, ',
  ],
  [
    'each of an ID that is no list',
    { step: 'a', kind: 'once', act, each: 'contactId' },
    'steps[0].each: must be an ID that is a list; those are: deviceIds',
  ],
  [
    'an unknown earlier step',
    { step: 'a', kind: 'once', act, after: [{ step: 'courier.b', unless: ['failed'], reason: 'no' }] },
    'steps[0].after[0].step: must name an earlier step',
  ],
  [
    'a step of a provider that runs later',
    { step: 'a', kind: 'once', act, after: [{ step: 'depot.b', reason: 'no' }] },
    'steps[0].after[0].step: must name an earlier step; providers run in the order plaid, batch, then by name',
  ],
  [
    'one ID in a call for many users',
    {
      step: 'a',
      kind: 'once',
      act,
      bulk: { task: 'bulkDelete', input: { contacts: [{ id: '${contactId}' }], more: '${ids}' }, most: 5 },
    },
    'steps[0].bulk.input.contacts[0].id: unknown placeholder ${contactId}; allowed here: ${reason.code}, ',
  ],
  [
    'an unknown outcome',
    { step: 'a', kind: 'once', act, after: [{ step: 'other.b', unless: ['bad'], reason: 'no' }] },
    'steps[0].after[0].unless: must be a list of outcomes',
  ],
  [
    'a list without items',
    {
      step: 'a',
      kind: 'list',
      look: { task: 'listTopics', input: CONTACT },
      act: { task: 'leaveTopic', input: { ...CONTACT, topic: '${item}' } },
    },
    'steps[0].look.items: must be a dotted path',
  ],
  [
    'a list whose act names no item',
    { step: 'a', kind: 'list', look: { task: 'listTopics', input: CONTACT, items: 'a' }, act },
    'steps[0].act.input: must use one of ${items}',
  ],
  [
    'a request without a handle in its look',
    { ...COURIER_STEPS[3], follow: { task: 'getErasure', input: { id: 'x' } } },
    'steps[0].follow.input: must use ${handle}',
  ],
  [
    'a call that is the same for every user',
    { step: 'a', kind: 'once', act: { task: 'deleteContact', input: { contact_id: 'contactId' } } },
    'steps[0].act.input: must use an ID of the user, such as ${contactId}',
  ],
  [
    'a look that is the same for every user',
    { step: 'a', kind: 'once', act, look: { task: 'getContact', input: { contact_id: 'me' } } },
    'steps[0].look.input: must use an ID of the user',
  ],
  [
    'a list that is the same for every user',
    { ...COURIER_STEPS[0], look: { task: 'listTopics', input: { contact_id: 'c' }, items: 'a' } },
    'steps[0].look.input: must use an ID of the user',
  ],
  [
    'a filing that is the same for every user',
    { ...COURIER_STEPS[3], act: { task: 'createErasure', input: { person: 'p', why: 'other', key: '${callId}' } } },
    'steps[0].act.input: must use an ID of the user',
  ],
  [
    'a search that finds the requests of others',
    { ...COURIER_STEPS[3], find: { task: 'listErasures', items: 'data', match: { kind: 'erase' }, handle: 'id' } },
    'steps[0].find.match: must use an ID of the user, or the input must',
  ],
  [
    'a look at something else than the entry that the call was about',
    { ...COURIER_STEPS[2], look: { task: 'getContact', input: CONTACT } },
    'steps[0].look.input: must use ${deviceIds}, the entry that the call was about',
  ],
  ['a request without states', { ...COURIER_STEPS[3], done: [] }, 'steps[0].done: must be a list of states'],
  [
    'a condition that says nothing',
    { step: 'a', kind: 'once', act: { ...act, failed: ['x'] } },
    'steps[0].act.failed[0]: must be a set of paths',
  ],
  [
    'a manual step without instructions',
    { step: 'a', kind: 'manual', title: 'T' },
    'steps[0].instructions: is required',
  ],
  [
    'bulk with an irreversible task',
    { step: 'a', kind: 'once', act, bulk: { task: 'deleteContact', input: { contact_id: '${ids}' }, most: 5 } },
    'steps[0].bulk.task: courier.deleteContact must have the effect repeatSafe',
  ],
])('refuses %s', (_what, step, message) => {
  expect(problemsOf(step).join('\n')).toContain(message);
});

it('reports all problems together, and refuses a second step of a name and one after a bulk call', () => {
  const bulk = { task: 'bulkDelete', input: { contacts: { each: '${ids}', as: { id: '${id}' } } }, most: 500 };
  const first = { step: 'a', kind: 'once', act, bulk };
  expect(problemsOf(first, first, { step: 'b', kind: 'once', act: { task: 'no' }, lookFirst: true })).toEqual([
    'steps[1].step: a second step is named courier.a',
    expect.stringContaining('steps[2].act.task: unknown task'),
    'steps[2].lookFirst: needs a look',
  ]);
  expect(problemsOf(first, { step: 'b', kind: 'once', act, after: [{ step: 'a', reason: 'no' }] })).toEqual([
    expect.stringContaining('steps[0].bulk: no step may come after one with bulk'),
  ]);
  expect(problemsOf(first)).toEqual([]);
});

it('reports what else is wrong with a step that it cannot read, and knows the step by its name', () => {
  const bulk = { task: 'bulkDelete', input: { contacts: '${ids}' }, most: 0, mostBytes: 'many' };
  const broken = { task: 'deleteContact', input: { contact_id: '${contact}' } };
  expect(
    problemsOf(
      { step: 'a', kind: 'onec', act, needs: ['nobody'], after: [{ step: 'z', reason: 'no' }] },
      { step: 'b', kind: 'once', act: broken, bulk },
      { step: 'c', kind: 'once', act: { task: 'none' }, optional: 'yes', after: [{ step: 'a', reason: 'no way' }] },
    ).map((line) => line.replace(/(?:; allowed| those are).*/, '')),
  ).toEqual([
    'steps[0].kind: must be one of once, list, request, manual; did you mean once?',
    'steps[0].needs[0]: unknown ID',
    'steps[0].after[0].step: must name an earlier step;',
    'steps[1].act.input.contact_id: unknown placeholder ${contact}',
    'steps[1].bulk.most: must be a whole number from 1 to 10000',
    'steps[1].bulk.mostBytes: must be a whole number of bytes',
    'steps[2].act.task: unknown task',
    'steps[2].optional: must be true or false',
    'steps[2].after[0].reason: must be one word in camelCase, such as contactNotRemoved',
  ]);
});

it('makes a plan that fits into a history, with what it has to know of the tasks', () => {
  const courier = courierWith();
  const { steps } = readSteps(courier, courier.steps({ keys: [''], options: {} }));
  const tasks = Object.fromEntries(courier.tasks.map((task) => [task.name, plannedTask(task)]));
  const plan: StepPlan = { version: 1, tasks, steps: steps.map(({ planned }) => planned) };
  expect(JSON.stringify(plan).length).toBeLessThan(MOST_PLAN_BYTES);
  expect(tasks['courier.deleteContact']).toEqual({
    effect: 'irreversible',
    means: 'removed',
    absent: ['contact_not_found'],
    repeat: false,
    summary: 'Delete a contact',
    remedy: 'Import it again.',
  });
  expect(tasks['courier.getContact']).toMatchObject({ effect: 'read', absent: [404] });
  expect(tasks['courier.forgetDevice']).toMatchObject({ effect: 'repeatSafe', repeat: true });
});
