import type { z } from 'zod';

/**
 * How the steps of an offboarding resolve a lost response of the task. A call of its own (`httpTask()`, `runHttpTask`,
 * `http-tasks call`) fails `Task.OutcomeUnknown`.
 */
export interface SettleInSteps {
  /**
   * `list`: a read of a list. `resend`: sending it again, since the provider's refusal shows it. `repeat`: repeating
   * it.
   */
  by: 'list' | 'resend' | 'repeat';
  /** The task that reads, for `list`. */
  with?: string;
  /** `documented` by the provider, or `assumed` by us. */
  basis: 'documented' | 'assumed';
}

/**
 * A provider code, an HTTP status, or a state in a successful response that means that the object of the call does not
 * exist.
 */
export type AbsentSign = string | number | Readonly<Record<string, unknown>>;

/** A lost response of the task is resolved by a read, wherever the task is called. */
export interface SettleByLook {
  by: 'look';
  /** The full name of the task that reads. */
  with: string;
  /** Its input. A placeholder is a whole text and names a field of the call's own input: `${id}`, `${owner.id}`. */
  input: unknown;
  /**
   * The part of its response that shows that the call was carried out. Any other successful response shows that it was
   * not.
   */
  absent: readonly AbsentSign[];
  /** What the call returns when its response was lost and it was carried out. @default {} */
  output?: unknown;
  /** Time between the lost response and the read, in milliseconds. @default 5,000 */
  lagMs?: number;
  /** @default assumed */
  basis?: 'documented' | 'assumed';
}

/** How a lost response of a task is resolved. */
export type Settle = SettleInSteps | SettleByLook;

/** A settle as an author writes it: with the reading task itself, or its name. */
export type GivenSettle =
  SettleInSteps | (Omit<SettleByLook, 'with'> & { with: string | { readonly name: string; readonly effect: string } });

/** Default time between a lost response and the read, in milliseconds. */
export const LOOK_AFTER_MS = 5_000;

/** Maximum time between a lost response and the read, in milliseconds: ten minutes. */
const MOST_LAG_MS = 600_000;

/** The facts of a definition that a `settle` depends on. */
interface SettledTask {
  effect: string;
  input: z.ZodType;
  output: z.ZodType;
}

/**
 * Returns the settle of a task with names instead of tasks.
 *
 * @throws TypeError that starts with `where` and says what is wrong.
 */
export function readSettle(where: string, given: GivenSettle, task: SettledTask): Settle {
  if (given.by !== 'look') return given;
  const refuse = (what: string): never => {
    throw new TypeError(`${where}: settle${what}.`);
  };
  if (task.effect !== 'irreversible')
    refuse(
      `.by is "look", which is for the effect "irreversible"; a task with the effect "${task.effect}" is repeated`,
    );
  const other = given.with;
  if (typeof other !== 'string' && other.effect !== 'read') refuse(`.with names ${other.name}, which is not a read`);
  if (typeof other === 'string' && !/^[^.]+\.[^.]+$/.test(other))
    refuse(`.with must be a task or its full name, such as desk.ticketGet`);
  for (const { place, message } of problemsOfInput(given.input, task.input)) refuse(`.input${place}: ${message}`);
  if (!Array.isArray(given.absent) || given.absent.length === 0)
    refuse('.absent must list at least one provider code, HTTP status or state, such as [404]');
  given.absent.forEach((sign, index) => {
    const wrong = whyNoSign(sign);
    if (wrong !== undefined) refuse(`.absent[${index}] ${wrong}`);
  });
  const { lagMs = 0 } = given;
  if (!(Number.isInteger(lagMs) && lagMs >= 0 && lagMs <= MOST_LAG_MS))
    refuse(`.lagMs is ${lagMs}; allowed: whole milliseconds up to ${MOST_LAG_MS}`);
  const output = settledOutput(given.output, task.output);
  if (!output.success)
    refuse(
      given.output === undefined
        ? '.output is required: the output schema does not allow {}, so say what the call returns when its response was lost and it was carried out'
        : '.output does not fit the output schema',
    );
  return { ...given, with: typeof other === 'string' ? other : other.name, output: output.data };
}

/** Whole texts only, so that a value is never assembled from parts. */
const PLACEHOLDER = /^\$\{([A-Za-z]\w*)(?:\.[\w.]+)?\}$/;

function problemsOfInput(template: unknown, input: z.ZodType): { place: string; message: string }[] {
  if (typeof template !== 'object' || template === null || Array.isArray(template))
    return [{ place: '', message: 'must be an object with the fields of the reading task' }];
  return problemsIn(template, fieldsOf(input), '');
}

function problemsIn(
  value: unknown,
  fields: readonly string[] | undefined,
  place: string,
): ReturnType<typeof problemsOfInput> {
  if (Array.isArray(value)) return value.flatMap((entry, index) => problemsIn(entry, fields, `${place}[${index}]`));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, inner]) => problemsIn(inner, fields, `${place}.${key}`));
  if (typeof value !== 'string' || !value.includes('${')) return [];
  const [, field] = PLACEHOLDER.exec(value) ?? [];
  if (field === undefined) return [{ place, message: 'a placeholder must be the whole text, such as "${id}"' }];
  if (!fields || fields.includes(field)) return [];
  return [{ place, message: `unknown placeholder ${value}; fields of the input are: ${fields.join(', ')}` }];
}

/** The fields of an object's schema; undefined for schemas of other kinds. */
function fieldsOf(schema: z.ZodType): string[] | undefined {
  return 'shape' in schema && typeof schema.shape === 'object' ? Object.keys(schema.shape ?? {}) : undefined;
}

function whyNoSign(sign: unknown): string | undefined {
  if (typeof sign === 'string') return sign === '' ? 'must not be empty' : undefined;
  if (typeof sign === 'number')
    return Number.isInteger(sign) && sign >= 400 && sign < 500
      ? undefined
      : 'must be an HTTP status from 400 to 499; name what a success says by its fields';
  if (typeof sign !== 'object' || sign === null || Array.isArray(sign) || Object.keys(sign).length === 0)
    return "must be a provider code, an HTTP status, or paths with their values, such as { 'user.active': false }";
  const wrong = Object.entries(sign).find(([, condition]) => !isCondition(condition));
  return (
    wrong && `: ${wrong[0]} must be a value, or one of { contains: TEXT }, { text: TEXT } and { exists: true or false }`
  );
}

function isCondition(condition: unknown): boolean {
  if (condition === null || ['string', 'number', 'boolean'].includes(typeof condition)) return true;
  const entries = typeof condition === 'object' ? Object.entries(condition ?? {}) : [];
  const [[name, value] = ['', undefined]] = entries;
  if (entries.length !== 1) return false;
  return name === 'exists'
    ? typeof value === 'boolean'
    : ['contains', 'text'].includes(name) && typeof value === 'string';
}

/** Returns the output for a lost response: what the definition says, otherwise the emptiest value that is allowed. */
function settledOutput(given: unknown, schema: z.ZodType): z.ZodSafeParseResult<unknown> {
  const candidates = given === undefined ? [{}, null, undefined] : [given];
  const results = candidates.map((candidate) => schema.safeParse(candidate));
  return results.find(({ success }) => success) ?? (results[0] as z.ZodSafeParseResult<unknown>);
}
