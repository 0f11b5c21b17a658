import type { StepDefinition } from 'temporal-http-tasks';
import type { ChunkDependencies } from 'temporal-http-tasks/internal/activities/sweep/chunk-dependencies';
import { cleanUp } from '../../../ledger/databases';
import { planOf } from '../chunk-place';
import { COURIER_STEPS } from '../../../unit/providers/courier';
import {
  atEachCourier,
  attempt,
  bulk,
  close,
  courierUser,
  lastWords,
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

const PROFILE: StepDefinition = {
  step: 'profile',
  kind: 'once',
  act: { task: 'deleteContact', input: { contact_id: '${contactId}' } },
  bulk: {
    task: 'bulkDelete',
    input: { contacts: { each: '${ids}', as: { id: '${id}' } } },
    most: 4,
    refusedFor: ['invalid_id'],
  },
};

const users = (count: number) => Array.from({ length: count }, (_, index) => courierUser(index));
const everyone = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** The process dies when it comes to this call: before it is sent, or when it was answered and before it is recorded. */
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

it('offboards users by steps of each kind, those who wait in later rounds, and nobody twice', () =>
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
    const words = await lastWords(place, 'all');
    expect(words.slice(0, 2)).toEqual(everyone(2, [...steps, 'archive removed']));
    expect(words.slice(2)).toEqual(everyone(10, [...steps, 'archive skipped/byPerson']));
    expect(server.repeats).toEqual([]);
    expect([server.contacts.size, server.devices.size]).toEqual([0, 0]);
    expect(await sweeps.count('all')).toMatchObject({ total: 12, removed: 12, pending: 0, open: 0 });
    const { merkleRoot } = await sweeps.seal({ sweepId: 'all' });
    expect(await sweeps.verify({ sweepId: 'all', expectedRoot: merkleRoot })).toMatchObject({ ok: true });
    const archived = (await settledReceipts(place, 'all')).filter(({ step }) => step === 'courier.archive');
    expect(archived[0]).toMatchObject({ service: 'courier', environment: 'sandbox', token: 'T-1' });
  }));

it('a process that dies between a filing and its handle files once: find settles it', () =>
  atEachCourier([ERASURE], async ({ server, place, another }) => {
    await seedCourierSweep(place, 'dies', users(2));
    const next = await another();
    await dyingAt(place, 'courier.createErasure', 'after', async (dependencies, dead) => {
      void attempt(place, 'dies', { toSeq: 0 }, dependencies).catch(() => undefined);
      await dead;
      await settle(next, 'dies');
    });
    expect(await lastWords(next, 'dies')).toEqual([['erasure removed'], ['erasure removed']]);
    expect(server.of('createErasure').toSorted()).toEqual(['p-0', 'p-1']);
    expect(server.repeats).toEqual([]);
  }));

it('without a way to find it, a filing that a dying process may have sent is unknown', () =>
  atEachCourier([UNFINDABLE], async ({ server, place, another }) => {
    await seedCourierSweep(place, 'blind-filing', users(2));
    const next = await another();
    await dyingAt(place, 'courier.createErasure', 'after', async (dependencies, dead) => {
      void attempt(place, 'blind-filing', { toSeq: 0 }, dependencies).catch(() => undefined);
      await dead;
      await settle(next, 'blind-filing');
    });
    expect(await lastWords(next, 'blind-filing')).toEqual([['erasure unknown'], ['erasure removed']]);
    expect(server.of('createErasure')).toEqual(['p-0', 'p-1']);
  }));

it('a crash leaves only those unknown whose call, which nothing can settle, was recorded', () =>
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
    const words = await lastWords(next, 'blind');
    expect(words.map((own) => own.at(-1))).toEqual(['blind unknown', 'blind removed', 'blind removed']);
    expect(server.of('deleteContact').toSorted()).toEqual(['c-0', 'c-1', 'c-2']);
    expect(server.repeats).toEqual([]);
  }));

it('bulk steps come last, a call that is refused for an ID is bisected, and an ID that no route takes goes by it', () =>
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
    const words = await lastWords(place, 'bulk');
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
  }));

it('at the deadline a filed request is accepted, and what was not begun has failed', () =>
  atEachCourier([TOPICS, ERASURE, ARCHIVE], async ({ server, place }) => {
    server.seed(3);
    server.holdsErasures = true;
    await seedCourierSweep(place, 'late', users(3));
    await attempt(place, 'late');
    await close(place, 'late', 'deadline');
    expect(await lastWords(place, 'late')).toEqual(
      everyone(3, ['topics removed', 'erasure accepted/deadline', 'archive failed/deadline']),
    );
    expect(await place.ledger.sweeps.count('late')).toMatchObject({ total: 3, failed: 3, pending: 0, open: 0 });
    const token = (await settledReceipts(place, 'late')).find(({ step }) => step === 'courier.erasure')?.token;
    expect(token).toMatch(/^e-\d$/);
  }));

it('a hold stops what was not sent, and a dry run looks and changes nothing', () =>
  atEachCourier([TOPICS, CONTACT, ERASURE, ARCHIVE], async ({ server, place }) => {
    server.seed(3);
    const { ledger } = place;
    await seedCourierSweep(place, 'held', users(3));
    const held = (await ledger.sweeps.readUser({ sweepId: 'held', seq: 1 }))!;
    await ledger.addHold({ holdId: 'case-7', subjects: held.subjects });
    await settle(place, 'held');
    expect((await lastWords(place, 'held'))[1]).toEqual(['hold held']);
    expect(server.contacts.has('c-1')).toBe(true);
    expect(server.calls.filter(({ about }) => /^[cp]-1(\/|$)/.test(about))).toEqual([]);
    const before = server.calls.length;
    await seedCourierSweep(place, 'dry', [courierUser(1)]);
    await settle(place, 'dry', { plan: planOf({ dryRun: true }) });
    expect(server.calls.slice(before).every(({ operation }) => /^(get|list)/.test(operation))).toBe(true);
  }));

it('keeps no ID of a user in the clear, and nothing of how far users came once they are done', () =>
  atEachCourier([ERASURE, ARCHIVE], async ({ place }) => {
    await seedCourierSweep(place, 'secret', users(2));
    await settle(place, 'secret');
    const { sweeps } = place.ledger;
    const waiting = await sweeps.readProgress({ sweepId: 'secret', seqs: [0, 1] });
    expect([...waiting.keys()]).toEqual([0, 1]);
    await sweeps.reportStep({ sweepId: 'secret', step: 'courier.archive', report: { outcome: 'failed' } });
    await settle(place, 'secret');
    expect((await sweeps.readProgress({ sweepId: 'secret', seqs: [0, 1] })).size).toBe(0);
  }));
