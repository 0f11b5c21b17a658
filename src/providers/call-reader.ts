import { z } from 'zod';
import { toDurationMs } from '../policy/deadline';
import { quantified, whyNoPath, whyNoPattern } from '../policy/providers/path';
import type { Quantifier, StatePattern } from '../policy/providers/path';
import type { PlannedCall } from '../policy/providers/step-plan';
import { SETTLE_MS } from '../policy/steps/step';
import { checkTemplate, markPlaces, placeholdersIn } from '../policy/providers/template';
import type { SpecialPlace } from '../policy/providers/template';
import type { HttpTask } from '../tasks/define';
import { didYouMean } from '../tasks/nearest';
import { ownEntry } from '../tasks/parse-input';
import type { Provider } from './definition';
import { oneOf } from './problems';
import type { Problems } from './problems';

/** An unchecked part of a definition. */
export type Raw = Record<string, unknown>;

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The parts of a provider that steps refer to. */
export type StepOwner = Pick<Provider, 'name' | 'tasks' | 'ids'>;

/** Placeholders that every call may use besides the IDs. */
const EVERYWHERE = ['reason.code', 'reason.note', 'reference', 'callId'] as const;

/** The conditions on a response. */
export const CONDITIONS = ['absent', 'failed'] as const;

interface Calls {
  /** Placeholders that the call may use besides the IDs. */
  also: readonly string[];
  keys: readonly string[];
  reads?: boolean;
  acts?: boolean;
  /** The conditions on its response that it may have. */
  conditions?: readonly (typeof CONDITIONS)[number][];
  /** Whether the call is about one user, so that its input has to use an ID. */
  named?: boolean;
  /** The call is about many users, so that no ID has one value. */
  many?: boolean;
}

/** Reads the calls of one step, and records what is wrong with them. */
export class CallReader {
  protected readonly owner: StepOwner;
  protected readonly problems: Problems;
  protected readonly place: string;
  /** IDs that the calls of the step use. */
  protected readonly used = new Set<string>();

  constructor(owner: StepOwner, problems: Problems, place: string) {
    this.owner = owner;
    this.problems = problems;
    this.place = place;
  }

  protected call(
    step: Raw,
    key: string,
    { also, keys, reads, acts, conditions = [], many, named }: Calls,
  ): PlannedCall | undefined {
    const place = `.${key}`;
    const call = step[key];
    if (!isRecord(call)) return this.refuse(place, 'is required: a task and its input');
    const own = ['task', 'input', ...conditions, ...keys];
    this.problems.unknownKeys(call, `${this.place}${place}`, own);
    const task = typeof call.task === 'string' ? this.task(call.task) : undefined;
    const input = call.input ?? {};
    const isMistaken = this.template(input, `${place}.input`, also, many ? [] : undefined) > 0;
    // A misspelled placeholder or a missing field is reported as what it is.
    if (task && named && !isMistaken && !this.usesId(input) && !lacksField(task, input))
      this.refuse(
        `${place}.input`,
        `must use an ID of the user, such as \${${Object.keys(this.owner.ids)[0] ?? 'userId'}}; without one it is the same call for every user`,
      );
    const conditionsOf = (which: (typeof CONDITIONS)[number]): Partial<Record<typeof which, StatePattern[]>> => {
      if (!conditions.includes(which) || call[which] === undefined) return {};
      const quantifier = which === 'failed' ? '$some' : '$every';
      return { [which]: this.patterns(call[which], `${place}.${which}`, { quantifier }) };
    };
    if (!task) {
      const meant = didYouMean(call.task, this.operations());
      return this.refuse(`${place}.task`, `unknown task; allowed: ${oneOf(this.operations())}${meant}`);
    }
    if (reads && task.effect !== 'read')
      this.refuse(`${place}.task`, `${task.name} must be a read: GET, HEAD, or a task with effect: read`);
    if (acts && task.effect === 'read')
      this.refuse(`${place}.task`, `${task.name} is a read; it needs an effect and a remedy under tasks`);
    return {
      task: task.name,
      input: markPlaces(input, placesIn(task)),
      ...conditionsOf('absent'),
      ...conditionsOf('failed'),
    };
  }

  protected template(
    template: unknown,
    place: string,
    also: readonly string[],
    ids: readonly string[] = Object.keys(this.owner.ids),
  ): number {
    const allowed = [...ids, ...EVERYWHERE, ...also];
    const problems = checkTemplate(template, allowed);
    for (const problem of problems) this.refuse(`${place}${problem.place}`, problem.message);
    for (const name of placeholdersIn(template)) if (Object.hasOwn(this.owner.ids, name)) this.used.add(name);
    return problems.length;
  }

  protected patterns(
    given: unknown,
    place: string,
    options: { quantifier: Quantifier; required?: boolean; statePath?: string },
  ): StatePattern[] {
    const { quantifier, required = false, statePath } = options;
    if (given === undefined && !required) return [];
    const list: unknown[] = Array.isArray(given) ? given : [given];
    if (given === undefined || list.length === 0) {
      this.refuse(place, 'must be a list of states');
      return [];
    }
    list.forEach((pattern, index) => {
      const wrong = whyNoPattern(pattern, { stateIsKnown: statePath !== undefined });
      if (wrong !== undefined) this.refuse(`${place}[${index}]`, wrong);
    });
    return (list as StatePattern[]).map((pattern) => quantified(pattern, quantifier, statePath));
  }

