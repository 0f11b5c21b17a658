import type { StepDefinition } from 'temporal-http-tasks';
import type { ChunkDependencies } from 'temporal-http-tasks/internal/activities/sweep/sweep-dependencies';
import { cleanUp } from '../../../ledger/databases';
import { planOf } from '../chunk-place';
import { COURIER_STEPS } from '../../../unit/providers/courier';
import {
  atEachCourier,
  attempt,
  bulk,
  close,
  courierUser,
  finalOutcomes,
  seedCourierSweep,
  settle,
  settledReceipts,
} from './courier-place';
import type { CourierPlace } from './courier-place';

afterAll(cleanUp);

const [TOPICS, CONTACT, DEVICES, ERASURE, ARCHIVE] = COURIER_STEPS as [
  StepDefinition,
  Extract<StepDefinition, { kind: 'once' }>,
  StepDefinition,
  Extract<StepDefinition, { kind: 'request' }>,
  StepDefinition,
];

const { find: _find, ...UNFINDABLE } = ERASURE;

/** An irreversible call that nothing can show afterwards. */
const BLIND: StepDefinition = {
  step: 'blind',
  kind: 'once',
  act: { task: 'deleteContact', input: { contact_id: '${contactId}' } },
};

const PROFILE = {
  step: 'profile',
  kind: 'once',
  act: { task: 'deleteContact', input: { contact_id: '${contactId}' } },
  bulk: {
    task: 'bulkDelete',
    input: { contacts: { each: '${ids}', as: { id: '${id}' } } },
    most: 4,
    refusedFor: ['invalid_id'],
  },
} satisfies StepDefinition;

const users = (count: number) => Array.from({ length: count }, (_, index) => courierUser(index));
const everyone = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** The process dies when it comes to this call: before it is sent, or after its response and before it is recorded. */
async function dyingAt(
  place: CourierPlace,
  task: string,
  when: 'before' | 'after',
  work: (dependencies: Partial<ChunkDependencies>, dead: Promise<void>) => Promise<void>,
): Promise<void> {
  let die: () => void = () => undefined;
  const dead = new Promise<void>((resolve) => (die = resolve));
  let wake: (error: Error) => void = () => undefined;
  const frozen = new Promise<never>((_, reject) => (wake = reject));
  frozen.catch(() => undefined);
  const send: ChunkDependencies['sender']['send'] = async (definition, input, options) => {
    if (definition.name !== task) return place.sender.send(definition, input, options);
    if (when === 'after') await place.sender.send(definition, input, options);
    die();
    return frozen;
  };
  try {
    await work({ sender: { send } }, dead);
  } finally {
    wake(new Error('The process is gone.'));
  }
}

