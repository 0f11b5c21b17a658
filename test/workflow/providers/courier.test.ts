import { readProvider } from '@temporal-http-tasks/openapi';
import type { Provider } from 'temporal-http-tasks';
import { completeStepUpdate } from 'temporal-http-tasks/workflow';
import type { OffboardResult } from 'temporal-http-tasks/workflow';
import { freshId, openPlace } from '../../support/offboarding';
import type { Place, RunningWorker } from '../../support/offboarding';
import { offboard, failureOfRun, startOffboarding, stepLines, until } from '../../support/offboarding-runs';
import { COURIER_FILE, CourierHouse, writeCourierFile } from './courier-house';

const house = new CourierHouse();
let place: Place;
let courier: Provider;
let worker: RunningWorker;

beforeAll(async () => {
  const baseUrl = await house.start();
  courier = await readProvider(writeCourierFile());
  place = await openPlace({ env: { COURIER_TOKEN: 'courier-key', COURIER_BASE_URL: baseUrl } });
  worker = await place.startWorker({ plugin: { providers: [courier] } });
});
afterAll(async () => {
  await place.close();
  await house.close();
});
afterEach(() => {
  house.calls.length = 0;
  house.faults.clear();
  house.onCall = async () => undefined;
});

/** A contact that exists with these topics. */
function contact(topics: number[] = []): string {
  const id = freshId('c');
  house.contacts.set(id, topics);
  return id;
}

const hashOf = (id: string): string => place.hasher.subject('courier', 'test', id);

async function historyOf(workflowId: string): Promise<string> {
  const { events } = await place.client.workflow.getHandle(workflowId).fetchHistory();
  return JSON.stringify(events, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
  );
}

