import type { SubjectHistory } from '../../ledger/ledger';
import type { TargetRow } from '../../ledger/sweeps/snapshot-types';
import type { OpenUser, Removal } from '../../ledger/sweeps/sweep-types';
import { identitiesOf } from '../../ledger/user-subjects';
import type { Identity } from '../../ledger/user-subjects';
import type { ConvergePlan } from '../../policy/converge';
import type { CompiledStep } from '../../policy/providers/compiled-plan';
import type { KnownBefore } from '../../policy/steps/step';
import { idAt, idsOf, ONLY_ENVIRONMENT } from '../../policy/user-ids';
import type { ProviderIds } from '../../policy/user-ids';
import type { ChunkDependencies } from './sweep-dependencies';
import type { ChunkPlan } from './contract';
import type { SweepSteps } from './sweep-steps';
import type { RecordedProgress } from '../../ledger/sweeps/target-progress';

/** What the ledger has about a user from before. */
export interface UserHistory {
  /** What receipts of any run or sweep say about each of the user's IDs, by its keyed hash. */
  bySubject: ReadonlyMap<string, SubjectHistory>;
  /** What earlier rounds of this sweep removed; absent for nothing. */
  removals?: readonly Removal[] | undefined;
  /** Progress of earlier rounds of this sweep; absent for a user whose steps start over. */
  progress?: RecordedProgress | undefined;
}

/** What all users of a sweep have in common. */
export interface SweepOfUser {
  sweepId: string;
  plan: ChunkPlan;
  steps: SweepSteps;
}

export type UserDependencies = Pick<ChunkDependencies, 'hasher' | 'services' | 'providers'>;

/** Returns what the machine needs to know about one user of a chunk before its first move. */
export function planFor(
  open: OpenUser,
  history: UserHistory,
  { sweepId, plan, steps }: SweepOfUser,
  dependencies: UserDependencies,
): ConvergePlan {
  const { reason, dryRun, onFailure, notFoundIsFine, verifyRemovals } = plan;
  const ids = idsOf(open.user);
  const accounts = servicesOfAccount(open, dependencies);
  return {
    plan: steps.plan,
    ids: withoutRepeats(ids),
    ...(accounts && { accounts }),
    reason,
    ...(open.user.reference !== undefined && { reference: open.user.reference }),
    callSeed: JSON.stringify([sweepId, open.seq]),
    dryRun,
    onFailure,
    notFoundIsFine,
    ...(verifyRemovals && { verifyRemovals }),
    known: knownBefore(open, ids, history, { steps, ...dependencies }),
  };
}

function withoutRepeats(ids: ProviderIds): ProviderIds {
  return Object.fromEntries(
    Object.entries(ids).map(([provider, given]) => [
      provider,
      Object.fromEntries(
        Object.entries(given).map(([id, value]) => [id, typeof value === 'string' ? value : [...new Set(value)]]),
      ),
    ]),
  );
}

function knownBefore(
  user: OpenUser,
  ids: ProviderIds,
  { bySubject, removals = [] }: UserHistory,
  { steps, hasher, services, providers }: UserDependencies & { steps: SweepSteps },
): KnownBefore {
  const { unsettled } = user;
  const serviceOf = (provider: string): string => providers.serviceNameAt(provider, user.user.account);
  const itemsAt = new Map<string, Set<string>>();
  const known = { steps: new Set<string>(), ids: new Set<string>(), entries: new Map<string, string[]>() };
  // What is deleted after an intent of our own existed: an earlier attempt may have removed it and died before it could
  // record that.
  const possiblyDeleted = new Set(unsettled ? steps.plan.steps.flatMap(removedBy) : []);
  for (const identity of hashedIds(user, providers)) {
    const { provider, id, subject } = identity;
    const history = steps.asked.has(provider) ? bySubject.get(subject) : undefined;
    if (history) note(history, identity, { known, itemsAt });
    if (possiblyDeleted.has(`${provider}.${id}`)) noteId(identity, known);
  }
  const hashOf = (provider: string, id: string): string =>
    hasher.item(serviceOf(provider), environmentOf(services, serviceOf(provider)), id);
  return {
    steps: [...known.steps],
    ids: [...known.ids],
    hadItems: unsettled
      ? [...steps.asked]
      : [...itemsAt].flatMap(([provider, items]) => (items.size > 0 ? provider : [])),
    entries: {
      ...Object.fromEntries(known.entries),
      ...Object.fromEntries(
        steps.lists.flatMap(({ plan: { provider, only } }) => {
          const asked = only === undefined ? undefined : idAt(ids, provider, only);
          if (only === undefined || asked === undefined) return [];
          const all = typeof asked === 'string' ? [asked] : [...new Set(asked)];
          const seen = itemsAt.get(provider);
          return [[`${provider}.${only}`, unsettled ? all : all.filter((id) => seen?.has(hashOf(provider, id)))]];
        }),
      ),
    },
    ...(removals.length > 0 && removedBefore(removals, steps, hashOf)),
  };
}

