import type { Option } from 'commander';
import { REASON_CODES } from 'temporal-http-tasks/internal/policy/input-fields';
import { flag, flagOf, literalOption } from '../program/command';
import { asSentence } from 'temporal-http-tasks/internal/tasks/nearest';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { Refusal } from '../program/errors';
import { defined } from '../tasks/json-input';

/** How users are offboarded, for every command that does; each value as it was typed, lists with commas. */
export interface HowOptions {
  reason?: string;
  onFailure?: string;
  batchMode?: string;
  only?: string;
  include?: string;
  exclude?: string;
  removePlaidUser?: boolean;
  notFoundIsFine?: boolean;
  verifyRemovals?: string;
  deadline?: string;
  dryRun?: boolean;
  requestedBy?: string;
  receivedAt?: string;
  law?: string;
  due?: string;
}

/** The options of {@link HowOptions}, for messages. */
export const HOW_NAMES = [
  'reason',
  'onFailure',
  'batchMode',
  'only',
  'include',
  'exclude',
  'removePlaidUser',
  'notFoundIsFine',
  'verifyRemovals',
  'deadline',
  'dryRun',
  'requestedBy',
  'receivedAt',
  'law',
  'due',
] as const satisfies readonly (keyof HowOptions)[];

/** The words of the help that differ between a command about one user and one about many. */
interface HowWords {
  /** The flag of the remark for Plaid. */
  noteFlag: '--note' | '--reason-note';
  onFailure: string;
  batchMode: string;
  removePlaidUser: string;
  notFoundIsFine: string;
}

/** Returns the options of {@link HowOptions}, and the one for the remark. */
export function howOptions(words: HowWords): readonly Option[] {
  return [
    literalOption('--reason <code>', `why: ${REASON_CODES.join(', ')}`),
    literalOption(`${words.noteFlag} <text>`, 'a remark for Plaid; no personal data'),
    literalOption('--on-failure <what>', words.onFailure),
    literalOption('--batch-mode <mode>', words.batchMode),
    literalOption('--only <providers>', 'only these providers, separated by commas (else all of the worker)'),
    literalOption('--include <steps>', 'optional steps to run, separated by commas'),
    literalOption(
      '--exclude <steps>',
      'steps to leave out, separated by commas, such as plaid.products for a Plaid account without that route',
    ),
    flag('--remove-plaid-user', words.removePlaidUser),
    flag('--not-found-is-fine', words.notFoundIsFine),
    literalOption(
      '--verify-removals <which>',
      'all, or unsure: do not read lists again whose removals all had a good response (else all)',
    ),
    literalOption('--deadline <when>', 'give up after a duration (90s, 7 days) or at a moment (2030-01-31T12:00:00Z)'),
    flag('--dry-run', 'read only; change nothing'),
    literalOption(
      '--requested-by <name>',
      'who asked for it; not verified. A policy that requires an approval refuses that of the same person',
    ),
    literalOption(
      '--received-at <when>',
      'when the request was received: a day (2026-03-28) or a date and time with its offset; adds it to the register',
    ),
    literalOption('--law <law>', 'count the due date by gdpr (one month), ccpa (45 days) or none (else none)'),
    literalOption('--due <when>', "the due date in place of the law's: a day, or a date and time with its offset"),
  ];
}

/** The options that give a field of the input and are not called like it. */
const FLAG_OF: Readonly<Record<string, string>> = {
  reason: '--reason',
  'reason.code': '--reason',
  'batch.mode': '--batch-mode',
  dueAt: '--due',
};

/** Fields that {@link FLAG_OF} does not name and that one option each gives. */
const NAMED_LIKE_OPTIONS: ReadonlySet<string> = new Set([
  'onFailure',
  'verifyRemovals',
  'deadline',
  'requestedBy',
  'receivedAt',
  'law',
  'concurrency',
  'rate',
  'tolerance',
  'maxUsers',
  'granularity',
  'approveWithin',
  'badRows',
]);

function flagOfField(field: string): string | undefined {
  return FLAG_OF[field] ?? (NAMED_LIKE_OPTIONS.has(field) ? flagOf(field) : undefined);
}

/**
 * Checks an input that these options made.
 *
 * @throws Refusal that names the options, where all that is wrong was given by options.
 */
export function sayingHow<T>(
  { input }: { input?: string },
  command: 'offboard' | 'sweep' | 'schedule create',
  check: () => T,
): T {
  try {
    return check();
  } catch (error) {
    if (input !== undefined || !(error instanceof InvalidInputError)) throw error;
    const { field, problems } = error;
    if (!problems.every((problem) => flagOfField(problem.field) !== undefined)) throw error;
    const list = problems.map((problem) => `${flagOfField(problem.field)} ${problem.message}`).join('; ');
    const isMissing = field === 'reason' && problems.length === 1;
    throw new Refusal(
      'Task.InvalidInput',
      isMissing
        ? `${list}, for example --reason USER_OFFBOARDING. For all codes see: http-tasks ${command} --help`
        : asSentence(list),
      field,
    );
  }
}

/** Returns the names in a list with commas, and blanks around them; no name of a provider or a step has blanks. */
function namesIn(list: string | undefined): string[] | undefined {
  return list?.split(',').map((name) => name.trim());
}

/** Returns the fields of a workflow's input that these options give; undefined where an option is not given. */
export function howFields(options: HowOptions, note: string | undefined): Record<string, unknown> {
  const { onFailure, deadline, dryRun, notFoundIsFine, verifyRemovals, removePlaidUser, batchMode } = options;
  const { requestedBy, receivedAt, law, due } = options;
  // A run would start, send nothing and fail.
  if (deadline !== undefined && Date.parse(deadline) < Date.now() && /^\d{4}-/.test(deadline))
    throw new Refusal('Usage', '--deadline must not be in the past.', 'deadline');
  const reason = defined({ code: options.reason, note });
  return {
    reason: Object.keys(reason).length > 0 ? reason : undefined,
    onFailure,
    deadline,
    dryRun,
    notFoundIsFine,
    verifyRemovals,
    providers: namesIn(options.only),
    include: namesIn(options.include),
    exclude: namesIn(options.exclude),
    plaid: removePlaidUser && { removeUser: true },
    batch: batchMode === undefined ? undefined : { mode: batchMode },
    requestedBy,
    receivedAt,
    law,
    dueAt: due,
  };
}
