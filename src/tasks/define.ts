import type { z } from 'zod';
import { ownEntry } from './parse-input';
import { readSettle } from './settle';
import type { GivenSettle, Settle } from './settle';
import type { CredentialRule, ServiceDefinition } from './service';
import type { AnswerForm, BodyForm, FieldWriting } from './wire';

/**
 * The effect of a call.
 *
 * - `read`: changes nothing; repeated freely, aborted on cancellation.
 * - `repeatSafe`: idempotent; repeated after a lost response.
 * - `irreversible`: cannot be undone and is never sent again blindly; a lost response fails `Task.OutcomeUnknown`,
 *   unless `settle` names a task that reads whether the call was carried out.
 */
export type Effect = 'read' | 'repeatSafe' | 'irreversible';

/** Where a field of the input is sent. `slot` picks a credential and is not sent; `wholeBody` is the body itself. */
export type FieldPlace = 'path' | 'query' | 'header' | 'cookie' | 'body' | 'wholeBody' | 'slot';

/** Timeouts of the parts of one call, in milliseconds. */
export interface CallTimeouts {
  connectMs: number;
  /** From the sent request to the first byte of the response. */
  firstByteMs: number;
  /** Maximum silence within the response's body. */
  bodyMs: number;
  /** The whole call. */
  totalMs: number;
}

/** A field with a bearer token of a user: masked wherever it is shown and refused in plain histories. */
export interface SensitiveField {
  field: string;
  /** Only values that match are sensitive; all are when absent. */
  when?: RegExp;
}

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE';

/** An HTTP task: one call of an API as data, from which activity, proxy, form, reference and snippets are made. */
export interface HttpTask<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  /** Service and operation: `plaid.userItemsRemove`. The activity has the same name; permanent once released. */
  name: Name;
  operation: string;
  service: ServiceDefinition;
  summary: string;
  description: string;
  /** The provider's own page about the call. */
  docs: string;
  tags: readonly string[];
  method: HttpMethod;
  /** With `{placeholders}` for fields placed in the path and for path credentials. */
  path: string;
  /** Fields that are not sent in the method's usual place (body for POST, PUT and PATCH, query otherwise). */
  places: Readonly<Record<string, FieldPlace>>;
  /** Fields that are not written in the usual way; see {@link FieldWriting}. */
  writing?: Readonly<Record<string, FieldWriting>>;
  /** The form of the body. @default JSON */
  bodyForm?: BodyForm;
  /** The form of a successful response. @default JSON */
  answerForm?: AnswerForm;
  /**
   * The credentials of this call, if it does not use every credential of the service or sends one in another place.
   * @default the service's
   */
  credentials?: readonly CredentialRule[];
  /**
   * The call uses the client certificate that the settings `HTTP_TASKS_TLS_<NAME>_…` have for its origin. Without one
   * it is refused and not sent.
   */
  clientCertificate?: boolean;
  input: Input;
  output: Output;
  effect: Effect;
  /**
   * Whether a successful call deletes data, now or later, even if repeating it is safe. Users then have to confirm the
   * call. @default the method is DELETE and the effect is not `read`
   */
  deletes?: boolean;
  /** What a successful response means: the provider did it, or accepted it and does it later. Not used for a read. */
  answerMeans: 'removed' | 'accepted';
  settle?: Settle;
  /** What can be done when this was done and a later step failed. */
  remedy: string;
  sensitive: readonly SensitiveField[];
  /** Fields that identify the user of the call; a field may be an array of IDs. Receipts contain their keyed hashes. */
  subjectFields: readonly string[];
  /** The input field with the IDs of the user's items, if the call is about items. */
  itemsField?: string;
  /** Path to the IDs of the user's items in the response, for example `items.item_id`; all entries of arrays count. */
  itemsInOutput?: string;
  /** Provider codes that mean that what the call is about does not exist. */
  absentCodes: readonly string[];
  /** HTTP statuses that mean the same, if the provider has no code for it. @default none */
  absentStatuses?: readonly number[];
  /**
   * Good responses that mean that the call changed nothing: nothing was there, or it failed. Patterns of states, as the
   * steps of a provider have them.
   */
  unchangedBy?: { absent: readonly unknown[]; failed: readonly unknown[] };
  /** Dotted path to the provider's confirmation of a successful response, such as a job's ID; for receipts. @default token */
  tokenField?: string;
  timeouts: CallTimeouts;
  /** Maximum size of a response, in bytes; a larger one fails `Task.UnexpectedResponse`. */
  maxResponseBytes: number;
  /** The request's method, URL, headers and body come from the input itself (`http.request`). */
  generic: boolean;
}

