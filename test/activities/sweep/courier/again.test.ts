import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { takeSnapshot } from 'temporal-http-tasks/internal/activities/sweep/take-snapshot';
import type { StepDefinition } from 'temporal-http-tasks';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { cleanUp } from '../../../ledger/databases';
import { until } from '../../../support/offboarding-runs';
import { COURIER_STEPS } from '../../../unit/providers/courier';
import {
  atEachCourier,
  courierUser,
  inActivity,
  finalOutcomes,
  seedCourierSweep,
  settle,
  settledReceipts,
  termsAt,
} from './courier-place';
import type { CourierPlace } from './courier-place';

afterAll(cleanUp);

const [TOPICS, CONTACT, DEVICES, ERASURE] = COURIER_STEPS as [
  StepDefinition,
  StepDefinition,
  StepDefinition,
  StepDefinition,
];

/** An irreversible call that nothing can show afterwards. */
const BLIND: StepDefinition = {
  step: 'blind',
  kind: 'once',
  act: { task: 'deleteContact', input: { contact_id: '${contactId}' } },
};

const users = (count: number) => Array.from({ length: count }, (_, index) => courierUser(index));

/** Takes up the failed and unknown users of a sweep, by the activity that reads users. */
async function redrive(place: CourierPlace, sweepId: string, redriveOf: string): Promise<void> {
  const { sweeps } = place.ledger;
  await sweeps.create({ sweepId, redriveOf, claimedBy: 'run-1', terms: termsAt(place) });
  const row = (await sweeps.read(sweepId))!;
  const input = { sweepId, scheduledTime: '2026-11-23T03:30:00.000Z', maxUsers: 10, badRows: { count: 0 } };
  await inActivity(() => takeSnapshot(place, input, row));
}

async function end(place: CourierPlace, sweepId: string): Promise<void> {
  await place.ledger.sweeps.seal({ sweepId });
  await place.ledger.sweeps.setStatus({ sweepId, status: 'partial' });
}

it('a redrive takes up who failed or is unknown, and knows what the first sweep did', () =>
  atEachCourier([TOPICS, BLIND], async ({ server, place }) => {
    server.seed(2);
    server.contacts.set('..', new Set());
    server.fault('deleteContact', 'lostAfter', 1);
    server.fault('listTopics', 503, 1);
    await seedCourierSweep(place, 'first', [...users(2), { ids: { courier: { contactId: '..' } } }]);
    await settle(place, 'first');
    const words = await finalOutcomes(place, 'first');
    expect(words.filter((own) => own.includes('blind unknown'))).toHaveLength(1);
    expect(words[2]).toEqual(['topics failed/idNotWritable', 'blind failed/idNotWritable']);
    await end(place, 'first');
    await redrive(place, 'again', 'first');
    await settle(place, 'again');
    expect(await finalOutcomes(place, 'again')).toEqual([
      ['topics alreadyGone', 'blind alreadyGone'],
      ['topics failed/idNotWritable', 'blind failed/idNotWritable'],
    ]);
    expect(server.repeats).toEqual([]);
    expect(await place.ledger.sweeps.count('again')).toMatchObject({ total: 2, alreadyGone: 1, failed: 1 });
  }));

it('skipDone leaves out who was offboarded by every step, with each ID of their lists', () =>
  atEachCourier([TOPICS, CONTACT, DEVICES, ERASURE], async ({ server, place }) => {
    server.seed(4);
    await seedCourierSweep(place, 'first', users(4));
    await settle(place, 'first');
    await end(place, 'first');
    const closedAt = new Date(Date.now() - 3_600_000).toISOString();
    const more: TargetUser = { ids: { courier: { contactId: 'c-1', deviceIds: ['d-1-2', 'd-new'] } } };
    const rows = [courierUser(0), more, { ...courierUser(3), closedAt: new Date().toISOString() }];
    const given = rows.map((user) => ({ closedAt, ...user }));
    await seedCourierSweep(place, 'second', [...given, courierUser(2)], { skipDone: true });
    // Left out: only the first. Of the others one has a new device, one was closed since, and one was not closed.
    expect(await place.ledger.sweeps.count('second')).toMatchObject({ total: 4, skipped: 1, pending: 3 });
    await settle(place, 'second');
    const words = await finalOutcomes(place, 'second');
    expect(words[1]).toEqual([
      'topics alreadyGone',
      'contact alreadyGone',
      'devices alreadyGone',
      'devices notFound',
      'erasure skipped/noId',
    ]);
    // An erasure may be asked for again: data may have come back.
    expect(server.repeats.filter((call) => !call.includes('Erasure'))).toEqual([]);
  }));

it('a step that was not done before leaves no user out', () =>
  atEachCourier([TOPICS, CONTACT], async ({ server, place }) => {
    server.seed(1);
    const row = { ids: { courier: { contactId: 'c-0' } }, closedAt: new Date(Date.now() - 3_600_000).toISOString() };
    await seedCourierSweep(place, 'first', [row]);
    await settle(place, 'first');
    await end(place, 'first');
    await seedCourierSweep(place, 'same', [row], { skipDone: true });
    const more = { ...place, plan: { ...place.plan, steps: [...place.plan.steps] } };
    const [last] = place.plan.steps.slice(-1);
    more.plan.steps.push({ ...last!, step: 'courier.archive' });
    await seedCourierSweep(more, 'more', [row], { skipDone: true });
    const { sweeps } = place.ledger;
    expect([(await sweeps.count('same')).skipped, (await sweeps.count('more')).skipped]).toEqual([1, 0]);
  }));

it('a worker that is killed in the middle is followed by another, and nothing is sent twice', () =>
  atEachCourier(COURIER_STEPS, async ({ server, place, url }) => {
    server.seed(8);
    server.delayMs = 20;
    await seedCourierSweep(place, 'killed', users(8));
    for (const calls of [15, 40]) {
      const child = startChild(server.origin, url);
      await until('it has made its calls', () => server.calls.length >= calls);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    server.delayMs = 0;
    await settle(place, 'killed');
    await place.ledger.sweeps.reportStep({
      sweepId: 'killed',
      step: 'courier.archive',
      report: { outcome: 'removed' },
    });
    await settle(place, 'killed');
    expect(server.repeats).toEqual([]);
    expect([server.contacts.size, server.devices.size, server.erasures.length]).toEqual([0, 0, 8]);
    const counts = await place.ledger.sweeps.count('killed');
    expect(counts).toMatchObject({ total: 8, pending: 0, open: 0, failed: 0, unknown: 0, notFound: 0 });
    const steps = (await settledReceipts(place, 'killed')).map(({ seq, step }) => `${seq} ${step}`);
    expect(new Set(steps).size).toBe(5 * 8);
  }));

function startChild(origin: string, url: string) {
  const register = path.join(__dirname, '../../../ledger/children/register-typescript.cjs');
  const script = path.join(__dirname, 'children/settle-sweep.ts');
  return spawn(process.execPath, ['--require', register, script, origin, url, 'killed'], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
