import type { ConvergePlan } from 'temporal-http-tasks/internal/policy/converge';
import { allHeld } from 'temporal-http-tasks/internal/policy/converge';
import type { StepDefinition } from 'temporal-http-tasks';
import { COURIER_STEPS } from '../providers/courier';
import { shortly } from './drive';
import { courierRun, driveCourier, SimulatedCourier } from './simulated-courier';
import type { CourierScript } from './simulated-courier';
import type { Fault } from './simulated-providers';

const ALL: CourierScript = { topics: [1, 2, 3], devices: ['d_1', 'd_2'] };
const [TOPICS, CONTACT, DEVICES, ERASURE, ARCHIVE] = COURIER_STEPS as [
  StepDefinition,
  Extract<StepDefinition, { kind: 'once' }>,
  StepDefinition,
  StepDefinition,
  StepDefinition,
];

function run(
  script: CourierScript,
  steps?: readonly StepDefinition[],
  changes: Partial<ConvergePlan> = {},
): { steps: string[]; calls: string[]; courier: SimulatedCourier } {
  const courier = new SimulatedCourier(script);
  const driven = driveCourier(courierRun(steps, changes), courier);
  return {
    steps: shortly(driven.steps),
    calls: courier.calls.map(({ task }) => task.slice('courier.'.length)),
    courier,
  };
}

/** Faults of the calls after `count` good ones. */
function after(count: number, ...faults: Fault[]): Fault[] {
  return [...Array.from({ length: count }, () => 'none' as const), ...faults];
}

it('a provider of its own is offboarded by steps of each kind, in their order', () => {
  const { steps, calls, courier } = run({ ...ALL, pageSize: 2, needsConfirmation: true, requestMs: 10_000 });
  expect(steps).toEqual([
    'courier.topics removed x3',
    'courier.contact removed',
    'courier.devices removed x2',
    'courier.erasure removed',
    'courier.archive removed',
  ]);
  expect(calls.slice(0, 6)).toEqual([
    'listTopics',
    'listTopics',
    'leaveTopic',
    'leaveTopic',
    'leaveTopic',
    'listTopics',
  ]);
  expect(courier.calls[1]!.input).toEqual({ contact_id: 'c_1', after: '2' });
  expect(courier.calls[2]!.input).toEqual({ contact_id: 'c_1', topic: 1 });
  const filing = courier.calls.find(({ task }) => task === 'courier.createErasure')!;
  expect(filing.input).toEqual({ person: 'p_1', why: 'churn', key: expect.stringMatching(/^[\da-f-]{36}$/) });
  expect(calls.filter((task) => task === 'confirmErasure')).toHaveLength(1);
});

it('a user without an ID at a provider has no rows there, and a step without its ID is skipped', () => {
  expect(run(ALL, undefined, { ids: {} }).steps).toEqual([]);
  expect(run(ALL, undefined, { ids: { courier: { deviceIds: ['d_1'] } } }).steps).toEqual([
    'courier.topics skipped/noId',
    'courier.contact skipped/noId',
    'courier.devices removed x1',
    'courier.erasure skipped/noId',
    'courier.archive skipped/noId',
  ]);
});

it('a dry run looks once and changes nothing', () => {
  const { steps, calls } = run(ALL, undefined, { dryRun: true });
  expect(steps).toEqual([
    'courier.topics skipped/dryRun x3',
    'courier.contact skipped/dryRun x1',
    'courier.devices skipped/dryRun x2',
    'courier.erasure skipped/dryRun',
    'courier.archive skipped/dryRun',
  ]);
  expect(calls).toEqual(['listTopics', 'getContact']);
});

it('a hold is reported for every step, and one that comes in the middle stops all but reads', () => {
  expect(shortly(allHeld(courierRun()))).toEqual(
    ['topics', 'contact', 'devices', 'erasure', 'archive'].map((step) => `courier.${step} held`),
  );
  const { steps } = run({ ...ALL, faults: after(2, 'held') });
  expect(steps).toEqual([
    'courier.topics removed x1',
    'courier.topics held x2',
    ...['contact', 'devices', 'erasure', 'archive'].map((step) => `courier.${step} held`),
  ]);
});

