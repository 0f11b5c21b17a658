import type { FaultRuleInput } from '../../src/testing';
import type { OffboardResult } from '../../src/workflow';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, offboard, seedBystanders, seedUser, stepLines, touchedBystanders } from '../support/offboarding-runs';
import type { GivenInput, SeededUser } from '../support/offboarding-runs';

// Every call of the flow meets every fault once, each for a user of its own, all at the same time. The simulator
// carries a repeated removal out instead of refusing it, so that a blind repeat would be seen.

type Call =
  | 'userItemsGet'
  | 'userItemsRemove'
  | 'userProductsTerminate'
  | 'userRemove'
  | 'customDataDelete'
  | 'gdprRequestCreate'
  | 'gdprRequestGet';

type Fault = DistributiveOmit<FaultRuleInput, 'endpoint' | 'user' | 'times'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What the provider had done, and whether the fault is one that waiting or looking gets over. */
interface FaultRow {
  fault: Fault;
  /** The provider did what was asked and the client did not learn of it. */
  carriedOut: boolean;
  /** The provider's refusal is final. */
  final?: true;
}

const FAULTS: readonly FaultRow[] = [
  { fault: { kind: 'dropBefore' }, carriedOut: false },
  { fault: { kind: 'dropAfter' }, carriedOut: true },
  { fault: { kind: 'resetMidBody' }, carriedOut: true },
  { fault: { kind: 'resetMidBody', processed: false }, carriedOut: false },
  { fault: { kind: 'stall' }, carriedOut: true },
  { fault: { kind: 'stall', processed: false }, carriedOut: false },
  { fault: { kind: 'serverError' }, carriedOut: false },
  { fault: { kind: 'serverError', processed: true }, carriedOut: true },
  { fault: { kind: 'badGateway' }, carriedOut: false },
  { fault: { kind: 'badGateway', processed: true }, carriedOut: true },
  { fault: { kind: 'maintenance' }, carriedOut: false },
  { fault: { kind: 'maintenance', retryAfter: { form: 'seconds', seconds: 1 } }, carriedOut: false },
  { fault: { kind: 'rateLimit' }, carriedOut: false },
  { fault: { kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 0 } }, carriedOut: false },
  { fault: { kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 2 } }, carriedOut: false },
  { fault: { kind: 'rateLimit', retryAfter: { form: 'httpDate', seconds: 2 } }, carriedOut: false },
  { fault: { kind: 'rateLimit', retryAfter: { form: 'pastDate' } }, carriedOut: false },
  { fault: { kind: 'rateLimit', retryAfter: { form: 'malformed' } }, carriedOut: false },
  { fault: { kind: 'rateLimit', retryAfter: { form: 'raw', value: '-1' } }, carriedOut: false },
  { fault: { kind: 'wrongContentType' }, carriedOut: true },
  { fault: { kind: 'malformedJson' }, carriedOut: true },
  { fault: { kind: 'truncatedJson' }, carriedOut: true },
  { fault: { kind: 'wrongShape' }, carriedOut: true },
  { fault: { kind: 'wrongShape', processed: false }, carriedOut: false },
  { fault: { kind: 'hugeBody' }, carriedOut: true },
  { fault: { kind: 'redirect' }, carriedOut: false },
  { fault: { kind: 'redirect', processed: true }, carriedOut: true },
  { fault: { kind: 'unauthorized' }, carriedOut: false, final: true },
  { fault: { kind: 'unknownErrorCode' }, carriedOut: false, final: true },
  { fault: { kind: 'unknownErrorCode', status: 418 }, carriedOut: false, final: true },
];

/** What the step of each call ends with: after a fault that passes, and after a final refusal. */
const ENDS: Record<Call, { good: string; final: string; input?: Partial<GivenInput> }> = {
  userItemsGet: { good: 'plaid.items removed', final: 'plaid.items failed' },
  userItemsRemove: { good: 'plaid.items removed', final: 'plaid.items failed' },
  userProductsTerminate: { good: 'plaid.products removed', final: 'plaid.products failed' },
  userRemove: { good: 'plaid.user removed', final: 'plaid.user failed', input: { plaid: { removeUser: true } } },
  customDataDelete: { good: 'batch.ios accepted', final: 'batch.ios failed' },
  gdprRequestCreate: { good: 'batch.ios removed', final: 'batch.ios failed', input: { batch: { mode: 'gdpr' } } },
  // Batch has the request; only what became of it cannot be told.
  gdprRequestGet: { good: 'batch.ios removed', final: 'batch.ios unknown cannotFollow', input: { batch: { mode: 'gdpr' } } },
};

