import { createHash } from 'node:crypto';
import { HoldConflictError } from 'temporal-http-tasks/internal/ledger/hold-ledger';
import type { NewHold } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { CommandFailure, Refusal } from '../errors';
import { withInterruption } from '../interruption';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import type { OpenedLedger } from '../open-ledger';
import { print, printJson, printable, say } from '../output';
import {
  canBeNarrowed,
  environmentProblem,
  environmentsCovered,
  SERVICE_OF_ID,
  subjectsEverywhere,
} from '../user-everywhere';
import type { AllUserIds } from '../user-everywhere';
import { readHoldFile } from './hold-file';
import type { HoldRow } from './hold-file';
import { claimedBy, requireEnvironment, requireReasonAndId } from './hold-options';
import type { HoldOptions } from './hold-options';

/** Holds in one transaction; each has a few subjects, and the transaction keeps intents waiting. */
const HOLDS_IN_ONE = 500;

type HoldOfRow = NewHold & Pick<HoldRow, 'line'>;

/**
 * Sets a hold for each row of a file. Nothing is set when a row is wrong. The holds are written some at a time; the ID
 * of a hold follows from its row, so that the same command can be repeated after an interruption.
 */
export async function addHoldsOfFile(io: Io, file: string, options: HoldOptions): Promise<ExitCode> {
  requireReasonAndId(options);
  const anyId = Object.fromEntries(Object.keys(SERVICE_OF_ID).map((field) => [field, ''])) as AllUserIds;
  requireEnvironment(anyId, options);
  const by = claimedBy(options);
  return withInterruption(({ signal }) =>
    withWorkersLedger<ExitCode>(io, async (opened) => {
      const holds = await holdsOfFile(io, file, { ...options, by, hasher: opened.hasher, signal });
      await refuseConflicts(io, file, opened, holds);
      const counts = { rows: holds.length, set: 0, extended: 0, unchanged: 0 };
      for (let start = 0; start < holds.length; start += HOLDS_IN_ONE) {
        if (signal.aborted) throw notAll(counts, 'Interrupted', 'Interrupted.');
        const some = holds.slice(start, start + HOLDS_IN_ONE);
        for (const change of await setSome(opened, some, counts)) counts[change] += 1;
      }
      if (options.json) printJson(io, counts);
      else
        print(io, `${counts.set} holds are set, ${counts.extended} extended, ${counts.unchanged} were there already.`);
      return 0;
    }),
  );
}

interface Reading extends HoldOptions {
  by: string;
  hasher: SubjectHasher;
  signal: AbortSignal;
}

async function holdsOfFile(io: Io, file: string, reading: Reading): Promise<HoldOfRow[]> {
  const holds: HoldOfRow[] = [];
  const bad = new BadRows(io);
  const lineOfId = new Map<string, HoldOfRow>();
  const halves = { withoutToken: 0, withoutId: 0 };
  for await (const row of readHoldFile(file, reading, reading.signal)) {
    if ('problem' in row) {
      bad.tell(row.line, row.problem);
      continue;
    }
    const wrong = canBeNarrowed(row.ids) ? environmentProblem(row.ids, reading.environment) : undefined;
    if (wrong !== undefined) bad.tell(row.line, `--environment: ${wrong}`);
    const hold = holdOf(row, reading);
    const earlier = lineOfId.get(hold.holdId);
    if (earlier && !sameSubjects(earlier, hold))
      bad.tell(row.line, `hold_id is that of line ${earlier.line}, which names other IDs; a hold is about one user`);
    lineOfId.set(hold.holdId, hold);
    holds.push(hold);
    if (row.ids.plaidUserId !== undefined && row.ids.plaidUserToken === undefined) halves.withoutToken += 1;
    if (row.ids.plaidUserToken !== undefined && row.ids.plaidUserId === undefined) halves.withoutId += 1;
  }
  bad.refuse(file);
  if (halves.withoutToken > 0)
    say(
      io,
      `${halves.withoutToken} rows have a plaid_user_id and no plaid_user_token: calls that name these users by a token are not covered.`,
    );
  if (halves.withoutId > 0)
    say(
      io,
      `${halves.withoutId} rows have a plaid_user_token and no plaid_user_id: calls that name these users by a user ID are not covered.`,
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
