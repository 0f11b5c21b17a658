import type { SubjectHasher } from '../ledger/subject';
import { identitiesOf, subjectsOf } from '../ledger/user-subjects';
import { idsOf } from '../policy/user-ids';
import type { UserPlaces } from '../policy/user-ids';
import type { OffboardUserInput } from '../policy/offboard-input';
import type { OffboardUsersInput } from '../policy/sweep-input';

/**
 * Returns the workflow ID with which every caller outside Temporal starts the run for a user: a keyed hash, never a
 * user ID. Dry runs have their own IDs, so that a real run never joins a dry run.
 *
 * @param places The environment of each service, and the service of an account at a provider: the same ID in another
 *   environment or account is another user.
 */
export function offboardWorkflowId(
  { user, dryRun }: Pick<OffboardUserInput, 'user' | 'dryRun'>,
  { environmentOf, serviceNameAt }: UserPlaces,
  hasher: SubjectHasher,
): string {
  const serviceOf = (provider: string): string => serviceNameAt(provider, user.account);
  const [subject = ''] = subjectsOf(
    identitiesOf(idsOf(user)).slice(0, 1),
    (provider) => environmentOf(serviceOf(provider)),
    hasher,
    serviceOf,
  );
  return `offboard-${dryRun ? 'dry-' : ''}${subject}`;
}

/**
 * Returns the workflow ID with which a Nexus caller starts a sweep: the snapshot's if its users are already in the
 * ledger, as on the command line; otherwise a keyed hash of the whole input, which may contain user IDs. So callers
 * with the same request at the same time get the same sweep.
 */
export function sweepWorkflowId(input: OffboardUsersInput, hasher: SubjectHasher): string {
  if (input.snapshot !== undefined) return input.snapshot;
  return `sweep-${input.dryRun ? 'dry-' : ''}${hasher.subject('offboardUsers', 'input', canonicalJson(input))}`;
}

/** Serializes JSON with sorted keys. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isRecord(part) ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1))) : part,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