it.concurrent('offboards users by steps of each kind, those who wait in later rounds, and none twice', () =>
  atEachCourier([TOPICS, CONTACT, DEVICES, ERASURE, ARCHIVE], async ({ server, place }) => {
    server.seed(12);
    server.holdsErasures = true;
    server.fault('leaveTopic', 'lostAfter', 2, 9);
    server.fault('leaveTopic', 'lostBefore', 4);
    server.fault('deleteContact', 'lostAfter', 3);
    server.fault('deleteContact', 'lostBefore', 5);
    server.fault('createErasure', 'lostAfter', 2, 6);
    server.fault('getErasure', 'lostBefore', 3);
    server.fault('listTopics', 503, 5);
    await seedCourierSweep(place, 'all', users(12));
    const first = await attempt(place, 'all');
    expect(first).toMatchObject({ deferred: 12, settled: 0 });
    server.finishErasures();
    await settle(place, 'all');
    expect(await place.ledger.sweeps.countWaiting('all')).toEqual({ 'courier.archive': 12 });
    expect(server.of('createErasure').toSorted()).toEqual(
      users(12)
        .map((_, index) => `p-${index}`)
        .toSorted(),
    );
    const { sweeps } = place.ledger;
    const report = { outcome: 'removed', evidence: 'T-1' } as const;
    expect(await sweeps.reportStep({ sweepId: 'all', step: 'courier.archive', report, seqs: [0, 1] })).toEqual({
      users: 2,
    });
    await settle(place, 'all');
    expect(await sweeps.countWaiting('all')).toEqual({ 'courier.archive': 10 });
    await sweeps.reportStep({ sweepId: 'all', step: 'courier.archive', report: { outcome: 'skipped' } });
    await settle(place, 'all');
    const steps = ['topics removed', 'contact removed', 'devices removed', 'erasure removed'];
    const words = await finalOutcomes(place, 'all');
    expect(words.slice(0, 2)).toEqual(everyone(2, [...steps, 'archive removed']));
    expect(words.slice(2)).toEqual(everyone(10, [...steps, 'archive skipped/byPerson']));
    expect(server.repeats).toEqual([]);
    expect([server.contacts.size, server.devices.size]).toEqual([0, 0]);
    expect(await sweeps.count('all')).toMatchObject({ total: 12, removed: 12, pending: 0, open: 0 });
    const { merkleRoot } = await sweeps.seal({ sweepId: 'all' });
    expect(await sweeps.verify({ sweepId: 'all', expectedRoot: merkleRoot })).toMatchObject({ ok: true });
    const archived = (await settledReceipts(place, 'all')).filter(({ step }) => step === 'courier.archive');
    expect(archived[0]).toMatchObject({ service: 'courier', environment: 'sandbox', token: 'T-1' });
  }),
);

it.concurrent('a process that dies between a filing and its handle files once: find settles it', () =>
  atEachCourier([ERASURE], async ({ server, place, another }) => {
    await seedCourierSweep(place, 'dies', users(2));
    const next = await another();
    await dyingAt(place, 'courier.createErasure', 'after', async (dependencies, dead) => {
      void attempt(place, 'dies', { toSeq: 0 }, dependencies).catch(() => undefined);
      await dead;
      await settle(next, 'dies');
    });
    expect(await finalOutcomes(next, 'dies')).toEqual([['erasure removed'], ['erasure removed']]);
    expect(server.of('createErasure').toSorted()).toEqual(['p-0', 'p-1']);
    expect(server.repeats).toEqual([]);
  }),
);

it.concurrent('without a way to find it, a filing that a dying process may have sent is unknown', () =>
  atEachCourier([UNFINDABLE], async ({ server, place, another }) => {
    await seedCourierSweep(place, 'blind-filing', users(2));
    const next = await another();
    await dyingAt(place, 'courier.createErasure', 'after', async (dependencies, dead) => {
      void attempt(place, 'blind-filing', { toSeq: 0 }, dependencies).catch(() => undefined);
      await dead;
      await settle(next, 'blind-filing');
    });
    expect(await finalOutcomes(next, 'blind-filing')).toEqual([['erasure unknown'], ['erasure removed']]);
    expect(server.of('createErasure')).toEqual(['p-0', 'p-1']);
  }),
);

it.concurrent('a crash leaves only those unknown whose call, which nothing can settle, was recorded', () =>
  atEachCourier([TOPICS, BLIND], async ({ server, place, another }) => {
    server.seed(3);
    await seedCourierSweep(place, 'blind', users(3));
    const next = await another();
    const diesAt = async (task: string, seq: number): Promise<void> =>
      dyingAt(place, task, 'after', async (dependencies, dead) => {
        const range = { fromSeq: seq, toSeq: seq };
        void attempt(place, 'blind', range, dependencies).catch(() => undefined);
        await dead;
        await attempt(next, 'blind', range);
      });
    await Promise.all([diesAt('courier.deleteContact', 0), diesAt('courier.listTopics', 1)]);
    await settle(next, 'blind');
    const words = await finalOutcomes(next, 'blind');
    expect(words.map((own) => own.at(-1))).toEqual(['blind unknown', 'blind removed', 'blind removed']);
    expect(server.of('deleteContact').toSorted()).toEqual(['c-0', 'c-1', 'c-2']);
    expect(server.repeats).toEqual([]);
  }),
);

