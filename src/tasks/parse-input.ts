import type { z } from 'zod';

/** Why an input was refused. Each problem names its field; no value is repeated, since it could be an id or a secret. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  /** The path of the first field that is wrong, for example `user.batchUserId`; empty for the input as a whole. */
  readonly field: string;

  constructor(what: string, problems: readonly { field: string; message: string }[]) {
    const list = problems.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; ');
    super(`The input of ${what} is not valid: ${list}.`);
    this.field = problems[0]?.field ?? '';
  }
}

/**
 * Checks an input against its schema and answers it parsed.
 *
 * @throws InvalidInputError that names every wrong field, and for an unknown field its name.
 */
export function parseInput<S extends z.ZodType>(what: string, schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input, { reportInput: false });
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(what, parsed.error.issues.flatMap(problemsOf));
}

function problemsOf(issue: z.core.$ZodIssue): { field: string; message: string }[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: [...path, key].join('.'), message: 'there is no such field' }));
  }
  // Zod's word for a field that is there and undefined, whatever its own schema expects.
  const missing = issue.code === 'invalid_type' && issue.expected === 'nonoptional';
  return [{ field: path.join('.'), message: missing ? 'must be given' : lowerFirst(issue.message) }];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