describe('once', () => {
  const contact = (faults: Fault[], script: CourierScript = ALL, changes: Partial<ConvergePlan> = {}) =>
    run({ ...script, faults }, [{ ...CONTACT, after: [] }], changes);

  it.each<[string, Fault[], string, string[]]>([
    ['lost after it was done', ['lostAfterProcessing'], 'removed', ['deleteContact', 'getContact']],
    ['lost before it was done', ['lostBeforeProcessing'], 'removed', ['deleteContact', 'getContact', 'deleteContact']],
    ['lost, and the look is refused', ['lostAfterProcessing', 'refused'], 'unknown', ['deleteContact', 'getContact']],
    ['refused', ['refused'], 'failed', ['deleteContact']],
    ['refused for its key', ['unauthorized'], 'failed', ['deleteContact']],
  ])('a call is %s', (_what, faults, outcome, expected) => {
    const { steps, calls } = contact(faults);
    expect(steps).toEqual([`courier.contact ${outcome}`]);
    expect(calls).toEqual(expected);
  });

  it('a lost call is checked after its lag, and made at most five times', () => {
    const lag = { ...CONTACT, after: [], look: { ...CONTACT.look!, lag: '20 s' } };
    const { courier } = run({ ...ALL, faults: ['lostAfterProcessing'] }, [lag]);
    expect(courier.calls[1]!.atMs - courier.calls[0]!.atMs).toBeGreaterThanOrEqual(20_000);
    const often = Array.from(
      { length: 20 },
      (_, index) => (index % 2 === 0 ? 'lostBeforeProcessing' : 'none') as Fault,
    );
    const { steps, calls } = contact(often);
    expect(steps).toEqual(['courier.contact unknown']);
    expect(calls.filter((task) => task === 'deleteContact')).toHaveLength(5);
  });

  it('a user who was absent before anything was sent is already gone if the ledger knows the ID', () => {
    const absent = { ...ALL, contact: false };
    expect(contact([], absent).steps).toEqual(['courier.contact notFound']);
    const known = { steps: [], ids: ['courier.contactId'], hadItems: [] };
    expect(contact([], absent, { known }).steps).toEqual(['courier.contact alreadyGone']);
    const other = { steps: [], ids: ['courier.personId'], hadItems: [] };
    expect(contact([], absent, { known: other }).steps).toEqual(['courier.contact notFound']);
  });

  it('sends nothing for an absent user with lookFirst', () => {
    const first = { ...CONTACT, after: [], lookFirst: true };
    expect(run({ ...ALL, contact: false }, [first])).toMatchObject({
      steps: ['courier.contact notFound'],
      calls: ['getContact'],
    });
    expect(run(ALL, [first]).calls).toEqual(['getContact', 'deleteContact']);
    expect(run({ ...ALL, faults: ['refused'] }, [first])).toMatchObject({
      steps: ['courier.contact failed'],
      calls: ['getContact'],
    });
  });

  it('without a look, a lost call that must not be repeated is unknown', () => {
    const { look: _look, ...blind } = CONTACT;
    expect(run({ ...ALL, faults: ['lostBeforeProcessing'] }, [{ ...blind, after: [] }])).toMatchObject({
      steps: ['courier.contact unknown'],
      calls: ['deleteContact'],
    });
  });

  it('reads a good response that says that the call failed, or that nothing is there', () => {
    const told = (act: object): string[] =>
      run(ALL, [{ ...CONTACT, after: [], act: { ...CONTACT.act, ...act } }]).steps;
    expect(told({ failed: [{ ok: { exists: false } }] })).toEqual(['courier.contact failed/refused']);
    expect(told({ absent: [{ ok: { exists: false } }] })).toEqual(['courier.contact notFound']);
  });

  it('makes one call for each ID of a list, and repeats those that may be repeated', () => {
    expect(run({ devices: ['d_1'] }, [DEVICES]).steps).toEqual([
      'courier.devices removed x1',
      'courier.devices notFound x1',
    ]);
    expect(run({ devices: ['d_1', 'd_2'], faults: ['lostAfterProcessing'] }, [DEVICES]).steps).toEqual([
      'courier.devices removed x2',
    ]);
    expect(run({ devices: ['d_1', 'd_2'], faults: ['unauthorized'] }, [DEVICES])).toMatchObject({
      steps: ['courier.devices failed x2'],
      calls: ['forgetDevice'],
    });
  });

  it('reports an ID as failed for which nothing was sent, when the key is refused after a lost call for another', () => {
    const faults: Fault[] = ['lostAfterProcessing', 'unauthorized'];
    expect(run({ devices: ['d_1', 'd_2'], faults }, [DEVICES])).toMatchObject({
      steps: ['courier.devices unknown x1', 'courier.devices failed x1'],
      calls: ['forgetDevice', 'forgetDevice'],
    });
  });

  it.each<[string, boolean | undefined, object, string]>([
    ['absent', undefined, { absent: [{ left: 0 }] }, 'notFound'],
    ['absent after a lost attempt', true, { absent: [{ left: 0 }] }, 'removed'],
    ['failed', undefined, { failed: [{ left: 0 }] }, 'failed/refused'],
    ['failed after a lost attempt', true, { failed: [{ left: 0 }] }, 'unknown/refused'],
  ])(
    'a good response that says %s is read with what was sent before it',
    (_what, perhapsDone, conditions, expected) => {
      const respond = () => ({ ok: true, attempt: 2, output: { left: 0 }, perhapsDone });
      const courier = { respond, callMs: 1 } as unknown as SimulatedCourier;
      const { look: _look, ...blind } = CONTACT;
      const steps = [{ ...blind, after: [], act: { ...CONTACT.act, ...conditions } }];
      expect(shortly(driveCourier(courierRun(steps), courier).steps)).toEqual([`courier.contact ${expected}`]);
    },
  );

  it('fails before anything is sent for an ID that a path cannot take', () => {
    const { steps, calls } = run(ALL, [{ ...CONTACT, after: [] }], { ids: { courier: { contactId: '..' } } });
    expect(steps).toEqual(['courier.contact failed/idNotWritable']);
    expect(calls).toEqual([]);
    const bulk = { task: 'bulkDelete', input: { contacts: { each: '${ids}', as: { id: '${id}' } } }, most: 5 };
    const byBulk = courierRun([{ ...CONTACT, after: [], bulk }], { ids: { courier: { contactId: '..' } } });
    const calling = {
      respond: (call: { input: unknown; task: string }) => (seen.push(call), { ok: true, output: null, attempt: 1 }),
      callMs: 1,
    };
    const seen: { input: unknown; task: string }[] = [];
    driveCourier(byBulk, calling as unknown as SimulatedCourier);
    expect(seen).toMatchObject([{ task: 'courier.bulkDelete', input: { contacts: [{ id: '..' }] } }]);
  });

  it('is skipped after an earlier step that did not end well, and so is what comes after it', () => {
    const chain: StepDefinition[] = [
      TOPICS,
      CONTACT,
      { ...CONTACT, step: 'last', after: [{ step: 'courier.contact', reason: 'contactNotRemoved' }] },
    ];
    expect(run({ ...ALL, refusedTopics: [2] }, chain).steps).toEqual([
      'courier.topics removed x2',
      'courier.topics failed x1',
      'courier.contact skipped/topicsNotLeft',
      'courier.last skipped/contactNotRemoved',
    ]);
  });
});