  protected path(value: unknown, place: string, key: string): string {
    const path = isRecord(value) ? value[key] : undefined;
    const wrong = typeof path === 'string' ? whyNoPath(path) : 'must be a dotted path such as "data.id"';
    if (wrong !== undefined) this.refuse(`${place}.${key}`, wrong);
    return String(path);
  }

  /** Whether a template has a placeholder of an ID. */
  protected usesId(template: unknown): boolean {
    const names = placeholdersIn(template);
    return Object.keys(this.owner.ids).some((id) => names.has(id));
  }

  protected lagMs({ lag }: Raw): number {
    if (lag === undefined) return SETTLE_MS;
    const lagMs = typeof lag === 'string' ? toDurationMs(lag) : undefined;
    if (lagMs === undefined) this.refuse('.look.lag', 'must be a duration such as "10 s"');
    return lagMs ?? SETTLE_MS;
  }

  protected listId(step: Raw, key: 'each' | 'only'): string | undefined {
    const id = step[key];
    if (id === undefined) return undefined;
    const lists = Object.entries(this.owner.ids).filter(([, { list }]) => list);
    if (typeof id !== 'string' || !lists.some(([name]) => name === id))
      return this.refuse(
        `.${key}`,
        `must be an ID that is a list; those are: ${oneOf(lists.map(([name]) => name))}${didYouMean(
          id,
          lists.map(([name]) => name),
        )}`,
      );
    if (key === 'each') this.used.add(id);
    return id;
  }

  protected flag(step: Raw, key: string): boolean {
    if (step[key] !== undefined && typeof step[key] !== 'boolean') this.refuse(`.${key}`, 'must be true or false');
    return step[key] === true;
  }

  protected text(step: Raw, key: string): string {
    if (typeof step[key] !== 'string' || step[key] === '') this.refuse(`.${key}`, 'is required: a text for people');
    return String(step[key]);
  }

  protected task(name: string): HttpTask | undefined {
    return this.owner.tasks.find((task) => task.operation === name || task.name === name);
  }

  protected operations(): string[] {
    return this.owner.tasks.map(({ operation }) => operation);
  }

  protected refuse(place: string, message: string): undefined {
    this.problems.add(`${this.place}${place}`, message);
    return undefined;
  }
}

/** Returns what the positions in a task's input require. A schema that cannot be described requires nothing special. */
export function placesIn(task: HttpTask): (path: readonly string[]) => SpecialPlace | undefined {
  return (path) => {
    const [field = ''] = path;
    const schema = describe(task.input);
    const found = path.reduce<unknown[]>((at, key) => at.flatMap((one) => inner(one, key, schema)), [schema]);
    const types = found.flatMap((one) => typesOf(one, schema));
    const numbers = types.filter((type) => type === 'integer' || type === 'number');
    if (numbers.length > 0 && !types.includes('string')) return 'number';
    return path.length === 1 && ownEntry(task.places, field) === 'path' ? 'path' : undefined;
  };
}

const described = new WeakMap<z.ZodType, unknown>();

function describe(schema: z.ZodType): unknown {
  const known = described.get(schema);
  if (known !== undefined) return known;
  const made = toJsonSchema(schema);
  described.set(schema, made);
  return made;
}

function toJsonSchema(schema: z.ZodType): unknown {
  try {
    return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  } catch {
    return {};
  }
}

function inner(schema: unknown, key: string, root: unknown): unknown[] {
  return branches(schema, root).flatMap((one) => {
    const { properties, items, additionalProperties } = one;
    if (key === '[]') return items === undefined ? [] : [items];
    if (isRecord(properties) && Object.hasOwn(properties, key)) return [properties[key]];
    return isRecord(additionalProperties) ? [additionalProperties] : [];
  });
}

/** `${items}` instead of a list means all of its entries. */
function typesOf(schema: unknown, root: unknown): unknown[] {
  return branches(schema, root).flatMap(({ type, items }) => {
    if (type === 'array') return typesOf(items, root);
    if (!Array.isArray(type)) return [type];
    // One type of both is a number of `exactNumber`, which is a text only where JavaScript cannot represent it.
    const numbers = (type as unknown[]).filter((one) => one === 'integer' || one === 'number');
    return numbers.length > 0 ? numbers : (type as unknown[]);
  });
}

function branches(schema: unknown, root: unknown, depth = 0): Raw[] {
  if (!isRecord(schema) || depth > 8) return [];
  const { $ref } = schema;
  if (typeof $ref === 'string' && isRecord(root)) {
    const target = $ref
      .replace(/^#\/?/, '')
      .split('/')
      .filter(Boolean)
      .reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), root);
    return branches(target, root, depth + 1);
  }
  const more = ['anyOf', 'oneOf', 'allOf'].flatMap((key) =>
    Array.isArray(schema[key]) ? (schema[key] as unknown[]) : [],
  );
  return [schema, ...more.flatMap((one) => branches(one, root, depth + 1))];
}

/** Whether a call leaves out a field that its task requires. */
function lacksField({ input: schema }: HttpTask, input: unknown): boolean {
  const { error } = schema.safeParse(input);
  return error?.issues.some(({ path: [field = ''] }) => ownEntry(input as Raw, String(field)) === undefined) ?? false;
}