function note(
  { steps, items }: SubjectHistory,
  identity: Identity,
  into: {
    known: { steps: Set<string>; ids: Set<string>; entries: Map<string, string[]> };
    itemsAt: Map<string, Set<string>>;
  },
): void {
  const { provider } = identity;
  // An ID at one provider proves nothing about the ID at another in the same row: that one may be mistyped now.
  const own = steps.filter((step) => step.startsWith(`${provider}.`));
  for (const step of own) into.known.steps.add(step);
  if (items.length > 0) into.itemsAt.set(provider, new Set([...(into.itemsAt.get(provider) ?? []), ...items]));
  if (own.length > 0) noteId(identity, into.known);
}

function noteId({ provider, id, value }: Identity, known: { ids: Set<string>; entries: Map<string, string[]> }): void {
  const name = `${provider}.${id}`;
  known.ids.add(name);
  const entries = known.entries.get(name);
  if (entries) entries.push(value);
  else known.entries.set(name, [value]);
}

/** Returns the IDs that a step shows to be deleted, or whose subjects it removes. */
function removedBy({ kind, plan, ...step }: CompiledStep): string[] {
  const shows = kind === 'once' && (plan.provesIds || ('look' in step && step.look !== undefined));
  return shows ? plan.ids.map((id) => `${plan.provider}.${id}`) : [];
}

/** Returns what steps that start over must not do again. */
function removedBefore(
  removals: readonly Removal[],
  { lists }: SweepSteps,
  hashOf: (provider: string, id: string) => string,
): Pick<KnownBefore, 'removedBefore' | 'doneBefore'> {
  const isList = (name: string): boolean => lists.some(({ plan }) => plan.step === name);
  return {
    removedBefore: new Map(
      lists.map(({ plan: { step, provider } }) => {
        const own = removals.filter((removal) => removal.step === step);
        const hashes = new Set(own.flatMap(({ items }) => items));
        return [step, { has: (id: string) => hashes.has(hashOf(provider, id)), size: hashes.size }];
      }),
    ),
    doneBefore: removals
      .filter(({ step }) => !isList(step))
      .map(({ step, task, requestId }) => ({ step, task, outcome: 'removed' as const, requestId })),
  };
}

/** Returns the IDs of a user, each with its keyed hash. Cached, since many receipts of one user need them. */
export function hashedIds(
  row: TargetRow,
  { isThing }: Pick<ChunkDependencies['providers'], 'isThing'>,
): readonly HashedId[] {
  const known = HASHED.get(row);
  if (known) return known;
  const identities = identitiesOf(idsOf(row.user), isThing);
  if (identities.length !== row.subjects.length)
    throw new TypeError(
      `subjects must have one keyed hash for each of ${identities.length} IDs, and has ${row.subjects.length}.`,
    );
  const hashed = identities.map((identity, index) => ({ ...identity, subject: row.subjects[index] ?? '' }));
  HASHED.set(row, hashed);
  return hashed;
}

/** An ID of a user with its keyed hash. */
export type HashedId = Identity & { subject: string };

const HASHED = new WeakMap<TargetRow, readonly HashedId[]>();

/** Returns the environment under which the IDs at a service are hashed. */
export function environmentOf(services: ChunkDependencies['services'], service: string): string {
  return services.get(service)?.environment ?? ONLY_ENVIRONMENT;
}

/** Returns the service of a user's account at each provider; undefined for a user of the default accounts. */
function servicesOfAccount(
  { user }: TargetRow,
  { providers }: Pick<UserDependencies, 'providers'>,
): Record<string, string> | undefined {
  const { account } = user;
  if (account === undefined) return undefined;
  return Object.fromEntries(
    Object.keys(idsOf(user)).map((provider) => [provider, providers.serviceNameAt(provider, account)]),
  );
}

/**
 * Returns the service at which this worker would call for an ID that was hashed for another one, because the worker
 * that read the user had other accounts. Undefined if there is none.
 */
export function strangeAccount(row: TargetRow, { hasher, services, providers }: UserDependencies): string | undefined {
  const { account } = row.user;
  if (account === undefined && providers.accounts.listed.length === 0) return undefined;
  const strange = hashedIds(row, providers).find(({ provider, value, subject }) => {
    const service = providers.serviceNameAt(provider, account);
    return subject !== hasher.subject(service, environmentOf(services, service), value);
  });
  return strange && (account === undefined ? strange.provider : `${strange.provider}/${account}`);
}
