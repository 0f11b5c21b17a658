import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { plaidEnvironment } from '../config/plaid-environment';
import type { Hold } from '../ledger/ledger';
import { userSubjects } from '../ledger/user-subjects';
import type { SubjectHasher } from '../ledger/subject';
import { addCommand, literalOption, onRun } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { ExitCode, Io } from './io';
import { withWorkersLedger } from './open-ledger';
import { print, printJson, printTable, say } from './output';
import { addUserOptions, givenIds } from './user-options';
import type { UserOptions } from './user-options';

interface HoldOptions extends CommonOptions, UserOptions {
  reason?: string;
  id?: string;
}

const MAX_REASON_CHARACTERS = 500;

/** `http-tasks hold add|list|remove`: legal holds in the ledger. While one names a user, nothing of the user is removed. */
export function registerHoldCommand(program: Command, io: Io): void {
  const hold = program
    .command('hold')
    .summary('keep users from being removed: add, list and remove legal holds')
    .description('Legal holds. A hold on any id of a user forbids every destructive call about the user, also in runs under way.');
  registerAdd(hold, io);
  registerList(hold, io);
  registerRemove(hold, io);
}

function registerAdd(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'add',
    summary: 'set a hold on one user',
    description: 'Give every id of the user that you know. The ledger keeps keyed hashes of them, never the ids.',
    examples: ['http-tasks hold add --plaid-user-id usr_1 --batch-user-id 1001 --reason "case 2031"'],
  });
  addUserOptions(command).addOption(literalOption('--reason <text>', 'why, without personal data; the ledger keeps it'));
  onRun<HoldOptions>(command, io, async (options) => {
    const ids = checkIds(options);
    const { reason } = options;
    if (reason !== undefined && (reason === '' || reason.length > MAX_REASON_CHARACTERS)) {
      throw new Refusal('Task.InvalidInput', `reason must have 1 to ${MAX_REASON_CHARACTERS} characters.`, 'reason');
    }
    return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
      const hold = { holdId: randomUUID(), subjects: subjectsOf(io, ids, hasher), ...(reason !== undefined && { reason }) };
      await ledger.addHold(hold);
      if (options.json) printJson(io, hold);
      else print(io, `Hold ${hold.holdId} is set. Lift it with: http-tasks hold remove --id ${hold.holdId}`);
      return 0;
    });
  });
}

function registerList(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'list',
    summary: 'list the holds, all or those on one user',
    examples: ['http-tasks hold list', 'http-tasks hold list --batch-user-id 1001 --json'],
  });
  addUserOptions(command);
  onRun<HoldOptions>(command, io, async (options) => {
    const ids = Object.keys(givenIds(options)).length > 0 ? checkIds(options) : undefined;
    return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
      const subjects = ids && subjectsOf(io, ids, hasher);
      const holds = (await ledger.listHolds()).filter((hold) => !subjects || hold.subjects.some((one) => subjects.includes(one)));
      if (options.json) printJson(io, holds);
      else if (holds.length === 0) say(io, ids ? 'No hold lies on this user.' : 'There are no holds.');
      else printHolds(io, holds);
      return 0;
    });
  });
}

function printHolds(io: Io, holds: readonly Hold[]): void {
  const rows = holds.map(({ holdId, subjects, reason = '', at }) => [holdId, at, reason, subjects.join('\n')]);
  printTable(io, ['Hold', 'Since', 'Reason', 'Subjects (keyed hashes)'], rows);
}

function registerRemove(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'remove',
    summary: 'lift one hold by its id, or every hold on a user',
    description: 'Exits 1 when there was no such hold.',
    examples: ['http-tasks hold remove --id 3f0c…', 'http-tasks hold remove --plaid-user-id usr_1'],
  });
  addUserOptions(command).addOption(literalOption('--id <hold>', 'the id that hold add printed'));
  onRun<HoldOptions>(command, io, async (options) => {
    const { id, json } = options;
    const byUser = Object.keys(givenIds(options)).length > 0;
    if (id !== undefined && byUser) throw new Refusal('Usage', 'Give --id or ids of a user, not both.');
    const ids = id === undefined ? checkIds(options, 'Name the hold with --id, or the user') : {};
    return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
      const removed = await ledger.removeHolds(id === undefined ? { subjects: subjectsOf(io, ids, hasher) } : { holdId: id });
      if (json) printJson(io, { removed });
      else say(io, removed === 0 ? 'There is no such hold; nothing was changed.' : `Lifted ${removed} hold${removed === 1 ? '' : 's'}.`);
      return removed === 0 ? 1 : 0;
    });
  });
}

function checkIds(options: HoldOptions, request = 'Name the user'): UserOptions {
  const ids = givenIds(options);
  if (Object.keys(ids).length === 0) {
    throw new Refusal('Task.InvalidInput', `${request} with --plaid-user-id, --plaid-user-token or --batch-user-id.`, 'user');
  }
  for (const [name, id] of Object.entries(ids)) {
    if (id === '') throw new Refusal('Task.InvalidInput', `user.${name}: must not be empty.`, `user.${name}`);
  }
  return ids;
}

function subjectsOf(io: Io, ids: UserOptions, hasher: SubjectHasher): string[] {
  return userSubjects(ids, plaidEnvironment(io.env), hasher);
}