/** What a caller passes to this task. */
export type TaskInput<T extends HttpTask> = z.input<T['input']>;

/** The output of a task. Fields that the provider adds later are kept. */
export type TaskOutput<T extends HttpTask> = z.output<T['output']>;

type Optional =
  | 'tags'
  | 'places'
  | 'remedy'
  | 'answerMeans'
  | 'sensitive'
  | 'subjectFields'
  | 'absentCodes'
  | 'maxResponseBytes'
  | 'docs'
  | 'description'
  | 'generic';

/** The argument of {@link defineHttpTask}. */
export type HttpTaskInput<
  Service extends ServiceDefinition,
  Operation extends string,
  I extends z.ZodType,
  O extends z.ZodType,
> = Omit<HttpTask<string, I, O>, Optional | 'name' | 'service' | 'operation' | 'timeouts' | 'settle'> &
  Partial<Pick<HttpTask, Optional>> & {
    service: Service;
    operation: Operation;
    timeouts?: Partial<CallTimeouts>;
    settle?: GivenSettle;
  };

/** Default timeouts: 5 s to connect, 30 s to the first byte, 15 s of silence, 60 s in total. */
export const DEFAULT_TIMEOUTS: CallTimeouts = {
  connectMs: 5_000,
  firstByteMs: 30_000,
  bodyMs: 15_000,
  totalMs: 60_000,
};

/**
 * Default maximum size of a response, in bytes: a quarter of what Temporal accepts for one payload, so that a failure
 * about a large response fits too.
 */
export const DEFAULT_MAX_RESPONSE_BYTES = 512 * 1024;

/**
 * Maximum total time of a call, in milliseconds. The activity has five minutes; a call that outlives it would be
 * retried while the first one is in progress.
 */
const MOST_TOTAL_MS = 240_000;

const OPERATION = /^[a-z][a-zA-Z0-9]*$/;

/**
 * Defines an HTTP task. Nothing is sent; the result is plain data with two schemas.
 *
 * An effect other than `read` needs a `settle` and a `remedy`: the author of a destructive call has to decide how a
 * lost response is resolved and what can be done afterwards.
 *
 * @throws TypeError that names the field, when the definition is invalid.
 */
export function defineHttpTask<
  const ServiceName extends string,
  const Operation extends string,
  I extends z.ZodType,
  O extends z.ZodType,
>(
  input: HttpTaskInput<ServiceDefinition & { name: ServiceName }, Operation, I, O>,
): HttpTask<`${ServiceName}.${Operation}`, I, O> {
  const name = `${input.service.name}.${input.operation}` as const;
  if (!OPERATION.test(input.operation)) {
    throw new TypeError(
      `defineHttpTask(${name}): operation must start with a lower-case letter and have letters and digits only.`,
    );
  }
  if (!input.generic) refuseUnfilledPath(name, input.path, input);
  refuseUnknownCredentials(name, input);
  if (input.effect !== 'read') {
    if (!input.settle)
      throw new TypeError(`defineHttpTask(${name}): settle is required for the effect "${input.effect}".`);
    if (!input.remedy)
      throw new TypeError(`defineHttpTask(${name}): remedy is required for the effect "${input.effect}".`);
  }
  const {
    input: inputSchema,
    output: outputSchema,
    settle: _settle,
    ...rest
  } = Object.getOwnPropertyDescriptors(input);
  const settle = input.settle && readSettle(`defineHttpTask(${name})`, input.settle, input);
  const timeouts = { ...DEFAULT_TIMEOUTS, ...input.timeouts };
  if (!(timeouts.totalMs > 0 && timeouts.totalMs <= MOST_TOTAL_MS)) {
    throw new TypeError(
      `defineHttpTask(${name}): timeouts.totalMs is ${timeouts.totalMs}; allowed: more than 0, and at most ${MOST_TOTAL_MS}.`,
    );
  }
  const task = {
    tags: [],
    places: {},
    remedy: '',
    answerMeans: 'accepted' as const,
    sensitive: [],
    subjectFields: [],
    absentCodes: [],
    maxResponseBytes: DEFAULT_MAX_RESPONSE_BYTES,
    docs: '',
    description: '',
    generic: false,
  };
  Object.defineProperties(task, {
    ...rest,
    input: madeOnce(inputSchema, input),
    output: madeOnce(outputSchema, input),
  });
  return Object.freeze(
    Object.assign(task as typeof task & Omit<HttpTask<never, I, O>, 'name' | 'timeouts' | 'settle'>, {
      name,
      timeouts,
      ...(settle && { settle }),
    }),
  );
}

