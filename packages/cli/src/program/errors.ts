import { OpenApiError } from '@temporal-http-tasks/openapi/internal/document/openapi-error';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import {
  SweepConflictError,
  SweepReleasedError,
  UnknownSweepError,
} from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { problemLine, ProviderError } from 'temporal-http-tasks/internal/providers/problems';
import type { ProviderProblem } from 'temporal-http-tasks/internal/providers/problems';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import { RunConflictError } from 'temporal-http-tasks/internal/starts/run-conflict';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { POLICY_SETTING, PolicyError } from 'temporal-http-tasks/internal/operator-policy/policy-error';
import type { PolicyProblem } from 'temporal-http-tasks/internal/operator-policy/policy-error';
import type { ExitCode } from './io';

/** What went wrong, as `--json` prints it under `error`. */
export interface ErrorReport {
  /**
   * `Usage`, `Settings`, `Task.InvalidInput`, `Task.NotAllowed`, `Document`, `Provider`, `Policy`, or what else prevented
   * the command, for example `NoWorker`.
   */
  type: string;
  /** The path in the input (`user.batchUserId`), the setting (`PLAID_SECRET`), or the place in a document (`#/paths`). */
  field?: string;
  message: string;
  /** Of provider files and policy files: every problem, with its file and place. */
  problems?: readonly (ProviderProblem | PolicyProblem)[];
}

/** A command line or an input that is refused before anything happens: exit 2. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly type: 'Usage' | 'Task.InvalidInput' | 'Task.NotAllowed' | 'Settings' | 'Document',
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

/** What can prevent a command. */
export type CommandFailureType =
  | 'NoWorker'
  | 'TemporalUnavailable'
  | 'Conflict'
  | 'Interrupted'
  | 'RunEnded'
  /** There is no sweep, or no schedule, of that name. */
  | 'NotFound'
  /** A sweep does not take what was asked of it. */
  | 'Refused'
  /** The ids of a sweep cannot be read any more. */
  | 'Released'
  | 'Failed';

/** Something outside the command line prevented a command: exit 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly type: CommandFailureType,
    message: string,
  ) {
    super(message);
  }
}

/** The exit code of an error, and what is reported about it. Stacks stay inside. */
export function reportOf(error: unknown): { exitCode: ExitCode; report: ErrorReport } {
  if (error instanceof Refusal) return refused(error.type, error.message, error.field);
  if (error instanceof InvalidInputError) return refused('Task.InvalidInput', error.message, error.field || undefined);
  if (error instanceof OpenApiError) return refused('Document', error.message, error.place || undefined);
  if (error instanceof ProviderError) {
    const { problems } = error;
    const message = [`The provider file is not valid:`, ...problems.map((one) => `  ${problemLine(one)}`)].join('\n');
    return { exitCode: 2, report: { type: 'Provider', message, problems } };
  }
  if (error instanceof PolicyError) {
    const { message, problems } = error;
    return { exitCode: 2, report: { type: 'Policy', field: POLICY_SETTING, message, problems } };
  }
  if (error instanceof SourceError) return refused('Task.InvalidInput', error.message, error.field);
  if (error instanceof SettingsError) return refused('Settings', error.message, error.problems[0]?.setting);
  if (error instanceof LedgerSettingError) return refused('Settings', error.message, error.setting);
  if (error instanceof LedgerUnavailableError) return failed('Task.LedgerUnavailable', error.message);
  if (error instanceof SourceUnavailableError) return failed('SourceUnavailable', error.message);
  if (error instanceof CommandFailure) return failed(error.type, error.message);
  if (error instanceof RunConflictError) return failed('Conflict', error.message);
  if (error instanceof UnknownSweepError) return failed('NotFound', error.message);
  if (error instanceof SweepReleasedError) return failed('Released', error.message);
  if (error instanceof SweepConflictError) return failed('Conflict', withoutField(error.message));
  return failed('Failed', error instanceof Error ? error.message : String(error));
}

/** `sweepId: sweep x is …`: the person who typed the ID knows where. */
function withoutField(message: string): string {
  return message.replace(/^\w+: (.)/, (_, first: string) => first.toUpperCase());
}

function refused(
  type: string,
  message: string,
  field: string | undefined,
): { exitCode: ExitCode; report: ErrorReport } {
  return { exitCode: 2, report: { type, ...(field !== undefined && { field }), message } };
}

function failed(type: string, message: string): { exitCode: ExitCode; report: ErrorReport } {
  return { exitCode: 1, report: { type, message } };
}