describe('list', () => {
  it('continues after a refused item, and calls one failed that is still listed after a minute', () => {
    const { steps, calls } = run({ ...ALL, refusedTopics: [1] }, [TOPICS]);
    expect(steps).toEqual(['courier.topics removed x2', 'courier.topics failed x1']);
    expect(calls.filter((task) => task === 'leaveTopic')).toHaveLength(3);
  });

  it('reports items that were removed successfully and are still listed after a minute', () => {
    expect(run({ ...ALL, lagMs: 45_000 }, [TOPICS]).steps).toEqual(['courier.topics removed x3']);
    expect(run({ ...ALL, lagMs: 600_000 }, [TOPICS])).toMatchObject({
      steps: ['courier.topics unknown/stillListed x3'],
    });
  });

  it('does nothing for more items than it may remove one by one', () => {
    const topics = Array.from({ length: 2_001 }, (_, index) => index + 1);
    expect(run({ topics, pageSize: 5_000 }, [TOPICS])).toMatchObject({
      steps: ['courier.topics failed/tooManyItems x2001'],
      calls: ['listTopics'],
    });
  });

  it.each<[string, object, string]>([
    ['no list', { topics: null }, 'failed/unreadableList'],
    ['a list of something else', { topics: [{ name: 'x' }] }, 'failed/unreadableList'],
    ['a page that repeats', { topics: [], paging: { next: 'same' } }, 'failed/unreadableList'],
    ['an empty list', { topics: [] }, 'skipped/noItems'],
    ['an end that is empty', { topics: [], paging: { next: '' } }, 'skipped/noItems'],
  ])('takes a response with %s for what it is', (_what, output, expected) => {
    const courier = { respond: () => ({ ok: true, output, attempt: 1 }), callMs: 1 } as unknown as SimulatedCourier;
    expect(shortly(driveCourier(courierRun([TOPICS]), courier).steps)).toEqual([`courier.topics ${expected}`]);
  });

  it.each([
    ['/w8AAA==', '/w8AAA=='],
    ['https://courier.example/topics?after=c%2F2&size=2', 'c/2'],
    ['/topics?after=c2', 'c2'],
    ['?after=c2', 'c2'],
    ['a+b/c?', 'a+b/c?'],
  ])('reads on after the cursor %s with %s', (next, expected) => {
    const cursors: unknown[] = [];
    const respond = ({ input }: { input: { after?: unknown } }) => {
      cursors.push(input.after);
      return { ok: true, attempt: 1, output: { topics: [], paging: { next: cursors.length === 1 ? next : null } } };
    };
    driveCourier(courierRun([TOPICS]), { respond, callMs: 1 } as unknown as SimulatedCourier);
    expect(cursors).toEqual([undefined, expected]);
  });

  it('continues after an item that no call can take, and sends numbers beyond 2^53 as they are', () => {
    const list = (ids: unknown[]) => {
      const [left, sent]: [Set<unknown>, unknown[]] = [new Set(ids), []];
      const respond = ({ task, input }: { task: string; input: { topic?: unknown } }) => {
        if (task === 'courier.listTopics')
          return { ok: true, attempt: 1, output: { topics: [...left].map((id) => ({ id })) } };
        sent.push(input.topic);
        left.delete(input.topic);
        return { ok: true, attempt: 1, output: {} };
      };
      const courier = { respond, callMs: 1 } as unknown as SimulatedCourier;
      return { steps: shortly(driveCourier(courierRun([TOPICS]), courier).steps), sent };
    };
    expect(list([1, 'one', 2])).toEqual({
      steps: ['courier.topics removed x2', 'courier.topics failed/idNotWritable x1'],
      sent: [1, 2],
    });
    expect(list(['one', 'two'])).toEqual({ steps: ['courier.topics failed/idNotWritable x2'], sent: [] });
    expect(list(['9007199254740993'])).toEqual({
      steps: ['courier.topics removed x1'],
      sent: ['9007199254740993'],
    });
  });

  it('reads a thousand pages and no more', () => {
    const pages = (last: number): string[] => {
      let page = 0;
      const respond = () => (
        (page += 1),
        { ok: true, attempt: 1, output: { topics: [], paging: { next: page < last ? `${page}` : null } } }
      );
      return shortly(driveCourier(courierRun([TOPICS]), { respond, callMs: 1 } as unknown as SimulatedCourier).steps);
    };
    expect(pages(1_000)).toEqual(['courier.topics skipped/noItems']);
  });
});

