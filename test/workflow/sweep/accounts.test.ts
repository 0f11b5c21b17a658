import type { StepDefinition } from 'temporal-http-tasks';
import { CourierServer } from '../../activities/sweep/courier/courier-server';
import { courierAt } from '../../activities/sweep/courier/courier-place';
import { failureOfRun, offboard, stepLines } from '../../support/offboarding-runs';
import { freshId } from '../../support/offboarding';
import { openSweepPlace } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { COURIER_STEPS } from '../../unit/providers/courier';

const [TOPICS, CONTACT] = COURIER_STEPS as [StepDefinition, StepDefinition];

/** Done for many users in one call. */
const PROFILE: StepDefinition = {
  step: 'profile',
  kind: 'once',
  needs: ['personId'],
  act: { task: 'deleteContact', input: { contact_id: '${personId}' } },
  bulk: {
    task: 'bulkDelete',
    input: { contacts: { each: '${ids}', as: { id: '${id}' } } },
    most: 4,
    refusedFor: ['invalid_id'],
  },
};

/** The courier, and its account of acme, which is another service at another address. */
let main: CourierServer;
let acme: CourierServer;
let place: SweepPlace;

beforeAll(async () => {
  [main, acme] = [await CourierServer.start(), await CourierServer.start()];
  place = await openSweepPlace({
    env: {
      HTTP_TASKS_ACCOUNTS: 'courier/acme,batch/acme',
      COURIER_TOKEN: 'courier-token-of-tests',
      COURIER_TOKEN__ACME: 'courier-token-of-acme',
      COURIER_BASE_URL__ACME: acme.origin,
    },
  });
  const { restApiKey, appKeys } = place.simulators.batch;
  place.env.BATCH_REST_API_KEY__ACME = restApiKey;
  place.env.BATCH_API_KEYS__ACME = `web=${appKeys.ios ?? ''}`;
  await place.startWorker({ plugin: { providers: [courierAt(main.origin, [TOPICS, CONTACT, PROFILE])] } });
});
afterAll(async () => {
  await place.close();
  await main.close();
  await acme.close();
});
beforeEach(() => {
  for (const server of [main, acme]) server.calls.length = 0;
});

const contactOf = (contactId: string) => ({ ids: { courier: { contactId } } });
const hashAt = (service: string, id: string) => place.hasher.subject(service, 'sandbox', id);
const operations = (server: CourierServer) => server.calls.map(({ operation, about }) => `${operation} ${about}`);

describe('a run for a user of an account', () => {
  it('calls with the keys and at the address of the account, and its receipts and holds are of that account', async () => {
    const id = freshId('c');
    for (const server of [main, acme]) server.contacts.set(id, new Set([1]));
    await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashAt('courier', id)] });
    const user = contactOf(id);
    const result = await offboard(place, { user: { ...user, account: 'acme' } });
    expect(stepLines(result)).toEqual([
      'courier.topics removed',
      'courier.contact removed',
      'courier.profile skipped noId',
    ]);
    expect([main.contacts.has(id), acme.contacts.has(id), main.calls.length]).toEqual([true, false, 0]);
    const receipts = await place.ledger.readReceipts({ workflowId: result.workflowId });
    expect(new Set(receipts.map(({ service }) => service))).toEqual(new Set(['courier/acme']));
    expect(new Set(receipts.map(({ subject }) => subject))).toEqual(new Set([hashAt('courier/acme', id)]));
    // The user with the same ID in the default account is another person, and on hold.
    expect((await offboard(place, { user })).status).toBe('held');
    await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashAt('courier/acme', id)] });
    expect((await offboard(place, { user: { ...user, account: 'acme' } })).status).toBe('held');
    expect(main.contacts.has(id)).toBe(true);
  });

  it('uses the default account of providers that lack it, and the keys of the account for its steps', async () => {
    const [userId, contactId] = [freshId('customer'), freshId('c')];
    place.simulators.batch.seed({ users: [userId] });
    acme.contacts.set(contactId, new Set());
    const ids = { batch: { userId }, courier: { contactId }, plaid: { userId: freshId('usr') } };
    const result = await offboard(place, { user: { ids, account: 'acme' }, notFoundIsFine: true });
    expect(stepLines(result)).toEqual([
      'plaid.items notFound',
      'plaid.products notFound',
      'batch.web accepted',
      'courier.topics skipped noItems',
      'courier.contact removed',
      'courier.profile skipped noId',
    ]);
    const receipts = await place.ledger.readReceipts({ workflowId: result.workflowId });
    expect(new Set(receipts.map(({ service }) => service))).toEqual(new Set(['plaid', 'batch/acme', 'courier/acme']));
  });

  it('is refused for an unknown account before anything is called', async () => {
    const user = { ...contactOf(freshId('c')), account: 'acne' };
    const failure = await failureOfRun(offboard(place, { user }));
    expect(failure.type).toBe('Task.InvalidInput');
    expect(failure.message).toContain('user.account: unknown account acne; allowed: acme; did you mean acme?');
    expect([main.calls, acme.calls]).toEqual([[], []]);
  });
});

