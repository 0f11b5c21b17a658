import { join } from 'node:path';
import type { FaultRuleInput } from '@temporal-http-tasks/testing/internal/simulators/control-api';
import type {
  ProviderSeedInput,
  ProviderState,
} from '@temporal-http-tasks/testing/internal/simulators/described/control';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import { BYSTANDER } from './demo-users';
import type { DemoUser, Problem, RunOfUser } from './demo-users';

/** The provider file of the third provider, a made-up one. */
export const COURIER_FILE = join(__dirname, '..', '..', 'examples', 'courier.provider.yaml');

const PROVIDER = 'courier';
const BYSTANDERS = 1_000;

/** Adds every user to the third provider, with devices. */
export function withCourier(demoUsers: readonly DemoUser[]): DemoUser[] {
  return demoUsers.map((member, index) => {
    const contactId = `contact-${index + 1}`;
    const ids = { ...member.input.user.ids, [PROVIDER]: { contactId } };
    return { ...member, contactId, input: { ...member.input, user: { ...member.input.user, ids } } };
  });
}

/** Returns the users whom the third provider knows: those of the demo, and others. */
export function courierSeeds(demoUsers: readonly DemoUser[]): ProviderSeedInput {
  const users = demoUsers.flatMap(({ contactId }) => (contactId === undefined ? [] : [{ ids: { contactId } }]));
  return { users, generate: { count: BYSTANDERS, prefix: BYSTANDER, itemsPerUser: 2 } };
}

/** Loses or spoils a response to each call of the third provider, each for another user. */
export function courierFaults(demoUsers: readonly DemoUser[]): FaultRuleInput[] {
  const users = demoUsers.filter(({ onHold }) => !onHold).flatMap(({ contactId }) => contactId ?? []);
  const faults: FaultRuleInput[] = [
    { kind: 'truncatedJson', endpoint: 'listDevices' },
    { kind: 'dropAfter', endpoint: 'removeDevices' },
    { kind: 'resetMidBody', endpoint: 'removeDevices' },
    { kind: 'dropAfter', endpoint: 'fileErasure' },
    { kind: 'rateLimit', endpoint: 'getErasure' },
    { kind: 'dropAfter', endpoint: 'deleteContact' },
    { kind: 'dropBefore', endpoint: 'deleteContact' },
    { kind: 'serverError', processed: true, endpoint: 'deleteContact' },
  ];
  return faults.slice(0, users.length).map((fault, index) => ({ ...fault, user: users[index] ?? '', nth: 1 }));
}

/** Returns whether a user had to be deleted at the third provider. */
export function leavesCourier({ contactId, onHold }: DemoUser, state: ProviderState | undefined): boolean {
  return state !== undefined && contactId !== undefined && !onHold;
}

/** Returns the steps that had to remove something of a user at the third provider and did not. */
export function leftAtCourier(member: DemoUser, state: ProviderState | undefined): string[] {
  if (!state || !leavesCourier(member, state)) return [];
  return state.steps.filter(({ user, gone }) => user === member.contactId && !gone).map(({ step }) => step);
}

/** Judges the third provider like the others: what is left, what was deleted by mistake, and what the runs report. */
export function courierProblems(runs: readonly RunOfUser[], state: ProviderState | undefined): Problem[] {
  if (!state) return [];
  const labels = new Map(runs.map(({ member }) => [member.contactId, member.label]));
  const strangers = state.touched.filter((user) => !labels.has(user));
  return [
    ...runs.flatMap(({ member }) =>
      leftAtCourier(member, state).map((step): Problem => {
        return { kind: 'left', who: member.label, problem: `Courier still has ${step}` };
      }),
    ),
    ...runs.flatMap((run) => problemsOf(run, state)),
    ...strangers.map((who): Problem => ({
      kind: 'bystander',
      who,
      problem: `Courier was asked to remove something of this bystander`,
    })),
    ...state.repeats.irreversible.map(({ endpoint, user, times }): Problem => {
      const problem = `${endpoint} was carried out ${times + 1} times`;
      return { kind: 'repeated', who: labels.get(user) ?? user, problem };
    }),
  ];
}

function problemsOf({ member, result }: RunOfUser, state: ProviderState): Problem[] {
  const { contactId, label, onHold } = member;
  if (contactId === undefined) return [];
  return state.steps
    .filter(({ user }) => user === contactId)
    .flatMap(({ step, gone, items }): Problem[] => {
      const reported = (result?.steps ?? []).filter((one) => one.step === step);
      const isTouched = gone || (items?.removed.length ?? 0) > 0;
      const claims = reported.filter(({ outcome }) => outcome !== 'unknown');
      const isFalse = claims.some(({ outcome }) => isGood(outcome) !== gone);
      return [
        ...(onHold && isTouched
          ? [{ kind: 'tooMuch' as const, who: label, problem: `${step} was not to be done` }]
          : []),
        ...(isFalse ? [{ kind: 'report' as const, who: label, problem: `the run's report on ${step} is wrong` }] : []),
      ];
    });
}
