import type { HoldLogEntry } from 'temporal-http-tasks/internal/ledger/holds';
import type { Hold, HoldEnvironments } from 'temporal-http-tasks/internal/ledger/ledger';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import type { ExitCode, Io } from '../program/io';
import { printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { subjectsEverywhere } from '../users/user-subjects';
import { localTime } from '../terminal/words';
import { heldIds, requireEnvironment, requireIds } from './hold-options';
import type { HoldOptions } from './hold-options';

/** How the environments of a hold are shown: `plaid sandbox, plaid production, batch default`. */
export function environmentsText(environments: HoldEnvironments | undefined): string {
  if (environments === undefined) return 'environment unknown';
  return Object.entries(environments)
    .flatMap(([service, names]) => names.map((name) => `${service} ${name}`))
    .join(', ');
}

/** A hold as `--json` prints it. */
export function holdDocument(hold: Hold): object {
  return hold.environments === undefined ? { ...hold, environments: 'unknown', setAgain: true } : hold;
}

/** Maximum number of holds or log entries in one read. */
const PAGE = 1_000;

/** Rows of a table for people; the rest is for `--json`. */
const SHOWN = 1_000;

/** Prints all holds, or those on one user in any environment. */
export async function listHolds(io: Io, options: HoldOptions): Promise<ExitCode> {
  const ids = Object.keys(heldIds(options)).length > 0 ? requireIds(options) : undefined;
  if (ids) requireEnvironment(ids, options);
  return withWorkersLedger<ExitCode>(io, async (opened) => {
    const holds = ids
      ? await holdsOn(opened, subjectsEverywhere(ids, opened.hasher, options.environment))
      : await allHolds(opened);
    holds.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
    if (options.json) printJson(io, holds.map(holdDocument));
    else if (holds.length === 0) say(io, ids ? 'There is no hold on this user.' : 'There are no holds.');
    else printHolds(io, holds);
    const unknown = holds.filter(({ environments }) => environments === undefined).length;
    if (unknown > 0) {
      say(
        io,
        `${unknown} of them: environment unknown. They were set by version 0.1.0, cover one environment only, ` +
          'and must be set again: http-tasks hold add --hold HOLD with every ID of the user, or hold add --file with ' +
          'the column hold_id.',
      );
    }
    return 0;
  });
}

async function holdsOn({ ledger }: OpenedLedger, subjects: readonly { subject: string }[]): Promise<Hold[]> {
  const found = await ledger.holds.naming(subjects.map(({ subject }) => subject));
  return ledger.holds.list({ holdIds: [...new Set(found.map(({ holdId }) => holdId))] });
}

async function allHolds({ ledger }: OpenedLedger): Promise<Hold[]> {
  const holds: Hold[] = [];
  for (;;) {
    const afterHoldId = holds.at(-1)?.holdId;
    const page = await ledger.holds.list({ limit: PAGE, ...(afterHoldId !== undefined && { afterHoldId }) });
    holds.push(...page);
    if (page.length < PAGE) return holds;
  }
}

function printHolds(io: Io, holds: readonly Hold[]): void {
  const rows = holds
    .slice(0, SHOWN)
    .map(({ holdId, subjects, reason = '', at, setBy = '', environments }) => [
      holdId,
      localTime(at),
      setBy,
      reason,
      environments === undefined ? 'environment unknown (0.1.0): set it again' : environmentsText(environments),
      String(subjects.length),
    ]);
  printTable(io, ['Hold', 'Since', 'Set by', 'Reason', 'Environments', 'ID hashes'], rows);
  if (holds.length > SHOWN) say(io, `These are the first ${SHOWN} of ${holds.length}; --json prints all of them.`);
}

/** Prints who set, extended and lifted holds, and when. */
export async function showHoldLog(io: Io, { id, json }: HoldOptions): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async (opened) => {
    const entries = await wholeLog(opened, id);
    if (json)
      printJson(
        io,
        entries.map(({ id: _, ...entry }) => entry),
      );
    else if (entries.length === 0)
      say(
        io,
        id === undefined
          ? 'No hold was set or lifted since this version keeps a log.'
          : 'The log has nothing about this hold.',
      );
    else printLog(io, entries);
    return 0;
  });
}

async function wholeLog({ ledger }: OpenedLedger, holdId: string | undefined): Promise<HoldLogEntry[]> {
  const entries: HoldLogEntry[] = [];
  for (;;) {
    const page = await ledger.holds.readLog({
      afterId: entries.at(-1)?.id ?? 0,
      limit: PAGE,
      ...(holdId !== undefined && { holdId }),
    });
    entries.push(...page);
    if (page.length < PAGE) return entries;
  }
}

function printLog(io: Io, entries: readonly HoldLogEntry[]): void {
  const rows = entries
    .slice(-SHOWN)
    .map(({ at, holdId, change, by = '', why = '', reason = '', environments, subjects }) => [
      localTime(at),
      holdId,
      change,
      by,
      why,
      reason,
      environmentsText(environments),
      String(subjects),
    ]);
  printTable(io, ['At', 'Hold', 'Change', 'By', 'Why', 'Reason of the hold', 'Environments', 'ID hashes'], rows);
  if (entries.length > SHOWN) say(io, `These are the last ${SHOWN} of ${entries.length}; --json prints all of them.`);
}
