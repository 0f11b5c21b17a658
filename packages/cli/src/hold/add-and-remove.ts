import { createHash, randomUUID } from 'node:crypto';
import { HoldConflictError } from 'temporal-http-tasks/internal/ledger/holds';
import type { HoldChange } from 'temporal-http-tasks/internal/ledger/holds';
import type { NewHold } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withInterruption } from '../terminal/interruption';
import { print, printable, printJson, say } from '../terminal/output';
import { counted } from '../terminal/words';
import {
  environmentProblemOfRow,
  environmentsCovered,
  serviceNamesOf,
  subjectsEverywhere,
} from '../users/user-subjects';
import { environmentsText } from './list';
import { fileOptions, readHoldFile } from './file';
import type { HoldFileOptions, HoldRow } from './file';
import {
  checkReason,
  claimedBy,
  heldIds,
  requireEnvironment,
  requireEnvironmentOfFile,
  requireIds,
  requireReasonAndId,
} from './hold-options';
import type { HoldOptions } from './hold-options';
import { sayWhatIsNotCovered } from './not-covered';
import { idsOfOptions, sayUnlikelyIds } from '../users/unlikely-ids';

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
    await sayUnlikelyIds(io, idsOfOptions(ids));
    await sayWhatIsNotCovered(io, ids, options);
    await sayOldHolds(io, opened, hold);
    return 0;
  });
}

async function setOne({ ledger }: OpenedLedger, hold: NewHold): Promise<HoldChange> {
  try {
    return (await ledger.holds.set([hold]))[0] ?? 'unchanged';
  } catch (error) {
    if (!(error instanceof HoldConflictError)) throw error;
    throw new Refusal('Task.InvalidInput', error.message.replace('holdId: a', '--hold: a'), 'id');
  }
}

function sentence(change: HoldChange, id: string): string {
  if (change === 'set') return `Hold ${id} is set`;
  return change === 'extended' ? `Hold ${id} is extended` : `Hold ${id} is unchanged; it covers this already`;
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
        `Hold ${hold.holdId} of version 0.1.0 also names this user, in an unknown environment. Set it again with ` +
          `the same IDs and --hold ${quoted(hold.holdId)}.`,
      ),
    );
  }
}

/** Holds in one transaction; each has a few subjects, and the transaction keeps intents waiting. */
const HOLDS_IN_ONE = 500;

type HoldOfRow = NewHold & Pick<HoldRow, 'line'>;

/**
 * Sets a hold for each row of a file. Nothing is set when a row is wrong. The holds are written some at a time; the ID
 * of a hold follows from its row, so that the same command can be repeated after an interruption.
 */
export async function addHoldsOfFile(io: Io, file: string, options: HoldOptions): Promise<ExitCode> {
  requireReasonAndId(options);
  requireEnvironmentOfFile(options);
  const by = claimedBy(options);
  return withInterruption(({ signal }) =>
    withWorkersLedger<ExitCode>(io, async (opened) => {
      const reading = { ...options, ...(await fileOptions(io, options, opened, signal)), by, hasher: opened.hasher };
      const holds = await holdsOfFile(io, file, reading);
      await refuseConflicts(io, file, opened, holds);
      const counts = { rows: holds.length, set: 0, extended: 0, unchanged: 0 };
      for (let start = 0; start < holds.length; start += HOLDS_IN_ONE) {
        if (signal.aborted) throw notAll(counts, 'Interrupted', 'Interrupted.');
        const some = holds.slice(start, start + HOLDS_IN_ONE);
        for (const change of await setSome(opened, some, counts)) counts[change] += 1;
      }
      if (options.json) printJson(io, counts);
      else
        print(
          io,
          `${counted(counts.set, 'hold is', 'holds are')} set, ${counts.extended} extended, ${counts.unchanged} already existed.`,
        );
      return 0;
    }),
  );
}

interface Reading extends HoldFileOptions, Pick<HoldOptions, 'environment' | 'reason'> {
  by: string;
  hasher: SubjectHasher;
}

