import type { FaultRuleInput } from '@temporal-http-tasks/testing/internal/simulators/control-api';
import { seededRandom } from '@temporal-http-tasks/testing/internal/simulators/seeded-random';
import type { DemoUser } from './demo-users';

/** Rules for both simulators. Each names a user and a call, so that a run with the same seed meets the same faults. */
export interface FaultPlan {
  plaid: FaultRuleInput[];
  batch: FaultRuleInput[];
}

type Endpoint = FaultRuleInput['endpoint'];
/** A fault without its user and call. */
type Fault = FaultRuleInput extends infer Rule
  ? Rule extends FaultRuleInput
    ? Omit<Rule, 'endpoint' | 'user' | 'nth'>
    : never
  : never;

const wait = (form: 'seconds' | 'httpDate'): { form: 'seconds' | 'httpDate'; seconds: number } => ({
  form,
  seconds: 2,
});

const LOOKING: readonly Fault[] = [
  { kind: 'stall' },
  { kind: 'truncatedJson' },
  { kind: 'rateLimit', retryAfter: wait('seconds') },
  { kind: 'serverError' },
  { kind: 'wrongContentType' },
  { kind: 'maintenance', retryAfter: wait('httpDate') },
  { kind: 'dropBefore' },
  { kind: 'resetMidBody' },
];

/** Mostly lost responses: a client that sends again without reading removes twice. */
const REMOVING_ITEMS: readonly Fault[] = [
  { kind: 'dropAfter' },
  { kind: 'serverError', processed: true },
  { kind: 'stall' },
  { kind: 'resetMidBody' },
  { kind: 'dropBefore' },
  { kind: 'truncatedJson' },
  { kind: 'rateLimit', retryAfter: { form: 'malformed' } },
  { kind: 'wrongContentType' },
  { kind: 'dropAfter' },
  { kind: 'serverError' },
  { kind: 'maintenance', retryAfter: { form: 'absent' } },
  { kind: 'dropAfter' },
];

const TERMINATING: readonly Fault[] = [
  { kind: 'dropAfter' },
  { kind: 'serverError', processed: true },
  { kind: 'rateLimit', retryAfter: { form: 'pastDate' } },
  { kind: 'stall' },
  { kind: 'maintenance', retryAfter: wait('seconds') },
  { kind: 'truncatedJson' },
  { kind: 'resetMidBody' },
];

const REMOVING_USER: readonly Fault[] = [
  { kind: 'dropAfter' },
  { kind: 'rateLimit', retryAfter: wait('httpDate') },
  { kind: 'serverError', processed: true },
];

const DELETING: readonly Fault[] = [
  { kind: 'dropAfter' },
  { kind: 'rateLimit', retryAfter: wait('httpDate') },
  { kind: 'stall' },
  { kind: 'serverError', processed: true },
  { kind: 'resetMidBody' },
  { kind: 'maintenance', retryAfter: wait('seconds') },
  { kind: 'dropBefore' },
  { kind: 'truncatedJson' },
  { kind: 'wrongContentType' },
  { kind: 'rateLimit', retryAfter: { form: 'absent' } },
  { kind: 'dropAfter' },
];

const BULK: readonly Fault[] = [{ kind: 'dropAfter' }];

/** Distributes the faults over the users whose runs make the call; one user meets at most one per endpoint. */
export function planFaults(demoUsers: readonly DemoUser[], seed: number): FaultPlan {
  const random = seededRandom(seed);
  const active = demoUsers.filter(({ onHold }) => !onHold);
  const plaidIds = (wanted: (member: DemoUser) => boolean): string[] =>
    active.flatMap((member) => (member.plaid && wanted(member) ? member.plaid.userId : []));
  const batchIds = (wanted: (id: string) => boolean): string[] =>
    active.flatMap(({ batchUserId: id }) => (id !== undefined && wanted(id) ? id : []));
  const inRoute = (id: string): boolean => id !== '.' && id !== '..';
  const deal = (endpoint: Endpoint, faults: readonly Fault[], users: readonly string[]): FaultRuleInput[] =>
    shuffled(users, random)
      .slice(0, faults.length)
      .map((user, index) => ({ ...(faults[index] as Fault), endpoint, user, nth: 1 }));
  return {
    plaid: [
      ...deal(
        'userItemsGet',
        LOOKING,
        plaidIds(() => true),
      ),
      ...deal(
        'userItemsRemove',
        REMOVING_ITEMS,
        plaidIds(({ expected }) => expected.itemsGone.length > 0),
      ),
      ...deal(
        'userProductsTerminate',
        TERMINATING,
        plaidIds(({ expected }) => expected.productsTerminated),
      ),
      ...deal(
        'userRemove',
        REMOVING_USER,
        plaidIds(({ expected }) => expected.plaidUserRemoved),
      ),
    ],
    batch: [
      ...deal('customDataDelete', DELETING, batchIds(inRoute)),
      ...deal(
        'customDataBulkDelete',
        BULK,
        batchIds((id) => !inRoute(id)),
      ),
    ],
  };
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
