import { ApplicationFailure, patched } from '@temporalio/workflow';
import type { z } from 'zod';
import { isTooFar, MOST_DEADLINE_MS } from '../policy/deadline';
import { InvalidInputError, parseInput } from '../tasks/parse-input';

/**
 * Checks a workflow's input and returns it parsed.
 *
 * A raw ZodError would leave the run open, with its workflow task retried forever: only Temporal failures end a run.
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

/** The patch since which a run with more than one input is refused. */
const ONE_INPUT = 'one-input';

/**
 * Refuses inputs after the first, which would be ignored: the Temporal CLI makes two of a repeated `--input`.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, final, unless an earlier version began the run.
 */
export function refuseMoreInputs(workflow: string, more: readonly unknown[]): void {
  if (more.length === 0 || !patched(ONE_INPUT)) return;
  throw invalidInput(
    `The input of ${workflow} is not valid: got ${more.length + 1} inputs instead of one object. Put all fields into one object.`,
    '',
  );
}

/** The patch since which a deadline that is more than ten years away is refused. */
const DEADLINE_HAS_A_LIMIT = 'deadline-of-ten-years-at-most';

/**
 * Returns the input with a deadline that can be computed with. The schema refuses a deadline more than ten years away;
 * a run that an earlier version began gets the longest allowed deadline instead.
 *
 * @param isContinued Whether an earlier run has accepted this input.
 */
export function withBoundedDeadline(input: unknown, isContinued: boolean): unknown {
  if (typeof input !== 'object' || input === null || !('deadline' in input)) return input;
  const { deadline } = input;
  if (typeof deadline !== 'string' || !isTooFar(deadline, Date.now())) return input;
  if (!isContinued && patched(DEADLINE_HAS_A_LIMIT)) return input;
  return { ...input, deadline: `${MOST_DEADLINE_MS / 86_400_000} days` };
}

/** Returns a final refusal of a workflow's input. */
export function invalidInput(message: string, field: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.InvalidInput',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.InvalidInput', service: 'http-tasks', message, field }],
  });
}