async function holdsOfFile(io: Io, file: string, reading: Reading): Promise<HoldOfRow[]> {
  const holds: HoldOfRow[] = [];
  const bad = new BadRows(io);
  const lineOfId = new Map<string, HoldOfRow>();
  const halves = { withoutToken: 0, withoutId: 0 };
  const { otherAccounts } = await import('../users/provider-ids.js');
  const accounts = new Set<string>();
  for await (const row of readHoldFile(file, reading)) {
    if ('problem' in row) {
      bad.tell(row.line, row.problem);
      continue;
    }
    const wrong = environmentProblemOfRow(row.ids, reading.environment);
    if (wrong !== undefined) bad.tell(row.line, `--environment: ${wrong}`);
    const hold = holdOf(row, reading);
    const earlier = lineOfId.get(hold.holdId);
    if (earlier && !sameSubjects(earlier, hold))
      bad.tell(row.line, `hold_id is that of line ${earlier.line}, which names other IDs; a hold is about one user`);
    lineOfId.set(hold.holdId, hold);
    holds.push(hold);
    if (row.ids.plaidUserId !== undefined && row.ids.plaidUserToken === undefined) halves.withoutToken += 1;
    if (row.ids.plaidUserToken !== undefined && row.ids.plaidUserId === undefined) halves.withoutId += 1;
    for (const account of otherAccounts(reading.known, serviceNamesOf(row.ids))) accounts.add(account);
  }
  bad.refuse(file);
  if (halves.withoutToken > 0)
    say(
      io,
      `${counted(halves.withoutToken, 'row has', 'rows have')} a plaid_user_id and no plaid_user_token: calls that name these users by a token are not covered.`,
    );
  if (halves.withoutId > 0)
    say(
      io,
      `${counted(halves.withoutId, 'row has', 'rows have')} a plaid_user_token and no plaid_user_id: calls that name these users by a user ID are not covered.`,
    );
  if (accounts.size > 0)
    say(
      io,
      'Each row is about the account that it names. Users with the same IDs in other accounts are not covered; ' +
        `those of some rows are ${[...accounts].join(', ')}.`,
    );
  return holds;
}

function holdOf(
  { line, ids, reason: ownReason, holdId }: HoldRow,
  { reason: sharedReason, environment, by, hasher }: Reading,
): HoldOfRow {
  const reason = ownReason ?? sharedReason;
  const subjects = subjectsEverywhere(ids, hasher, environment).map(({ subject }) => subject);
  return {
    line,
    holdId: holdId ?? idFrom(subjects, reason),
    subjects,
    ...(reason !== undefined && { reason }),
    environments: environmentsCovered(ids, environment),
    by,
  };
}

/** The hashes are keyed, so that the ID gives nothing away that the ledger does not have. */
function idFrom(subjects: readonly string[], reason: string | undefined): string {
  const text = JSON.stringify([[...subjects].sort(), reason ?? null]);
  return `hold-${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`;
}

function sameSubjects(one: NewHold, other: NewHold): boolean {
  const subjects = new Set(one.subjects);
  return one.subjects.length === other.subjects.length && other.subjects.every((subject) => subjects.has(subject));
}

/** Before anything is written; a hold of the same ID that another process sets meanwhile is refused when it is written. */
async function refuseConflicts(
  io: Io,
  file: string,
  { ledger }: OpenedLedger,
  holds: readonly HoldOfRow[],
): Promise<void> {
  const bad = new BadRows(io);
  for (let start = 0; start < holds.length; start += HOLDS_IN_ONE) {
    const some = holds.slice(start, start + HOLDS_IN_ONE);
    for (const [index, change] of (await ledger.holds.compare(some)).entries()) {
      if (change === 'conflict')
        bad.tell(some[index]?.line ?? 0, 'a hold of this hold_id exists and names other IDs; a hold is about one user');
    }
  }
  bad.refuse(file);
}

async function setSome(
  { ledger }: OpenedLedger,
  holds: readonly HoldOfRow[],
  counts: Counts,
): Promise<('set' | 'extended' | 'unchanged')[]> {
  try {
    return await ledger.holds.set(holds.map(({ line: _, ...hold }) => hold));
  } catch (error) {
    if (error instanceof HoldConflictError)
      throw notAll(counts, 'Conflict', `${error.message.replace('holdId: a', 'A')}`);
    throw notAll(counts, 'Failed', error instanceof Error ? error.message : String(error));
  }
}

interface Counts {
  rows: number;
  set: number;
  extended: number;
  unchanged: number;
}

function notAll(
  { rows, set, extended, unchanged }: Counts,
  type: 'Interrupted' | 'Conflict' | 'Failed',
  why: string,
): CommandFailure {
  return new CommandFailure(
    type,
    `${why} Holds for ${set + extended + unchanged} of ${rows} rows are set; run the same command again for the others.`,
  );
}

/** Reports rows as they are found and refuses the file in the end. */
class BadRows {
  #count = 0;
  #first = '';

  constructor(private readonly io: Io) {}

  tell(line: number, problem: string): void {
    this.#count += 1;
    if (this.#count === 1) this.#first = `line ${line}: ${problem}`;
    say(this.io, printable(`line ${line}: ${problem}`));
  }

  refuse(file: string): void {
    if (this.#count === 0) return;
    const rows = this.#count === 1 ? '1 row is' : `${this.#count} rows are`;
    throw new Refusal(
      'Task.InvalidInput',
      `--file ${file}: ${rows} wrong, so no hold was set; the first: ${this.#first}.`,
      'file',
    );
  }
}

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
