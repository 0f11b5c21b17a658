import { randomUUID } from 'node:crypto';
import { HoldConflictError } from 'temporal-http-tasks/internal/ledger/hold-ledger';
import type { HoldChange } from 'temporal-http-tasks/internal/ledger/hold-ledger';
import type { NewHold } from 'temporal-http-tasks/internal/ledger/ledger';
import { Refusal } from '../errors';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import type { OpenedLedger } from '../open-ledger';
import { print, printJson, printable, say } from '../output';
import { quoted } from 'temporal-http-tasks/internal/policy/quoted';
import { environmentsCovered, subjectsEverywhere } from '../user-everywhere';
import type { AllUserIds } from '../user-everywhere';
import { environmentsText } from './describe-hold';
import { claimedBy, requireEnvironment, requireIds, requireReasonAndId } from './hold-options';
import type { HoldOptions } from './hold-options';

/** Sets one hold on one user, or extends the hold of this ID. */
export async function addHold(io: Io, options: HoldOptions): Promise<ExitCode> {
  const ids = requireIds(options);
  requireReasonAndId(options);
  requireEnvironment(ids, options);
  const { reason, id = randomUUID(), environment } = options;
  const by = claimedBy(options);
  return withWorkersLedger<ExitCode>(io, async (opened) => {
    const hold = {
      holdId: id,
      subjects: subjectsEverywhere(ids, opened.hasher, environment).map(({ subject }) => subject),
      ...(reason !== undefined && { reason }),
      environments: environmentsCovered(ids, environment),
      by,
    };
    const change = await setOne(opened, hold);
    if (options.json)
      printJson(io, {
        holdId: id,
        subjects: hold.subjects,
        ...(reason !== undefined && { reason }),
        environments: hold.environments,
        setBy: by,
        ...(change !== 'set' && { change }),
      });
    else
      print(
        io,
        printable(
          `${sentence(change, id)} (${environmentsText(hold.environments)}). Lift it with: http-tasks hold remove --hold ${quoted(id)}`,
        ),
      );
    sayWhatIsNotCovered(io, ids);
    await sayOldHolds(io, opened, hold);
    return 0;
  });
}

async function setOne({ ledger }: OpenedLedger, hold: NewHold): Promise<HoldChange> {
  try {
    return (await ledger.holds.set([hold]))[0] ?? 'unchanged';
  } catch (error) {
    if (!(error instanceof HoldConflictError)) throw error;
    throw new Refusal('Task.InvalidInput', error.message.replace('holdId: a', '--id: a'), 'id');
  }
}

function sentence(change: HoldChange, id: string): string {
  if (change === 'set') return `Hold ${id} is set`;
  return change === 'extended' ? `Hold ${id} is extended` : `Hold ${id} is unchanged; it covers this already`;
}

/** The ledger cannot tell that a user ID and a token belong to one user, so that each is held for itself. */
function sayWhatIsNotCovered(io: Io, { plaidUserId, plaidUserToken, plaidAccessToken }: AllUserIds): void {
  if (plaidUserId !== undefined && plaidUserToken === undefined) {
    say(
      io,
      'Not covered: calls that name this user by a user token. If the user has one, add the hold again with both IDs and this --id.',
    );
  }
  if (plaidUserToken !== undefined && plaidUserId === undefined) {
    say(
      io,
      'Not covered: calls that name this user by a user ID. If the user has one, add the hold again with both IDs and this --id.',
    );
  }
  if ((plaidUserId ?? plaidUserToken) !== undefined && plaidAccessToken === undefined) {
    say(
      io,
      'Not covered: plaid.itemRemove, which names an Item by its access token. Set a hold with --plaid-access-token for each Item.',
    );
  }
}

async function sayOldHolds(io: Io, { ledger }: OpenedLedger, { holdId, subjects }: NewHold): Promise<void> {
  const holdIds = [...new Set((await ledger.holds.naming(subjects)).map((found) => found.holdId))].filter(
    (id) => id !== holdId,
  );
  const old = (await ledger.holds.list({ holdIds })).filter(({ environments }) => environments === undefined);
  for (const hold of old) {
    say(
      io,
      printable(
        `Hold ${hold.holdId} of version 0.1.0 also names this user, in an unknown environment. Set it again with the same IDs and --id ${quoted(hold.holdId)}.`,
      ),
    );
  }
}
