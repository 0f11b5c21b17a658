import { ApplicationFailure } from '@temporalio/common';
import { OperationError } from 'nexus-rpc';
import type { z } from 'zod';
import { OFFBOARDING_CONFLICT } from '../policy/failure-types';
import { RunConflictError } from '../starts/run-conflict';
import { InvalidInputError, parseInput } from '../tasks/parse-input';

/**
 * Validates an operation's input before anything is started.
 *
 * @throws OperationError whose cause is `Task.InvalidInput` and names the field. It ends the operation; Nexus would
 * retry after any other error.
 */
export function checkedInput<S extends z.ZodType>(name: string, schema: S, given: unknown): z.output<S> {
  try {
    return parseInput(name, schema, given);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw refusal(error.message, error.field);
  }
}

/** Creates the error for an invalid field. */
export function refusedInput(name: string, field: string, why: string): OperationError {
  return refusal(`The input of ${name} is not valid: ${field}: ${why}.`, field);
}

/** Converts conflicts into failures with a type that the caller can handle and that Nexus does not retry. */
export async function typedFailures<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof RunConflictError)) throw error;
    const cause = ApplicationFailure.create({ type: OFFBOARDING_CONFLICT, message: error.message, nonRetryable: true });
    throw new OperationError('failed', error.message, { cause });
  }
}

function refusal(message: string, field: string): OperationError {
  const type = 'Task.InvalidInput';
  const details = [{ type, service: 'http-tasks', message, field }];
  return new OperationError('failed', message, {
    cause: ApplicationFailure.create({ type, message, nonRetryable: true, details }),
  });
}