it.concurrent(
  'bulk steps come last, a call that is refused for an ID is bisected, and an ID that no route takes goes by it',
  () =>
    atEachCourier([TOPICS, PROFILE], async ({ server, place }) => {
      server.seed(9);
      const odd = ['bad-1', '..'].map((contactId) => ({ ids: { courier: { contactId } } }));
      for (const { ids } of odd) server.contacts.set(ids.courier.contactId, new Set());
      await seedCourierSweep(place, 'bulk', [...users(9), ...odd]);
      await settle(place, 'bulk');
      expect(await place.ledger.sweeps.readyForBulk('bulk')).toEqual({ 'courier.profile': 11 });
      expect(server.contacts.size).toBe(11);
      server.fault('bulkDelete', 'lostAfter', 1);
      await bulk(place, 'bulk', 'courier.profile');
      const words = await finalOutcomes(place, 'bulk');
      expect(words.map((own) => own.at(-1))).toEqual([
        ...everyone(9, 'profile removed'),
        'profile failed',
        'profile removed',
      ]);
      expect([...server.contacts.keys()]).toEqual(['bad-1']);
      expect(server.of('deleteContact')).toEqual([]);
      expect(server.of('bulkDelete').every((about) => about.split(',').length <= 4)).toBe(true);
      // The topics of a contact that no route takes cannot be listed.
      expect(words.at(-1)).toEqual(['topics failed/idNotWritable', 'profile removed']);
      expect(await place.ledger.sweeps.count('bulk')).toMatchObject({ total: 11, removed: 9, failed: 2 });
    }),
);

it.concurrent('a failure within the good response to a bulk call is found, and counts for no other ID', () =>
  atEachCourier([{ ...PROFILE, bulk: { ...PROFILE.bulk, failed: [{ 'results.ok': false }] } }], async (given) => {
    const { server, place } = given;
    server.seed(9);
    server.contacts.set('stuck-1', new Set());
    const stuck = { ids: { courier: { contactId: 'stuck-1' } } };
    await seedCourierSweep(place, 'bulk', [...users(6), stuck, ...users(9).slice(6)]);
    await settle(place, 'bulk');
    await bulk(place, 'bulk', 'courier.profile');
    const words = (await finalOutcomes(place, 'bulk')).map((own) => own.at(-1));
    // A call before it, with other IDs, may have removed it and reported a failure of another.
    expect(words).toEqual([...everyone(6, 'profile removed'), 'profile unknown', ...everyone(3, 'profile removed')]);
    expect([...server.contacts.keys()]).toEqual(['stuck-1']);
    expect(await place.ledger.sweeps.count('bulk')).toMatchObject({ total: 10, removed: 9, unknown: 1 });
  }),
);

it.concurrent('at the deadline a filed request is accepted, and what was not begun has failed', () =>
  atEachCourier([TOPICS, ERASURE, ARCHIVE], async ({ server, place }) => {
    server.seed(3);
    server.holdsErasures = true;
    await seedCourierSweep(place, 'late', users(3));
    await attempt(place, 'late');
    await close(place, 'late', 'deadline');
    expect(await finalOutcomes(place, 'late')).toEqual(
      everyone(3, ['topics removed', 'erasure accepted/deadline', 'archive failed/deadline']),
    );
    expect(await place.ledger.sweeps.count('late')).toMatchObject({ total: 3, failed: 3, pending: 0, open: 0 });
    const token = (await settledReceipts(place, 'late')).find(({ step }) => step === 'courier.erasure')?.token;
    expect(token).toMatch(/^e-\d$/);
  }),
);