describe('a provider from a file', () => {
  it('offboards a user by a step of each kind, in their order, with receipts under each ID', async () => {
    const [contactId, personId] = [contact([1, 2, 3]), freshId('p')];
    const deviceIds = [freshId('d'), freshId('d')];
    house.devices.add(deviceIds[0]!);
    const result = await offboard(place, { user: { ids: { courier: { contactId, personId, deviceIds } } } });
    expect(stepLines(result)).toEqual([
      'courier.topics removed',
      'courier.contact removed',
      'courier.devices removed',
      'courier.devices notFound',
      'courier.erasure removed',
    ]);
    expect(result.status).toBe('partial');
    expect(result.compensations.find(({ step }) => step === 'courier.contact')?.remedy).toContain(
      'Import the contact again.',
    );
    expect(house.writes.filter((call) => call.startsWith('DELETE'))).toEqual([
      ...[1, 2, 3].map((topic) => `DELETE /contacts/${contactId}/topics/${topic}`),
      `DELETE /contacts/${contactId}`,
      ...deviceIds.map((device) => `DELETE /devices/${device}`),
    ]);
    expect(house.erasures.filter(({ person }) => person === personId)).toMatchObject([{ confirmed: true }]);
    const receipts = await place.ledger.readReceipts({ subjects: [hashOf(deviceIds[1]!)] });
    expect(receipts.some(({ step, phase }) => step === 'courier.contact' && phase === 'settled')).toBe(true);
    expect(receipts.find(({ phase }) => phase === 'settled')?.subject).toBe(hashOf(contactId));
  });

  it('says that a user was gone before only if this ledger knows the ID', async () => {
    const contactId = contact();
    const user = { ids: { courier: { contactId } } };
    expect(stepLines(await offboard(place, { user }))).toEqual([
      'courier.topics skipped noItems',
      'courier.contact removed',
      'courier.devices skipped noId',
      'courier.erasure skipped noId',
    ]);
    const again = await offboard(place, { user, exclude: ['courier.devices', 'courier.erasure'] });
    expect(stepLines(again).slice(0, 2)).toEqual(['courier.topics alreadyGone', 'courier.contact alreadyGone']);
    const never = await offboard(place, { user: { ids: { courier: { contactId: freshId('c') } } } });
    expect(stepLines(never).slice(0, 2)).toEqual(['courier.topics notFound', 'courier.contact notFound']);
  });

  it('settles lost calls by looking, and never sends again what was done', async () => {
    const faults = ['lostBefore', 'lostAfter', 'serverError', 'cutOff', 'unavailable'] as const;
    const personId = freshId('p');
    const runs = faults.map(async (fault) => {
      const contactId = contact([7]);
      house.faults.set(`DELETE /contacts/${contactId}/topics/7`, [fault]);
      house.faults.set(`DELETE /contacts/${contactId}`, [fault]);
      const isFiled = fault === 'lostAfter';
      if (isFiled) house.faults.set('POST /erasures', [fault]);
      const result = await offboard(place, { user: { ids: { courier: { contactId, ...(isFiled && { personId }) } } } });
      const sent = house.writes.filter((call) => call === `DELETE /contacts/${contactId}`).length;
      return [fault, sent, ...stepLines(result).slice(0, 2), stepLines(result)[3]];
    });
    const ends = ['courier.topics removed', 'courier.contact removed'];
    expect(await Promise.all(runs)).toEqual([
      ['lostBefore', 2, ...ends, 'courier.erasure skipped noId'],
      ['lostAfter', 1, ...ends, 'courier.erasure removed'],
      ['serverError', 1, ...ends, 'courier.erasure skipped noId'],
      ['cutOff', 1, ...ends, 'courier.erasure skipped noId'],
      ['unavailable', 2, ...ends, 'courier.erasure skipped noId'],
    ]);
    expect(house.erasures.filter(({ person }) => person === personId)).toHaveLength(1);
  });

  it('keeps what comes after a step that did not end well', async () => {
    const contactId = contact([9]);
    house.onCall = async ({ method, path }) => {
      // The topic is back each time it was left.
      if (method === 'GET' && path.endsWith('/topics')) house.contacts.set(contactId, [9]);
    };
    const lines = stepLines(await offboard(place, { user: { ids: { courier: { contactId } } }, deadline: '8 s' }));
    expect(lines[1]).toMatch(/^courier.contact (skipped topicsNotLeft|failed deadline)$/);
    expect(house.writes).not.toContain(`DELETE /contacts/${contactId}`);
  });

  it('sends nothing for a dry run or a held user, and stops for a hold in the middle', async () => {
    const contactId = contact([1]);
    const deviceIds = [freshId('d')];
    const user = { ids: { courier: { contactId, deviceIds } } };
    await offboard(place, { user, dryRun: true });
    expect(house.writes).toEqual([]);
    await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashOf(deviceIds[0]!)] });
    const held = await offboard(place, { user, providers: ['courier'] });
    expect(held.status).toBe('held');
    expect(house.writes).toEqual([]);
    const other = contact([1]);
    house.onCall = async ({ method }) => {
      if (method === 'DELETE') await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashOf(other)] });
    };
    const midway = await offboard(place, { user: { ids: { courier: { contactId: other } } } });
    expect(midway.status).toBe('held');
    expect(house.contacts.has(other)).toBe(true);
  });

  it('waits for a person, who is shown what to do, and takes one report', async () => {
    const contactId = contact();
    const handle = await startOffboarding(place, {
      user: { ids: { courier: { contactId } } },
      include: ['courier.archive'],
    });
    const progress = async () => handle.query<OffboardResult & { waiting?: { step: string }[] }, []>('progress');
    await until('the run waits', async () => (await progress()).waiting?.[0]?.step === 'courier.archive');
    const report = { step: 'courier.archive', by: 'Archive', evidence: 'ticket 7', outcome: 'removed' } as const;
    await expect(
      handle.executeUpdate(completeStepUpdate, { args: [{ ...report, step: 'courier.contact' }] }),
    ).rejects.toThrow();
    await handle.executeUpdate(completeStepUpdate, { args: [report] });
    const result = await handle.result();
    expect(result.steps.at(-1)).toMatchObject({ step: 'courier.archive', outcome: 'removed', token: 'ticket 7' });
    const settled = await place.ledger.readReceipts({ workflowId: handle.workflowId });
    expect(settled.find(({ step }) => step === 'courier.archive')).toMatchObject({
      outcome: 'removed',
      token: 'ticket 7',
    });
  });

  describe('does not ask a person for what a hold forbids', () => {
    const holdOn = (id: string) => place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashOf(id)] });
    const waits = async (handle: Awaited<ReturnType<typeof startOffboarding>>): Promise<boolean> => {
      const { waiting = [] } = await handle.query<OffboardResult & { waiting?: { step: string }[] }, []>('progress');
      return waiting[0]?.step === 'courier.archive';
    };
    const archiveOf = ({ status, steps }: OffboardResult) => [status, steps.at(-1)];
    const held = ['held', { step: 'courier.archive', task: 'manual', outcome: 'held' }];
    const report = { step: 'courier.archive', by: 'Archive', outcome: 'removed' } as const;

    it('that was set before the step', async () => {
      const contactId = contact();
      house.onCall = async ({ method }) => {
        if (method === 'DELETE') await holdOn(contactId);
      };
      const result = await offboard(place, { user: { ids: { courier: { contactId } } }, include: ['courier.archive'] });
      expect(stepLines(result)).toContain('courier.contact removed');
      expect(archiveOf(result)).toEqual(held);
    });

    it('that was set while the run waited: the report is refused, and the run ends as held', async () => {
      const contactId = contact();
      const user = { ids: { courier: { contactId } } };
      const handle = await startOffboarding(place, { user, include: ['courier.archive'] });
      await until('the run waits', () => waits(handle));
      await holdOn(contactId);
      const refused = await handle
        .executeUpdate(completeStepUpdate, { args: [report] })
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ cause: { type: 'Task.Held', message: expect.stringContaining('not accepted') } });
      expect(archiveOf(await handle.result())).toEqual(held);
    });

    it('and what the deadline leaves open is held', async () => {
      const contactId = contact();
      const user = { ids: { courier: { contactId } } };
      const choice = { include: ['courier.archive'], deadline: '12 s' };
      const handle = await startOffboarding(place, { user, ...choice });
      await until('the run waits', () => waits(handle));
      await holdOn(contactId);
      expect(archiveOf(await handle.result())).toEqual(held);
      const other = await startOffboarding(place, { user: { ids: { courier: { contactId: contact() } } }, ...choice });
      expect((await other.result()).steps.at(-1)).toMatchObject({ outcome: 'failed', reason: 'deadline' });
    });

    it('of two reports one is accepted', async () => {
      const contactId = contact();
      const user = { ids: { courier: { contactId } } };
      const handle = await startOffboarding(place, { user, include: ['courier.archive'] });
      await until('the run waits', () => waits(handle));
      const both = [report, { ...report, outcome: 'skipped' as const }].map((one) =>
        handle.executeUpdate(completeStepUpdate, { args: [one] }).catch(() => undefined),
      );
      const accepted = (await Promise.all(both)).filter((one) => one !== undefined);
      expect(accepted).toHaveLength(1);
      expect((await handle.result()).steps.at(-1)?.outcome).toBe(accepted[0]?.outcome);
    });
  });

  it('is left out unless it is chosen, and its IDs still count for holds', async () => {
    const contactId = contact();
    const batchUserId = freshId('b');
    place.simulators.batch.seed({ users: [batchUserId] });
    const user = { batchUserId, ids: { courier: { contactId } } };
    const one = await offboard(place, { user, providers: ['batch'] });
    expect(stepLines(one).some((line) => line.startsWith('courier'))).toBe(false);
    expect(house.calls).toEqual([]);
    await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashOf(contactId)] });
    expect((await offboard(place, { user, providers: ['batch'] })).status).toBe('held');
  });

  it.each<[string, object, RegExp]>([
    [
      'an unknown provider',
      { user: { ids: { couriar: { contactId: 'c' } } } },
      /user.ids.couriar: .*did you mean courier\?/,
    ],
    [
      'an unknown ID',
      { user: { ids: { courier: { contact: 'c' } } } },
      /user.ids.courier.contact: .*did you mean contactId\?/,
    ],
    [
      'an unknown step',
      { user: { ids: { courier: { contactId: 'c' } } }, exclude: ['courier.contakt'] },
      /exclude.0: unknown step/,
    ],
    ['a choice without an ID', { user: { ids: { courier: { contactId: 'c' } } }, providers: ['batch'] }, /providers: /],
    [
      'a secret in a plain history',
      { user: { ids: { courier: { passToken: 'secret-pass' } } } },
      /user.ids.courier.passToken: contains/,
    ],
  ])('refuses %s before anything is called', async (_what, input, message) => {
    const failure = await failureOfRun(offboard(place, input as never));
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain('secret-pass');
    expect(house.calls).toEqual([]);
  });

  it('lets a run end with the plan it began with while the file changes', async () => {
    const contactId = contact();
    const user = { ids: { courier: { contactId } } };
    const handle = await startOffboarding(place, { user, include: ['courier.archive'] });
    const progress = async () => handle.query<OffboardResult & { waiting?: { step: string }[] }, []>('progress');
    await until('the run waits', async () => (await progress()).waiting?.[0]?.step === 'courier.archive');
    await worker.stop();
    const [topics = '', rest = ''] = COURIER_FILE.split('  - step: contact\n');
    const changed = await readProvider(
      writeCourierFile(`${topics}  - step: renamed\n${rest.replace('- { step: archive', '- { step: shredded')}`),
    );
    worker = await place.startWorker({ plugin: { providers: [changed] } });
    await handle.executeUpdate(completeStepUpdate, {
      args: [{ step: 'courier.archive', by: 'Archive', outcome: 'skipped' }],
    });
    const result = await handle.result();
    expect(stepLines(result)).toContain('courier.contact removed');
    expect(stepLines(result)).toContain('courier.archive skipped byPerson');
    const next = await offboard(place, { user: { ids: { courier: { contactId: contact() } } } });
    expect(stepLines(next)).toContain('courier.renamed removed');
    expect(await historyOf(handle.workflowId)).not.toContain('courier-key');
  });
});