/**
 * Returns a property whose getter runs once, when the property is first read. A run evaluates the tasks of the catalogue
 * each time, and needs the schemas of few of them.
 */
function madeOnce(property: PropertyDescriptor, owner: object): PropertyDescriptor {
  if (!property.get) return property;
  let made: { value: unknown } | undefined;
  return { enumerable: true, get: () => (made ??= { value: property.get?.call(owner) as unknown }).value };
}

function refuseUnfilledPath(
  name: string,
  path: string,
  input: Pick<HttpTask, 'service' | 'credentials' | 'writing'> & Partial<Pick<HttpTask, 'places'>>,
): void {
  if (!path.startsWith('/')) throw new TypeError(`defineHttpTask(${name}): path "${path}" must start with "/".`);
  const filled = new Set<string>();
  for (const [field, place] of Object.entries(input.places ?? {}))
    if (place === 'path') filled.add(ownEntry(input.writing, field)?.name ?? field);
  for (const rule of credentialsOf(input)) if (rule.in === 'path') filled.add(rule.name);
  for (const [, placeholder = ''] of path.matchAll(/\{([^{}]*)\}|[{}]/g)) {
    if (!filled.has(placeholder)) {
      throw new TypeError(
        `defineHttpTask(${name}): no value for {${placeholder}} in the path; place an input field there or add a path credential.`,
      );
    }
  }
}

function refuseUnknownCredentials(
  name: string,
  { credentials = [], service }: Pick<HttpTask, 'service' | 'credentials'>,
): void {
  const unknown = credentials.find(({ setting }) => !service.credentials.some((rule) => rule.setting === setting));
  if (!unknown) return;
  throw new TypeError(
    `defineHttpTask(${name}): credentials name ${unknown.setting}, which is not a credential of the service ${service.name}.`,
  );
}

/** Returns the credentials of this call. */
export function credentialsOf({
  credentials,
  service,
}: Pick<HttpTask, 'credentials' | 'service'>): readonly CredentialRule[] {
  return credentials ?? service.credentials;
}

/** Returns whether the method usually has a body. */
export function takesBody(method: HttpMethod): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

/**
 * Returns the texts and whole numbers at a dotted path, as texts, from all entries of arrays on the path:
 * `items.item_id`, `id.value`.
 */
export function stringsAt(value: unknown, path: string): string[] {
  const [head, ...rest] = path.split('.');
  if (Array.isArray(value)) return value.flatMap((entry) => stringsAt(entry, path));
  if (!path) return typeof value === 'string' ? [value] : Number.isSafeInteger(value) ? [String(value)] : [];
  if (typeof value !== 'object' || value === null) return [];
  const inner = (value as Record<string, unknown>)[head ?? ''];
  const innerPath = rest.join('.');
  return Array.isArray(inner) ? inner.flatMap((entry) => stringsAt(entry, innerPath)) : stringsAt(inner, innerPath);
}

/**
 * Returns the fields of this input that contain a bearer token, for example `['user_token']`, or `body.password` for a
 * nested one.
 */
export function sensitiveFieldsIn(task: Pick<HttpTask, 'sensitive'>, input: unknown): string[] {
  return task.sensitive
    .filter(({ field, when }) => tokensAt(input, field).some((token) => when === undefined || when.test(token)))
    .map(({ field }) => field);
}

/** Returns the texts in this field of an input. */
export function tokensAt(input: unknown, field: string): string[] {
  if (typeof input !== 'object' || input === null) return [];
  const own = Object.hasOwn(input, field) ? (input as Record<string, unknown>)[field] : undefined;
  return typeof own === 'string' ? [own] : stringsAt(input, field);
}

/** Returns the input with a mask instead of every text in this field. */
export function withMaskAt(input: unknown, field: string, mask: string): unknown {
  if (Array.isArray(input)) return input.map((entry) => withMaskAt(entry, field, mask));
  if (typeof input !== 'object' || input === null) return input;
  const [head = '', ...rest] = Object.hasOwn(input, field) ? [field] : field.split('.');
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => {
      if (key !== head) return [key, value];
      return [key, rest.length > 0 ? withMaskAt(value, rest.join('.'), mask) : maskedTexts(value, mask)];
    }),
  );
}

function maskedTexts(value: unknown, mask: string): unknown {
  if (Array.isArray(value)) return value.map((entry) => maskedTexts(entry, mask));
  return typeof value === 'string' ? mask : value;
}
