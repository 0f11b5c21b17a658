import type { z } from 'zod';

/** An invalid control request, refused with 400 and `{error: {field, message}}`. */
export class ControlError extends Error {
  override readonly name = 'ControlError';

  constructor(
    readonly field: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/** Validates a control body. The error names the first invalid field, prefixed by `at`. */
export function parseControlBody<T extends z.ZodType>(schema: T, body: unknown, at: PropertyKey[] = []): z.output<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = [...at, ...(issue?.path ?? [])].map(String).join('.');
  throw new ControlError(path === '' ? undefined : path, issue?.message ?? 'does not match the schema');
}
