import { Refusal } from '../errors';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import { printJson, say } from '../output';
import { subjectsEverywhere } from '../user-everywhere';
import { checkReason, claimedBy, heldIds, requireIds } from './hold-options';
import type { HoldOptions } from './hold-options';

/** Lifts one hold by its ID, or every hold that names any ID of a user in any environment. */
export async function removeHolds(io: Io, options: HoldOptions): Promise<ExitCode> {
  const { id, json, reason } = options;
  const byUser = Object.keys(heldIds(options)).length > 0;
  if (id !== undefined && byUser) throw new Refusal('Usage', 'Give --hold or IDs of a user, not both.');
  const ids = id === undefined ? requireIds(options, 'Name the hold with --hold, or the user') : {};
  const wrong = checkReason(reason);
  if (wrong !== undefined) throw new Refusal('Task.InvalidInput', `${wrong}.`, 'reason');
  const record = { by: claimedBy(options), ...(reason !== undefined && { why: reason }) };
  return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
    const subjects = subjectsEverywhere(ids, hasher).map(({ subject }) => subject);
    const removed = await ledger.holds.lift(id === undefined ? { subjects } : { holdId: id }, record);
    if (json) printJson(io, { removed });
    else
      say(
        io,
        removed === 0
          ? 'There is no such hold; nothing was changed.'
          : `Lifted ${removed} hold${removed === 1 ? '' : 's'}; http-tasks hold log shows it.`,
      );
    return removed === 0 ? 1 : 0;
  });
}