interface Case extends FaultRow {
  name: string;
  call: Call;
}

const CASES: readonly Case[] = (Object.keys(ENDS) as Call[]).flatMap((call) =>
  FAULTS.map((row) => ({ ...row, call, name: `${call} meets ${Object.values(row.fault).map((value) => JSON.stringify(value)).join(' ')}` })),
);

interface Ended {
  seeded: SeededUser;
  result: OffboardResult;
}

let place: Place;
const ended = new Map<string, Promise<Ended>>();

beforeAll(async () => {
  place = await openPlace({ plaid: { repeatedRemovals: 'process' } });
  seedBystanders(place);
  await place.startWorker();
  for (const given of CASES) ended.set(given.name, run(given));
}, 60_000);

afterAll(() => place.close());

async function run({ call, fault, name }: Case): Promise<Ended> {
  const seeded = seedUser(place, [`item-of-${name}`, `second-item-of-${name}`]);
  const atPlaid = call.startsWith('user');
  const { faults } = atPlaid ? place.simulators.plaid : place.simulators.batch;
  faults.add({ ...fault, endpoint: call, user: atPlaid ? seeded.plaidUserId : seeded.batchUserId, times: 1 });
  return { seeded, result: await offboard(place, { user: seeded.user, ...ENDS[call].input }) };
}

it.each(CASES.map((given) => [given.name, given] as const))('%s', async (name, given) => {
  const { seeded, result } = await ended.get(name)!;
  expect(stepLines(result)).toContain(given.final ? ENDS[given.call].final : ENDS[given.call].good);
  expect(result.status).toBe(given.final ? 'partial' : 'completed');
  expect(result.compensations).toHaveLength(given.final ? result.steps.length : 0);

  const fired = (given.call.startsWith('user') ? place.simulators.plaid : place.simulators.batch)
    .calls()
    .calls.filter(({ user, fault }) => fault !== undefined && [seeded.plaidUserId, seeded.batchUserId].includes(user ?? ''));
  expect(fired).toHaveLength(1);

  if (given.call === 'userItemsRemove' || given.call === 'userRemove') {
    // Sent again only where looking showed that nothing had been done, or where the provider had said so.
    const sent = callsFor(place, seeded.plaidUserId).filter((endpoint) => endpoint === given.call);
    expect(sent).toHaveLength(given.carriedOut || given.final ? 1 : 2);
  }

  const plaid = place.simulators.plaid.state();
  const { apps, gdprRequests } = place.simulators.batch.state();
  const itemsLeft = plaid.items.left.filter(({ user }) => user === seeded.plaidUserId).length;
  const left = given.final ? given.call : undefined;
  expect(itemsLeft).toBe(left === 'userItemsGet' || left === 'userItemsRemove' ? 2 : 0);
  expect(plaid.terminated.some(({ user }) => user === seeded.plaidUserId)).toBe(left !== 'userProductsTerminate');
  expect(plaid.removedUsers.includes(seeded.plaidUserId)).toBe(given.call === 'userRemove' && left === undefined);
  expect(apps.android?.gone).toContain(seeded.batchUserId);
  expect(apps.ios?.gone.includes(seeded.batchUserId)).toBe(left !== 'customDataDelete' && left !== 'gdprRequestCreate');
  const gdpr = gdprRequests.filter(({ id, app }) => id.value === seeded.batchUserId && app === 'ios');
  expect(gdpr.length > 0).toBe(given.call.startsWith('gdpr') && left !== 'gdprRequestCreate');
}, 240_000);

it('no irreversible call was carried out twice and nobody else was touched', async () => {
  await Promise.all(ended.values());
  expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
  expect(touchedBystanders(place)).toEqual([]);
}, 240_000);
