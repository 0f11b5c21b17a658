import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { oneOf } from 'temporal-http-tasks/internal/providers/problems';
import type { Problems } from 'temporal-http-tasks/internal/providers/problems';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { toDurationMs } from 'temporal-http-tasks/internal/policy/deadline';
import type { ErrorTaxonomy } from 'temporal-http-tasks/internal/tasks/service';
import { readSettle } from 'temporal-http-tasks/internal/tasks/settle';
import type { AbsentSign, Settle } from 'temporal-http-tasks/internal/tasks/settle';
import type { OperationDecision } from '../options';
import { FieldReader, isRecord } from './field-reader';

/** What a provider file decides about one task. */
export interface TaskChoice {
  decision: OperationDecision;
  absentStatuses: readonly number[];
  /** Whether effect and remedy are both given, as a call that changes something needs them. */
  mayAct: boolean;
  /** Dotted path to what confirms a successful response. */
  tokenField?: string;
  summary?: string;
  /** A read settles a lost call. */
  look?: ChosenLook;
}

/** The keys of `settle` in a provider file, when a read settles a lost call. */
interface ChosenLook {
  with: string;
  input: unknown;
  absent?: readonly unknown[];
  output?: unknown;
  lagMs?: number;
}

/** A response of a simulator. */
export interface SimulatedResponse {
  status: number;
  body?: unknown;
}

/** What a simulator returns for a task. */
export interface SimulatedCall extends Partial<SimulatedResponse> {
  /** For what is not there. */
  absent?: SimulatedResponse;
}

const KEYS = ['effect', 'settle', 'means', 'absent', 'remedy', 'summary', 'sensitive', 'token'];
const EFFECTS = ['read', 'repeatSafe', 'irreversible'] as const;

/**
 * Reads `tasks` of a provider file.
 *
 * @param operations The names of the document's operations; undefined when it could not be read.
 * @param errors The file's rules about error responses.
 */
export function readTaskChoices(
  file: FieldReader,
  name: string,
  operations: readonly string[] | undefined,
  errors: ErrorTaxonomy | undefined,
  problems: Problems,
): Map<string, TaskChoice> {
  const choices = new Map<string, TaskChoice>();
  const rejected = (errors?.rules ?? []).flatMap(({ status, failure }) =>
    status !== undefined && failure === 'Task.Rejected' ? [status] : [],
  );
  for (const [key, value] of file.entries('tasks', 'an object with the names of tasks')) {
    const place = `tasks.${key}`;
    const operation = operationIn(key, name);
    refuseUnknown(place, operation, operations, problems);
    if (choices.has(operation)) problems.add(place, `${operation} is already there under another name`);
    choices.set(operation, readChoice(new FieldReader(value, problems, place, KEYS), isRecord(value), rejected));
  }
  return choices;
}

/** Reads `simulate` of a provider file. */
export function readSimulated(
  file: FieldReader,
  name: string,
  operations: readonly string[] | undefined,
  problems: Problems,
): Map<string, SimulatedCall> {
  const found = file.entries('simulate', 'an object with the names of tasks');
  return new Map(
    found.flatMap(([key, value]): [string, SimulatedCall][] => {
      const place = `simulate.${key}`;
      const operation = operationIn(key, name);
      refuseUnknown(place, operation, operations, problems);
      const fields = new FieldReader(value, problems, place, ['status', 'body', 'absent']);
      if (!isRecord(value)) return [];
      const absent = fields.has('absent')
        ? readSimulatedResponse(new FieldReader(value.absent, problems, `${place}.absent`, ['status', 'body']))
        : undefined;
      const { status, ...body } = readSimulatedResponse(fields);
      // A response that is not a success is the one for what is not there.
      if (status !== undefined && status >= 400) return [[operation, { absent: { status, ...body } }]];
      return [
        [
          operation,
          {
            ...(status !== undefined && { status }),
            ...body,
            ...(absent && { absent: { ...absent, status: absent.status ?? 404 } }),
          },
        ],
      ];
    }),
  );
}

function readSimulatedResponse(fields: FieldReader): Partial<SimulatedResponse> {
  const status = fields.whole('status', { min: 200, max: 599 });
  const { body } = fields.raw;
  return { ...(status !== undefined && { status }), ...(body !== undefined && { body }) };
}

/** Tasks are named by their operation, or by their full name. */
function operationIn(key: string, name: string): string {
  return key.startsWith(`${name}.`) ? key.slice(name.length + 1) : key;
}

function refuseUnknown(
  place: string,
  operation: string,
  operations: readonly string[] | undefined,
  problems: Problems,
): void {
  if (operations && !operations.includes(operation))
    problems.add(place, `unknown task; allowed: ${oneOf(operations)}${didYouMean(operation, operations)}`);
}

