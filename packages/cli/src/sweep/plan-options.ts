import type { Option } from 'commander';
import {
  DEFAULT_APPROVE_WITHIN,
  DEFAULT_CHILDREN,
  DEFAULT_CHUNKS,
  DEFAULT_MAX_USERS,
  MOST_USERS_WITH_CHILDREN,
} from 'temporal-http-tasks/internal/policy/sweep-input';
import { flag, flagOf, literalOption } from '../program/command';
import { HOW_NAMES, howFields, howOptions } from '../offboard/how-options';
import type { HowOptions } from '../offboard/how-options';
import { callsPerMinute } from '../rate/calls-per-minute';
import { defined } from '../tasks/json-input';
import { Refusal } from '../program/errors';

/** How every user of a sweep is offboarded and how fast; each value as typed. */
export interface PlanOptions extends HowOptions {
  /** Called `--reason-note` in commands where `--note` is something else. */
  note?: string;
  reasonNote?: string;
  concurrency?: string;
  rate?: string;
  tolerance?: string;
  maxUsers?: string;
  granularity?: string;
  approval?: boolean;
  approveWithin?: string;
}

/** The options of {@link PlanOptions}, for messages. */
export const PLAN_NAMES = [
  ...HOW_NAMES,
  'note',
  'reasonNote',
  'concurrency',
  'rate',
  'tolerance',
  'maxUsers',
  'granularity',
  'approval',
  'approveWithin',
] as const satisfies readonly (keyof PlanOptions)[];

/** Returns the options of every command that starts sweeps, now or later. */
export function planOptions(noteFlag: '--note' | '--reason-note'): readonly Option[] {
  return [
    ...howOptions({
      noteFlag,
      onFailure: "continue with a user's other steps, or stop (else continue)",
      batchMode: 'customData, gdpr, both or skip (else customData)',
      removePlaidUser: 'remove the users at Plaid too, after their Items and products',
      notFoundIsFine: 'do not count notFound against the sweep',
    }),
    literalOption(
      '--concurrency <n>',
      `chunks, or children, in progress at a time (else ${DEFAULT_CHUNKS} chunks or ${DEFAULT_CHILDREN} children)`,
    ),
    literalOption(
      '--rate <calls>',
      'limit on calls to Plaid while this sweep runs: calls a minute (600) or a second (10/s); a dry run does ' +
        'not store it (else the standing limit, or learned from 10/s on)',
    ),
    literalOption(
      '--tolerance <n>',
      'pause when more users than this failed or are unknown: a number, or a share such as 1% (else never)',
    ),
    literalOption('--max-users <n>', `refuse a source with more users (else ${DEFAULT_MAX_USERS})`),
    literalOption(
      '--granularity <what>',
      `user: a workflow for each user; chunk: many in one activity (else user up to ${MOST_USERS_WITH_CHILDREN})`,
    ),
    flag('--approval', 'wait for http-tasks sweep approve before the first call'),
    literalOption(
      '--approve-within <time>',
      `with --approval: cancel the sweep when it is not approved in time (else ${DEFAULT_APPROVE_WITHIN})`,
    ),
  ];
}

/** Returns the fields of the workflow's input from these options. */
export function planFromOptions(options: PlanOptions): Record<string, unknown> {
  const { tolerance, granularity, approval, approveWithin } = options;
  return defined({
    ...howFields(options, options.note ?? options.reasonNote),
    concurrency: numberOf('concurrency', options.concurrency),
    rate: rateOf(options.rate),
    tolerance,
    maxUsers: numberOf('maxUsers', options.maxUsers),
    granularity,
    approval,
    approveWithin,
  });
}

function rateOf(text: string | undefined): number | undefined {
  return text?.includes('/') ? callsPerMinute(text, { name: '--rate', field: 'rate' }) : numberOf('rate', text);
}

/** Reads a number. The input's own schema checks its bounds. */
function numberOf(option: 'concurrency' | 'rate' | 'maxUsers', text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new Refusal('Task.InvalidInput', `${option}: must be a number, and ${flagOf(option)} is "${text}".`, option);
}