describe('a sweep over users of several accounts', () => {
  it.each(['chunk', 'user'] as const)('offboards each in its own account, by granularity %s', async (granularity) => {
    const ids = [freshId('c'), freshId('c')];
    const people = [freshId('p'), freshId('p')];
    for (const server of [main, acme]) for (const id of [...ids, ...people]) server.contacts.set(id, new Set([1]));
    const rows = ids.map((contactId, index) => ({ ids: { courier: { contactId, personId: people[index]! } } }));
    // The same ID in two accounts is two users; a row that comes twice is one.
    const inline = [...rows, { ...rows[0]!, account: 'acme' }, { ...rows[0]!, account: 'acme' }];
    const handle = await place.start({ source: { inline }, providers: ['courier'], granularity });
    const result = await handle.result();
    expect(result).toMatchObject({ status: 'completed', counts: { total: 3, removed: 3 }, duplicates: 1 });
    expect([...ids, ...people].filter((id) => main.contacts.has(id))).toEqual([]);
    expect([...ids, ...people].filter((id) => acme.contacts.has(id))).toEqual([ids[1], people[1]]);
    const { sweeps } = place.ledger;
    const receipts = await sweeps.readReceipts({ sweepId: handle.workflowId, afterSeq: -1, limit: 1_000 });
    const settled = receipts.filter(({ phase }) => phase === 'settled');
    const ofAcme = settled.filter(({ seq }) => seq === 2);
    expect(new Set(ofAcme.map(({ service }) => service))).toEqual(new Set(['courier/acme']));
    expect(new Set(ofAcme.map(({ subject }) => subject))).toEqual(
      new Set([
        hashAt('courier/acme', ids[0]!),
        ...(granularity === 'chunk' ? [hashAt('courier/acme', people[0]!)] : []),
      ]),
    );
    expect(new Set(settled.filter(({ seq }) => seq < 2).map(({ service }) => service))).toEqual(new Set(['courier']));
    if (granularity === 'user') return;
    // One bulk call cannot have users of several accounts.
    const bulk = [main, acme].map((server) => operations(server).filter((call) => call.startsWith('bulkDelete')));
    expect(bulk.map((calls) => calls.length)).toEqual([1, 1]);
    expect(bulk[1]).toEqual([`bulkDelete ${people[0]}`]);
    const { merkleRoot } = result;
    expect(await sweeps.verify({ sweepId: handle.workflowId, expectedRoot: merkleRoot ?? '' })).toMatchObject({
      ok: true,
    });
  });

  it('takes the account of the source for rows that name none, and rejects rows of unknown accounts', async () => {
    const [one, other] = [freshId('c'), freshId('c')];
    for (const server of [main, acme]) for (const id of [one, other]) server.contacts.set(id, new Set());
    const inline = [contactOf(one), { ...contactOf(other), account: 'beta' }];
    const handle = await place.start({ source: { inline, account: 'acme' }, providers: ['courier'], badRows: 1 });
    const result = await handle.result();
    expect(result).toMatchObject({ status: 'partial', counts: { total: 1, removed: 1 }, rejected: 1 });
    expect([main.contacts.has(one), acme.contacts.has(one), acme.contacts.has(other)]).toEqual([true, false, true]);
    const row = await place.ledger.sweeps.read(handle.workflowId);
    expect(row?.environments).toEqual({ 'courier/acme': 'sandbox' });
    expect(row?.report?.rejectedRows).toEqual([{ line: 2, problem: 'account: unknown account beta; allowed: acme' }]);
    const stranger = place.start({ source: { inline, account: 'beta' } }).then((other) => other.result());
    expect((await failureOfRun(stranger)).message).toContain('source.account: unknown account beta; allowed: acme');
  });
});
