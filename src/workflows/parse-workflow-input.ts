import { ApplicationFailure } from '@temporalio/workflow';
import type { z } from 'zod';
import { InvalidInputError, parseInput } from '../tasks/parse-input';

/**
 * Checks a workflow's input and answers it parsed.
 *
 * A raw ZodError would leave the run open with its workflow task retried for ever: only Temporal failures end a run.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, final, whose message names every wrong field.
 */
export function parseWorkflowInput<S extends z.ZodType>(workflow: string, schema: S, input: unknown): z.output<S> {
  try {
    return parseInput(workflow, schema, input);
  } catch (error) {
    if (error instanceof InvalidInputError) throw invalidInput(error.message, error.field);
    throw error;
  }
}

/** A final refusal of a workflow's input. */
export function invalidInput(message: string, field: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.InvalidInput',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.InvalidInput', service: 'http-tasks', message, field }],
  });
}
