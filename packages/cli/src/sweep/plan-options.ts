import { Option } from 'commander';
import type { Command } from 'commander';
import {
  DEFAULT_APPROVE_WITHIN,
  DEFAULT_CHILDREN,
  DEFAULT_CHUNKS,
  DEFAULT_MAX_USERS,
  MOST_USERS_WITH_CHILDREN,
} from 'temporal-http-tasks/internal/policy/sweep-input';
import { PRODUCTS_TERMINATE_REASON_CODES } from 'temporal-http-tasks/internal/tasks/plaid/reason-codes';
import { callsPerMinute } from '../calls-per-minute';
import { addStepOptions, literalOption, stepFieldsOf, VERIFY_HELP } from '../command';
import type { StepOptions } from '../command';
import { defined } from '../defined';
import { Refusal } from '../errors';

/** How every user of a sweep is off-boarded and how fast; each value as it was typed. */
export interface PlanOptions extends StepOptions {
  reason?: string;
  /** Called `--reason-note` where `--note` is something else. */
  note?: string;
  reasonNote?: string;
  onFailure?: string;
  batchMode?: string;
  removePlaidUser?: boolean;
  notFoundIsFine?: boolean;
  verifyRemovals?: string;
  deadline?: string;
  dryRun?: boolean;
  concurrency?: string;
  rate?: string;
  tolerance?: string;
  maxUsers?: string;
  granularity?: string;
  approval?: boolean;
  approveWithin?: string;
}

/** The options of {@link PlanOptions}, for messages. */
export const PLAN_OPTIONS = [
  'reason',
  'note',
  'reasonNote',
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
  'concurrency',
  'rate',
  'tolerance',
  'maxUsers',
  'granularity',
  'approval',
  'approveWithin',
] as const satisfies readonly (keyof PlanOptions)[];

/** Adds the options that every command has which starts sweeps, now or later. */
export function addPlanOptions(command: Command, { noteFlag }: { noteFlag: '--note' | '--reason-note' }): Command {
  command
    .addOption(literalOption('--reason <code>', `why: ${PRODUCTS_TERMINATE_REASON_CODES.join(', ')}`))
    .addOption(literalOption(`${noteFlag} <text>`, 'a remark for Plaid; no personal data'))
    .addOption(literalOption('--on-failure <what>', "continue with a user's other steps, or stop (else continue)"))
    .addOption(
      literalOption(
        '--batch-mode <mode>',
        'customData, gdpr or both (with --granularity user), or skip (else customData)',
      ),
    );
  return addStepOptions(command)
    .addOption(new Option('--remove-plaid-user', 'remove the users at Plaid too, after their Items and products'))
    .addOption(new Option('--not-found-is-fine', 'do not count notFound against the sweep'))
    .addOption(literalOption('--verify-removals <which>', VERIFY_HELP))
    .addOption(
      literalOption(
        '--deadline <when>',
        'give up after a duration (90s, 7 days) or at a moment (2030-01-31T12:00:00Z)',
      ),
    )
    .addOption(new Option('--dry-run', 'only look, change nothing'))
    .addOption(
      literalOption(
        '--concurrency <n>',
        `chunks, or children, in progress at a time (else ${DEFAULT_CHUNKS} chunks or ${DEFAULT_CHILDREN} children)`,
      ),
    )
    .addOption(
      literalOption(
        '--rate <calls>',
        'limit on calls to Plaid while this sweep runs: calls a minute (600) or a second (10/s); a dry run does not store it (else the standing limit, or learned from 10/s on)',
      ),
    )
    .addOption(
      literalOption(
        '--tolerance <n>',
        'pause when more users than this failed or are unknown: a number, or a share such as 1% (else never)',
      ),
    )
    .addOption(literalOption('--max-users <n>', `refuse a source with more users (else ${DEFAULT_MAX_USERS})`))
    .addOption(
      literalOption(
        '--granularity <what>',
        `user: a workflow for each user; chunk: many in one activity (else user up to ${MOST_USERS_WITH_CHILDREN})`,
      ),
    )
    .addOption(new Option('--approval', 'wait for http-tasks sweep approve before the first call'))
    .addOption(
      literalOption(
        '--approve-within <time>',
        `with --approval: cancel the sweep when it is not approved in time (else ${DEFAULT_APPROVE_WITHIN})`,
      ),
    );
}

/** The fields of the workflow's input that these options make. */
export function planFromOptions(options: PlanOptions): Record<string, unknown> {
  const {
    onFailure,
    deadline,
    dryRun,
    notFoundIsFine,
    removePlaidUser,
    batchMode,
    tolerance,
    granularity,
    approval,
    approveWithin,
  } = options;
  const reason = defined({ code: options.reason, note: options.note ?? options.reasonNote });
  return defined({
    reason: Object.keys(reason).length > 0 ? reason : undefined,
    onFailure,
    deadline,
    dryRun,
    notFoundIsFine,
    verifyRemovals: options.verifyRemovals,
    ...stepFieldsOf(options),
    plaid: removePlaidUser && { removeUser: true },
    batch: batchMode === undefined ? undefined : { mode: batchMode },
    concurrency: numberOf('concurrency', options.concurrency),
    rate: rateOf(options.rate),
    tolerance,
    maxUsers: numberOf('maxUsers', options.maxUsers),
    granularity,
    approval,
    approveWithin,
  });
}

/** The flag of an option: `maxUsers` is `--max-users`. */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function rateOf(text: string | undefined): number | undefined {
  return text?.includes('/') ? callsPerMinute(text, { name: '--rate', field: 'rate' }) : numberOf('rate', text);
}

/** Whether it lies within its bounds is for the input's own schema to say. */
function numberOf(option: 'concurrency' | 'rate' | 'maxUsers', text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new Refusal('Task.InvalidInput', `${option}: must be a number, and ${flagOf(option)} is "${text}".`, option);
}
