import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { LedgerStatementError } from '../../ledger/sql-failure';
import { SweepConflictError, SweepReleasedError, UnknownSweepError } from '../../ledger/sweeps/sweep-errors';
import { SourceError, SourceUnavailableError } from '../../sources/source';
import type { TaskFailure } from '../../tasks/failure';
import { InvalidInputError } from '../../tasks/parse-input';
import { refusal } from '../refusals';

/** Errors of the ledger, which do not concern the source. */
const OF_THE_LEDGER = [
  LedgerUnavailableError,
  LedgerStatementError,
  SweepConflictError,
  SweepReleasedError,
  UnknownSweepError,
] as const;

/**
 * Returns the failure of a source that could not be read: a final refusal naming the field, or a failure that Temporal
 * retries. The message of an error that a custom source throws is dropped, since it may contain IDs.
 *
 * @param kind For example `file`.
 */
export function sourceFailure(error: unknown, kind: string): unknown {
  if (error instanceof InvalidInputError) return refusal(pathOf(error.field), problemIn(error.message));
  if (error instanceof SourceError) return refusal(pathOf(error.field), withoutField(error));
  if (error instanceof SourceUnavailableError) return unavailable(error.message);
  if (error instanceof ApplicationFailure) return refusedInput(error) ?? error;
  if (error instanceof CancelledFailure || OF_THE_LEDGER.some((type) => error instanceof type)) return error;
  const name = error instanceof Error && /^[A-Za-z]{1,60}$/.test(error.name) ? error.name : 'unknown error';
  const code =
    error instanceof Error && 'code' in error && /^[A-Z][A-Z0-9_]{1,60}$/.test(String(error.code))
      ? ` ${String(error.code)}`
      : '';
  const advice =
    kind === 'custom'
      ? 'the source has to throw SourceError or SourceUnavailableError with a message'
      : 'report it with this message';
  return unavailable(
    `The ${kind} source failed unexpectedly (${name}${code}), and no user was deleted. It is retried from the same position; ` +
      `if it keeps failing, cancel the sweep: ${advice}.`,
  );
}

/** Returns the refusal when the task that reads pages refuses its input. */
function refusedInput(failure: ApplicationFailure): ApplicationFailure | undefined {
  const details = failure.details?.[0] as Partial<TaskFailure> | undefined;
  if (failure.type !== 'Task.InvalidInput' || details?.task === undefined) return undefined;
  return refusal(['source.pages.input', details.field].filter(Boolean).join('.'), problemIn(failure.message));
}

/** `The input of http.request is not valid: uri: …` → `uri: …`; the refusal adds the rest. */
function problemIn(message: string): string {
  return message.replace(/^The input of [\w. ]+ is not valid: /, '');
}

/** `file` → `source.file`; the name of a setting is not a path in the input, and is in the message. */
function pathOf(field: string): string {
  return field === '' || field === 'source' || field.startsWith('HTTP_TASKS_') ? 'source' : `source.${field}`;
}

function withoutField({ field, message }: SourceError): string {
  return field.startsWith('HTTP_TASKS_') || !message.startsWith(`${field}: `)
    ? message
    : message.slice(field.length + 2);
}

function unavailable(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.Unavailable',
    message,
    details: [{ type: 'Task.Unavailable', service: 'source', message }],
  });
}