function readChoice(fields: FieldReader, isGiven: boolean, rejected: readonly number[]): TaskChoice {
  const effect = fields.oneOf('effect', EFFECTS);
  const look = isRecord(fields.raw.settle) ? readLook(fields, fields.raw.settle) : undefined;
  const resend = isRecord(fields.raw.settle) ? undefined : readResend(fields);
  const responseMeans = fields.oneOf('means', ['removed', 'accepted']);
  const remedy = fields.text('remedy', 'what a person can do when the call was made and a later step failed');
  const summary = fields.text('summary', 'one line for people');
  const tokenField = fields.path('token');
  const { codes, statuses } = isGiven ? readAbsent(fields, rejected) : { codes: [], statuses: [] };
  const sensitive = fields.list('sensitive', 'fields').flatMap((field, index) => {
    if (typeof field === 'string' && field !== '') return [field];
    return fields.refuse(`sensitive[${index}]`, 'must be the name of a field of the input') ?? [];
  });
  if (effect === 'read' && fields.has('settle'))
    fields.refuse('settle', 'is for calls that change something; a read is always repeated');
  const settle: Settle | undefined =
    effect === 'repeatSafe' ? { by: 'repeat', basis: 'documented' } : resend && { by: 'resend', basis: 'documented' };
  const decision = {
    answerMeans: responseMeans ?? 'removed',
    absentCodes: codes,
    ...(effect && { effect }),
    ...(settle && { settle }),
    ...(remedy !== undefined && { remedy }),
    ...(fields.has('sensitive') && { sensitive }),
  } satisfies OperationDecision;
  const mayAct = fields.has('effect') && fields.has('remedy');
  return {
    decision,
    absentStatuses: statuses,
    mayAct,
    ...(tokenField !== undefined && { tokenField }),
    ...(summary !== undefined && { summary }),
    ...(look && { look }),
  };
}

const LOOK_KEYS = ['by', 'with', 'input', 'absent', 'output', 'lag'];

function readLook(fields: FieldReader, settle: Record<string, unknown>): ChosenLook | undefined {
  const own = fields.below('settle', LOOK_KEYS);
  own.oneOf('by', ['look']);
  const other = own.text('with', 'the task that reads', { required: true });
  const lag = own.text('lag', 'a duration such as "10 s"');
  const lagMs = lag === undefined ? undefined : toDurationMs(lag);
  if (lag !== undefined && lagMs === undefined) own.refuse('lag', 'must be a duration such as "10 s"');
  if (!own.has('input')) own.refuse('input', 'is required: the input of the task that reads');
  const absent = own.has('absent') ? own.list('absent', 'provider codes, HTTP statuses and states') : undefined;
  if (other === undefined) return undefined;
  return {
    with: other,
    input: settle.input,
    ...(absent && { absent }),
    ...(settle.output !== undefined && { output: settle.output }),
    ...(lagMs !== undefined && { lagMs }),
  };
}

function readResend(fields: FieldReader): 'resend' | undefined {
  const { settle } = fields.raw;
  if (settle === undefined || settle === 'resend') return settle;
  return fields.refuse(
    'settle',
    'must be resend, or { by: look, with, input, absent }: the read that shows what became of a lost call',
  );
}

/** Returns the tasks with the reads that settle their lost calls. */
export function withLooks(
  tasks: readonly HttpTask[],
  name: string,
  choices: ReadonlyMap<string, TaskChoice>,
  problems: Problems,
): HttpTask[] {
  return tasks.map((task) => {
    const look = choices.get(task.operation)?.look;
    if (!look) return task;
    const place = `tasks.${task.operation}.settle`;
    const other = tasks.find(({ operation }) => operation === operationIn(look.with, name));
    if (!other) {
      const names = tasks.map(({ operation }) => operation);
      problems.add(`${place}.with`, `unknown task; allowed: ${oneOf(names)}${didYouMean(look.with, names)}`);
      return task;
    }
    const { absent = [...other.absentCodes, ...(other.absentStatuses ?? [])] } = look;
    const given = { ...look, by: 'look', with: other, absent: absent as AbsentSign[], basis: 'documented' } as const;
    try {
      return { ...task, settle: readSettle('', given, task) };
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const [, field = '', what = ''] = /^: settle(\.[^\s:]+)?:? (.*)\.$/s.exec(error.message) ?? [];
      problems.add(`${place}${field}`, what);
      return task;
    }
  });
}

/** Statuses that say the same at every provider, unless a rule of the file says otherwise. */
const OWN_MEANINGS: Readonly<Record<number, string>> = {
  401: 'means that the key was refused',
  408: 'means that the call was lost',
  429: 'means that the call has to wait',
};

/** Whether a response with this status can say that something is absent: no redirect, and no fault of a server. */
function isAbsentStatus(status: unknown): status is number {
  return Number.isInteger(status) && [2, 4].includes(Math.floor(Number(status) / 100));
}

/** @param rejected Statuses that the file's rules call rejected. */
function readAbsent(fields: FieldReader, rejected: readonly number[]): { codes: string[]; statuses: number[] } {
  const codes: string[] = [];
  const statuses: number[] = [];
  fields.list('absent', 'provider codes and HTTP statuses').forEach((entry, index) => {
    if (typeof entry === 'string' && entry !== '') codes.push(entry);
    else if (!isAbsentStatus(entry))
      fields.refuse(
        `absent[${index}]`,
        'must be a provider code as a text, or an HTTP status from 200 to 299 or from 400 to 499 as a number; write a code of digits in quotes',
      );
    else if (entry in OWN_MEANINGS && !rejected.includes(entry))
      fields.refuse(
        `absent[${index}]`,
        `${entry} ${OWN_MEANINGS[entry]}; if it means here that something is absent, add { status: ${entry}, means: rejected } under errors.rules`,
      );
    else statuses.push(entry);
  });
  return { codes, statuses };
}

/** Returns the task with what only a provider file decides. */
export function withChoice(task: HttpTask, choice: TaskChoice | undefined): HttpTask {
  if (!choice) return task;
  const { absentStatuses, summary, tokenField } = choice;
  return {
    ...task,
    ...(tokenField !== undefined && { tokenField }),
    ...(absentStatuses.length > 0 && { absentStatuses }),
    ...(summary !== undefined && { summary }),
  };
}
