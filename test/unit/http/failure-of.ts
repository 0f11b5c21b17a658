import { inspect } from 'node:util';
import { ApplicationFailure } from '@temporalio/common';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';

/** What a failed send is expected to look like, flat enough for a table. */
export interface SeenFailure extends TaskFailure {
  retryable: boolean;
  delayMs: number | undefined;
}

/** Awaits a rejection and checks what all failures have in common: one detail, equal type and message, no cause. */
export async function failureOf(promise: Promise<unknown>): Promise<SeenFailure> {
  const error = await promise.then(
    (response) => {
      throw new Error(`it was answered: ${JSON.stringify(response)}`);
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw error instanceof Error ? error : new Error(String(error));
  expect(error.details).toHaveLength(1);
  const detail = error.details![0] as TaskFailure;
  expect(detail.type).toBe(error.type);
  expect(detail.message).toBe(error.message);
  expect(error.cause).toBeUndefined();
  return { ...detail, retryable: error.nonRetryable === false, delayMs: error.nextRetryDelay as number | undefined };
}

/** Everything that could be read out of a value or an error, as one text. */
export function everythingIn(value: unknown): string {
  const hidden =
    value instanceof Error ? `${value.stack ?? ''} ${JSON.stringify(value, Object.getOwnPropertyNames(value))}` : '';
  return `${JSON.stringify(value)} ${inspect(value, { depth: 20, showHidden: true })} ${hidden}`;
}

/** The field and the message with which preparing a request refuses its input. */
export function fieldOfRefusal(prepare: () => unknown): { field: string; message: string } {
  try {
    prepare();
  } catch (error) {
    if (error instanceof InvalidInputError) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}