it.concurrent('a hold stops what was not sent, and a dry run looks and changes nothing', () =>
  atEachCourier([TOPICS, CONTACT, ERASURE, ARCHIVE], async ({ server, place }) => {
    server.seed(3);
    const { ledger } = place;
    await seedCourierSweep(place, 'held', users(3));
    const held = (await ledger.sweeps.readUser({ sweepId: 'held', seq: 1 }))!;
    await ledger.addHold({ holdId: 'case-7', subjects: held.subjects });
    await settle(place, 'held');
    expect((await finalOutcomes(place, 'held'))[1]).toEqual(['hold held']);
    expect(server.contacts.has('c-1')).toBe(true);
    expect(server.calls.filter(({ about }) => /^[cp]-1(\/|$)/.test(about))).toEqual([]);
    const before = server.calls.length;
    await seedCourierSweep(place, 'dry', [courierUser(1)]);
    await settle(place, 'dry', { plan: planOf({ dryRun: true }) });
    expect(server.calls.slice(before).every(({ operation }) => /^(get|list)/.test(operation))).toBe(true);
  }),
);

it.concurrent('a hold that comes while a request is followed lets it be followed, and forbids what was not sent', () =>
  atEachCourier([ERASURE, { ...CONTACT, after: [] }], async ({ server, place, another }) => {
    server.seed(4);
    server.holdsErasures = true;
    const { sweeps } = place.ledger;
    const holdOn = async (sweepId: string, seq: number, holdId: string): Promise<void> => {
      const { subjects } = (await sweeps.readUser({ sweepId, seq }))!;
      await place.ledger.addHold({ holdId, subjects });
    };
    await seedCourierSweep(place, 'followed', users(3));
    expect(await attempt(place, 'followed')).toMatchObject({ deferred: 3 });
    await holdOn('followed', 1, 'case-1');
    await holdOn('followed', 2, 'case-2');
    const stateOf = (person: string) => server.erasures.find((one) => one.person === person)!;
    // That of the last user waits for a confirmation.
    stateOf('p-0').state = stateOf('p-1').state = 'done';
    stateOf('p-2').state = 'confirm';
    await settle(place, 'followed');
    expect(await finalOutcomes(place, 'followed')).toEqual([
      ['erasure removed', 'contact removed'],
      ['erasure removed', 'contact held'],
      ['erasure held/heldBeforeConfirmation', 'contact held'],
    ]);
    expect([server.of('confirmErasure'), server.of('deleteContact')]).toEqual([[], ['c-0']]);
    expect(await sweeps.count('followed')).toMatchObject({ total: 3, removed: 1, held: 2, unknown: 0 });
    expect((await sweeps.readProgress({ sweepId: 'followed', seqs: [0, 1, 2] })).size).toBe(0);
    // The same where the process that followed it has died.
    await seedCourierSweep(place, 'died', [courierUser(3)]);
    const next = await another();
    await dyingAt(place, 'courier.getErasure', 'before', async (dependencies, dead) => {
      void attempt(place, 'died', {}, dependencies).catch(() => undefined);
      await dead;
      await holdOn('died', 0, 'case-3');
      stateOf('p-3').state = 'done';
      await settle(next, 'died');
    });
    // The next step has a look, so that its call is not recorded before it is sent: it may have been.
    expect(await finalOutcomes(next, 'died')).toEqual([['erasure removed', 'contact unknown']]);
    expect(server.of('deleteContact')).toEqual(['c-0']);
  }),
);

it.concurrent(
  'a held user of whom nothing was sent is held, and one whose request is followed at the deadline is accepted',
  () =>
    atEachCourier([ERASURE, ARCHIVE], async ({ server, place }) => {
      server.holdsErasures = true;
      const { sweeps } = place.ledger;
      await seedCourierSweep(place, 'both', users(2));
      await attempt(place, 'both', { toSeq: 0 });
      for (const seq of [0, 1])
        await place.ledger.addHold({
          holdId: `case-${seq}`,
          subjects: (await sweeps.readUser({ sweepId: 'both', seq }))!.subjects,
        });
      await attempt(place, 'both', { fromSeq: 1 });
      await close(place, 'both', 'deadline');
      expect(await finalOutcomes(place, 'both')).toEqual([
        ['erasure accepted/deadline', 'archive held'],
        ['hold held'],
      ]);
    }),
);