describe('request', () => {
  const erasure = (script: CourierScript) => run(script, [ERASURE]);

  it.each<[string, CourierScript, string]>([
    ['is done at last', { requestMs: 86_400_000 }, 'removed'],
    ['is rejected', { requestEnds: 'rejected' }, 'failed/requestFailed'],
    ['found nothing', { requestEnds: 'notFound' }, 'notFound'],
    ['is still at work at the deadline', { requestMs: 30 * 86_400_000 }, 'accepted/deadline'],
    ['was refused', { faults: after(1, 'refused') }, 'failed'],
    [
      'was lost after it was filed, and is found',
      { earlierRequests: 2, faults: after(1, 'lostAfterProcessing') },
      'removed',
    ],
    [
      'was lost before it was filed, and is filed again',
      { earlierRequests: 1, faults: after(1, 'lostBeforeProcessing') },
      'removed',
    ],
    ['cannot be looked for', { faults: after(1, 'lostBeforeProcessing', 'refused') }, 'unknown/cannotFind'],
    ['is refused a look for a while', { faults: after(2, 'refused', 'refused', 'refused') }, 'removed'],
    ['is refused its confirmation', { needsConfirmation: true, faults: after(3, 'refused') }, 'failed/notConfirmed'],
    ['loses its confirmation', { needsConfirmation: true, faults: after(3, 'lostAfterProcessing') }, 'removed'],
    [
      'waits for a confirmation that was lost before',
      { needsConfirmation: true, faults: after(3, 'lostBeforeProcessing') },
      'accepted/deadline',
    ],
  ])('a request %s', (_what, script, expected) => {
    const { steps, courier } = erasure(script);
    expect(steps).toEqual([`courier.erasure ${expected}`]);
    expect(courier.erasures.length - (script.earlierRequests ?? 0)).toBeLessThanOrEqual(1);
    expect(courier.calls.filter(({ task }) => task === 'courier.confirmErasure').length).toBeLessThanOrEqual(1);
  });

  it('is unknown when its look is refused for a minute, and keeps its call ID in a repetition', () => {
    const refused = Array.from({ length: 30 }, () => 'refused' as const);
    expect(erasure({ faults: after(2, ...refused) }).steps).toEqual(['courier.erasure unknown/cannotFollow']);
    const { courier } = erasure({ faults: after(1, 'lostBeforeProcessing') });
    const keys = courier.calls.filter(({ task }) => task === 'courier.createErasure').map(({ input }) => input.key);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });
});

it('a manual step waits for a person, until the deadline', () => {
  const courier = new SimulatedCourier(ALL);
  expect(shortly(driveCourier(courierRun([ARCHIVE]), courier).steps)).toEqual(['courier.archive removed']);
});
