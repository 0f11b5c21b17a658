import type { z } from 'zod';

/** A control request that does not fit; answered with 400 and `{error: {field, message}}`. */
export class ControlError extends Error {
  override readonly name = 'ControlError';

  constructor(
    readonly field: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/** Checks a control body; the error names the first field that does not fit, below `at`. */
export function parseControlBody<T extends z.ZodType>(schema: T, body: unknown, at: PropertyKey[] = []): z.output<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = [...at, ...(issue?.path ?? [])].map(String).join('.');
  throw new ControlError(path === '' ? undefined : path, issue?.message ?? 'does not fit the schema');
}