it.concurrent('what a repeated call no longer finds was removed by the call whose response was lost', () =>
  atEachCourier([DEVICES], async ({ server, place }) => {
    server.seed(1);
    server.fault('forgetDevice', 'lostAfter', 1);
    const deviceIds = ['d-0-1', 'd-gone', 'd-0-2'];
    await seedCourierSweep(place, 'lost', [{ ids: { courier: { deviceIds } } }]);
    await settle(place, 'lost');
    expect(await finalOutcomes(place, 'lost')).toEqual([['devices removed', 'devices notFound']]);
    expect(server.of('forgetDevice').filter((about) => about === 'd-0-1')).toHaveLength(2);
  }),
);

it.concurrent('at the deadline, what was sent to a user on hold is unknown, and what was not is held', () =>
  atEachCourier([{ ...CONTACT, after: [] }, ERASURE, ARCHIVE], async ({ server, place }) => {
    server.seed(2);
    server.holdsErasures = true;
    server.fault('deleteContact', 'lostAfter', 1);
    server.fault('getContact', 503, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    await seedCourierSweep(place, 'late', [courierUser(0)]);
    await attempt(place, 'late');
    const { subjects } = (await place.ledger.sweeps.readUser({ sweepId: 'late', seq: 0 }))!;
    await place.ledger.addHold({ holdId: 'case-9', subjects });
    await close(place, 'late', 'deadline');
    expect(await finalOutcomes(place, 'late')).toEqual([['contact unknown/deadline', 'erasure held', 'archive held']]);
  }),
);

it.concurrent('a step for each ID of a list has a receipt of each, by which later sweeps know them', () =>
  atEachCourier([DEVICES, ERASURE], async ({ server, place }) => {
    server.seed(2);
    server.holdsErasures = true;
    const devices = (...deviceIds: string[]) => ({ ids: { courier: { deviceIds } } });
    const first = { ids: { courier: { personId: 'p-0', deviceIds: ['d-0-1', 'd-gone', 'd-0-2'] } } };
    await seedCourierSweep(place, 'first', [first]);
    // The list is done in the first round, the rest in another.
    expect(await attempt(place, 'first')).toMatchObject({ deferred: 1 });
    server.finishErasures();
    await settle(place, 'first');
    expect(await finalOutcomes(place, 'first')).toEqual([['devices removed', 'devices notFound', 'erasure removed']]);
    const { sweeps } = place.ledger;
    const hashOf = (id: string) => place.hasher.subject('courier', 'sandbox', id);
    const receipts = await sweeps.readReceipts({ sweepId: 'first', afterSeq: -1, limit: 100 });
    const known = receipts.filter(({ step }) => step === 'courier.devices');
    const of = (id: string) => known.filter(({ subject }) => subject === hashOf(id)).map(({ outcome }) => outcome);
    expect(new Set(of('d-0-1'))).toEqual(new Set(['removed']));
    expect(new Set(of('d-0-2'))).toEqual(new Set(['removed']));
    expect(new Set(of('d-gone'))).toEqual(new Set(['notFound']));
    await seedCourierSweep(place, 'second', [devices('d-0-2', 'd-gone'), devices('d-1-1', 'd-0-1')]);
    await settle(place, 'second');
    expect(await finalOutcomes(place, 'second')).toEqual([
      ['devices alreadyGone', 'devices notFound', 'erasure skipped/noId'],
      ['devices removed', 'devices alreadyGone', 'erasure skipped/noId'],
    ]);
  }),
);

it.concurrent('keeps no ID of a user in the clear, and nothing of how far users came once they are done', () =>
  atEachCourier([ERASURE, ARCHIVE], async ({ place }) => {
    await seedCourierSweep(place, 'secret', users(2));
    await settle(place, 'secret');
    const { sweeps } = place.ledger;
    const waiting = await sweeps.readProgress({ sweepId: 'secret', seqs: [0, 1] });
    expect([...waiting.keys()]).toEqual([0, 1]);
    await sweeps.reportStep({ sweepId: 'secret', step: 'courier.archive', report: { outcome: 'failed' } });
    await settle(place, 'secret');
    expect((await sweeps.readProgress({ sweepId: 'secret', seqs: [0, 1] })).size).toBe(0);
  }),
);
