import type { SubjectHasher } from '../ledger/subject';
import { userSubjects } from '../ledger/user-subjects';
import type { OffboardUserInput } from '../policy/offboard-input';
import type { OffboardUsersInput } from '../policy/sweep-input';

/**
 * The id under which every caller outside Temporal starts the run for a user: a keyed hash and never an id. A dry run has
 * one of its own, so that a real one never joins it.
 *
 * @param plaidEnvironment For example `sandbox`: the same id in another environment is another user.
 */
export function offboardWorkflowId(
  { user, dryRun }: Pick<OffboardUserInput, 'user' | 'dryRun'>,
  plaidEnvironment: string,
  hasher: SubjectHasher,
): string {
  const [subject = ''] = userSubjects(user, plaidEnvironment, hasher);
  return `offboard-${dryRun ? 'dry-' : ''}${subject}`;
}

/**
 * The id under which a caller over Nexus starts a sweep: that of the snapshot, when its users are in the ledger already,
 * as the command line does it; else a keyed hash of all that it asks for, since an input may hold ids. Two callers who
 * ask for the same at once so get one sweep.
 */
export function sweepWorkflowId(input: OffboardUsersInput, hasher: SubjectHasher): string {
  if (input.snapshot !== undefined) return input.snapshot;
  return `sweep-${input.dryRun ? 'dry-' : ''}${hasher.subject('offboardUsers', 'input', canonicalJson(input))}`;
}

/** JSON in which the order of fields does not matter. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isRecord(part) ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1))) : part,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
