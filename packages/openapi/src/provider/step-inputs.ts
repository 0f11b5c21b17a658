import type { z } from 'zod';
import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import type { PlannedCall, PlannedStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import { compileTemplate, placeholdersIn } from 'temporal-http-tasks/internal/policy/providers/template';
import type { Template, TemplateScope } from 'temporal-http-tasks/internal/policy/providers/template';
import { oneOf } from 'temporal-http-tasks/internal/providers/problems';
import type { Problems } from 'temporal-http-tasks/internal/providers/problems';
import type { IdDefinition } from 'temporal-http-tasks/internal/providers/definition';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { isRecord } from './field-reader';

/** What the steps of a provider file are checked against. */
export interface StepContext {
  tasks: ReadonlyMap<string, HttpTask>;
  ids: Readonly<Record<string, IdDefinition>>;
}

interface PlacedCall {
  place: string;
  call: PlannedCall;
  task: HttpTask;
  /** The field that takes the cursor of the next page. */
  cursor?: string | undefined;
}

const CALLS = ['act', 'look', 'follow', 'find', 'proceed', 'bulk'] as const;

/** The value of every ID in a check: a text and, where a number is required, a number. */
const SAMPLE = '1';

/**
 * Checks the inputs of a step's calls against the schemas of their tasks, with sample values in place of IDs: unknown
 * and missing fields, values of another kind, and constants that the schema does not allow. What depends on a user's ID,
 * such as its length or format, is not checked.
 *
 * @param needs As in the file; undefined if the file has none.
 * @returns The IDs without which a call lacks a required field.
 */
export function checkStepInputs(
  step: PlannedStep,
  place: string,
  needs: unknown,
  context: StepContext,
  problems: Problems,
): string[] {
  const calls = callsOf(step, place, context);
  const each = step.kind === 'once' ? step.each : undefined;
  const all = Object.keys(context.ids);
  const noted = new Set<string>();
  const note = (at: string, message: string): void => {
    if (!noted.has(`${at} ${message}`)) problems.add(at, message);
    noted.add(`${at} ${message}`);
  };
  for (const one of calls) {
    if (each !== undefined && one.place.endsWith('.act') && !placeholdersIn(one.call.input).has(each))
      note(`${one.place}.input`, `must use \${${each}}, since the step has one call for each`);
    for (const code of reasonCodes(one.call.input)) checkCall(one, sample(all, context, each, code), note);
  }
  for (const one of calls) checkMost(one, mostOf(step, one), sample(all, context, each), note);
  const required = step.ids.filter((id) => {
    const others = all.filter((other) => other !== id);
    return id !== each && calls.some((one) => missingIn(one, sample(others, context, each)).length > 0);
  });
  const optional = needs === undefined ? [all] : alternatives(needs, each);
  for (const one of calls) {
    const never = missingIn(one, sample(all, context, each));
    for (const given of optional)
      for (const field of missingIn(one, withoutOptional(sample(given, context, each)))) {
        if (never.includes(field)) continue;
        note(
          `${one.place}.input`,
          `${one.task.name} requires the field ${field}, whose value may be absent; name its ID under needs, or use a constant`,
        );
      }
  }
  return [...required, ...(each !== undefined && required.length > 0 ? [each] : [])];
}

function callsOf(step: PlannedStep, place: string, { tasks }: StepContext): PlacedCall[] {
  return CALLS.flatMap((key) => {
    const call = (step as Partial<Record<typeof key, PlannedCall & { next?: { cursor: string } }>>)[key];
    const task = call && tasks.get(call.task);
    if (!task) return [];
    return [{ place: `${place}.${key}`, call, task, ...(call.next && { cursor: call.next.cursor }) }];
  });
}

/** Each way in which the IDs that a step needs can be there. */
function alternatives(needs: unknown, each: string | undefined): string[][] {
  const groups = (Array.isArray(needs) ? needs : []).map((entry: unknown) =>
    (Array.isArray(entry) ? entry : [entry]).map(String),
  );
  const first = groups.map((group) => group[0] ?? '');
  const more = groups.flatMap((group, index) => group.slice(1).map((id) => first.with(index, id)));
  return [first, ...more].map((ids) => (each === undefined ? ids : [...ids, each]));
}

function sample(
  given: readonly string[],
  { ids }: StepContext,
  each: string | undefined,
  code = 'OTHER',
): TemplateScope {
  const valueOf = (id: string): string | string[] => (ids[id]?.list && id !== each ? [SAMPLE] : SAMPLE);
  return {
    ids: Object.fromEntries(given.filter((id) => Object.hasOwn(ids, id)).map((id) => [id, valueOf(id)])),
    special: {
      items: [SAMPLE],
      item: SAMPLE,
      handle: SAMPLE,
      ids: [SAMPLE],
      'reason.code': code,
      'reason.note': 'A note.',
      reference: 'reference',
      callId: '123e4567-e89b-42d3-a456-426614174000',
    },
  };
}

/** The same for a run whose input has neither a note nor a reference. */
function withoutOptional(scope: TemplateScope): TemplateScope {
  return { ...scope, special: { ...scope.special, 'reason.note': undefined, reference: undefined } };
}

/** Reason codes that a template translates, and one that it does not. */
function reasonCodes(template: Template): string[] {
  if (Array.isArray(template)) return [...new Set(template.flatMap(reasonCodes)), 'OTHER'];
  if (!isRecord(template)) return ['OTHER'];
  const own = template.map === '${reason.code}' && isRecord(template.to) ? Object.keys(template.to) : [];
  return [...new Set([...own, ...Object.values(template).flatMap(reasonCodes), 'OTHER'])];
}

function filled({ call, cursor }: PlacedCall, scope: TemplateScope): unknown {
  const input = compileTemplate(call.input)(scope);
  return cursor !== undefined && isRecord(input) && !Object.hasOwn(input, cursor)
    ? { ...input, [cursor]: SAMPLE }
    : input;
}

function missingIn(call: PlacedCall, scope: TemplateScope): string[] {
  const input = filled(call, scope);
  return flawsIn(call.task, input).flatMap(({ path }) =>
    path.length > 0 && valueIn(input, path) === undefined ? [path.map(String).join('.')] : [],
  );
}

function checkCall(one: PlacedCall, scope: TemplateScope, note: (place: string, message: string) => void): void {
  const { call, task, place, cursor } = one;
  if (!isRecord(call.input)) {
    note(`${place}.input`, 'must be an object with the fields of the task');
    return;
  }
  const input = filled(one, scope);
  const fields = fieldsOf(task);
  if (cursor !== undefined && missingIn({ ...one, cursor: undefined }, scope).includes(cursor))
    note(`${place}.input`, `${task.name} requires the field ${cursor}, also on the first page; give its first value`);
  for (const flaw of flawsIn(task, input)) {
    const { template, at } = templateAt(call.input, flaw.path);
    if (flaw.code === 'unrecognized_keys') {
      for (const key of flaw.keys ?? []) {
        const allowed = at === '' ? `; allowed: ${oneOf(fields)}${didYouMean(key, fields)}` : '';
        const where = at === '' && key === cursor ? `${place}.cursor` : `${place}.input${at}.${key}`;
        note(where, `unknown field of ${task.name}${allowed}`);
      }
    } else if (cursor !== undefined && flaw.path[0] === cursor && !Object.hasOwn(call.input, cursor)) {
      // Its value is the provider's own.
      continue;
    } else if (valueIn(input, flaw.path) === undefined && flaw.path.length > 0) {
      note(`${place}.input`, `${task.name} requires the field ${flaw.path.map(String).join('.')}`);
    } else if (flaw.code === 'invalid_type' || isConstant(template)) {
      note(`${place}.input${at}`, `does not fit the field of ${task.name}: ${lowerFirst(flaw.message)}`);
    }
  }
}

function isConstant(template: Template): boolean {
  if (isRecord(template) && 'map' in template && 'to' in template)
    return placeholdersIn({ to: template.to, else: template.else }).size === 0;
  return placeholdersIn(template).size === 0;
}

function mostOf(step: PlannedStep, { place }: PlacedCall): number {
  if (step.kind === 'list' && place.endsWith('.act')) return step.act.most ?? 1;
  return step.kind === 'once' && place.endsWith('.bulk') ? (step.bulk?.most ?? 1) : 1;
}

/** Checks that a task takes as many entries in one call as the step may send. */
function checkMost(
  one: PlacedCall,
  most: number,
  { ids, special }: TemplateScope,
  note: (place: string, message: string) => void,
): void {
  if (most === 1 || !Number.isSafeInteger(most)) return;
  const many = Array.from({ length: most }, (_, index) => String(index + 1));
  const input = filled(one, { ids, special: { ...special, items: many, ids: many } });
  for (const { code, path, maximum } of flawsIn(one.task, input))
    if (code === 'too_big' && Array.isArray(valueIn(input, path)))
      note(`${one.place}.most`, `${one.task.name} takes at most ${maximum} entries in ${path.map(String).join('.')}`);
}

interface Flaw {
  code: string;
  path: readonly PropertyKey[];
  message: string;
  keys?: readonly string[];
  maximum?: number | bigint;
}

function flawsIn(task: HttpTask, input: unknown): Flaw[] {
  const parsed = task.input.safeParse(input, { reportInput: false });
  return parsed.success ? [] : parsed.error.issues.flatMap((issue) => flawsOf(issue, []));
}

/** Of a value that may have one of several forms, the one that it is closest to counts. */
function flawsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Flaw[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const [closest = []] = [...issue.errors].sort((one, other) => one.length - other.length);
    return closest.flatMap((inner) => flawsOf(inner, path));
  }
  return [
    {
      code: issue.code,
      path,
      message: issue.message,
      ...(issue.code === 'unrecognized_keys' && { keys: issue.keys }),
      ...(issue.code === 'too_big' && { maximum: issue.maximum }),
    },
  ];
}

function fieldsOf({ input }: HttpTask): string[] {
  const { shape } = input as { shape?: unknown };
  return isRecord(shape) ? Object.keys(shape) : [];
}

/** Returns the part of a template that makes a value, and where it is below the template. */
function templateAt(template: Template, path: readonly PropertyKey[]): { template: Template; at: string } {
  let [inner, at] = [template, ''];
  for (const key of path) {
    if (isRecord(inner) && 'each' in inner && 'as' in inner && typeof key === 'number') {
      [inner, at] = [inner.as, `${at}.as`];
    } else if (Array.isArray(inner)) {
      [inner, at] = [inner[Number(key)] as unknown, `${at}[${String(key)}]`];
    } else if (isRecord(inner) && Object.hasOwn(inner, key)) {
      [inner, at] = [inner[String(key)], `${at}.${String(key)}`];
    } else {
      // A placeholder of a list, or a translation: what is below is not written there.
      return typeof inner === 'object' && !isRecord(inner) ? { template: undefined, at } : { template: inner, at };
    }
  }
  return { template: inner, at };
}

function valueIn(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    input,
  );
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
