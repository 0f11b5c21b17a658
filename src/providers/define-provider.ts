import type { PlannedCall, PlannedStep } from '../policy/providers/step-plan';
import { SPECIAL_PLACEHOLDERS } from '../policy/providers/template';
import type { Template } from '../policy/providers/template';
import type { HttpTask } from '../tasks/define';
import type { IdDefinition, Provider, ProviderInput, StepChoice, StepDefinition } from './definition';
import { readSteps } from './plan-provider';
import { oneOf, Problems, ProviderError } from './problems';

const NAME = /^[a-z][A-Za-z0-9]*$/;

/**
 * Defines a provider: data from which the worker makes the steps that offboard a user there. Nothing is sent.
 *
 * A task that does not declare which of its fields contain a user's ID, an item's ID or a secret takes this from the
 * steps.
 *
 * @throws ProviderError with every mistake and its place.
 */
export function defineProvider<Options = unknown>(input: ProviderInput<Options>): Provider {
  const { name, title, docs = '', service, ids, steps } = input;
  const problems = new Problems();
  if (!NAME.test(name)) problems.add('name', 'must start with a lower-case letter and have letters and digits only');
  if (service.name !== name) problems.add('service', `must be named ${name}, as the provider is`);
  for (const task of input.tasks)
    if (task.service !== service) problems.add(`tasks.${task.operation}`, `must be a task of the service ${name}`);
  readIds(ids, problems);
  const stepsOf = (at: StepChoice): readonly StepDefinition[] =>
    typeof steps === 'function' ? steps(at as StepChoice<Options>) : steps;
  const sample = stepsOf({ keys: ['default'], options: {} });
  const read = readSteps({ name, tasks: input.tasks, ids }, sample);
  problems.found.push(...read.problems);
  if (sample.length === 0) problems.add('steps', 'must have at least one step');
  if (problems.found.length > 0) throw new ProviderError(name, problems.found);
  const planned = read.steps.map(({ planned: step }) => step);
  const tasks = input.tasks.map((task) => withFieldsOf(task, planned, ids));
  return Object.freeze({ name, title, docs, service, tasks, ids, steps: stepsOf });
}

/** Returns a task that also declares the fields into which the steps put IDs, items and secrets. */
function withFieldsOf(
  task: HttpTask,
  steps: readonly PlannedStep[],
  ids: Readonly<Record<string, IdDefinition>>,
): HttpTask {
  const calls = steps.flatMap(callsOf).filter((call) => call.task === task.name);
  const fields = calls.flatMap(({ input }) => fieldsOf(input));
  const named = (wanted: (placeholder: string) => boolean): string[] => [
    ...new Set(fields.filter(([placeholder]) => wanted(placeholder)).map(([, field]) => field)),
  ];
  const subjectFields = named((placeholder) => Object.hasOwn(ids, placeholder) || placeholder === 'ids');
  const [itemsField] = named((placeholder) => placeholder === 'items' || placeholder === 'item');
  const sensitive = named((placeholder) => Object.hasOwn(ids, placeholder) && ids[placeholder]?.sensitive === true);
  const listed = steps.flatMap((step) =>
    step.kind === 'list' && step.look.task === task.name ? [step.look.items] : [],
  );
  const [itemsInOutput] = listed;
  const secrets = sensitive.filter((field) => !task.sensitive.some((own) => own.field === field));
  const unchangedBy = unchangedIn(task, steps);
  const isComplete =
    unchangedBy === task.unchangedBy &&
    (task.subjectFields.length > 0 || subjectFields.length === 0) &&
    (task.itemsField !== undefined || itemsField === undefined) &&
    (task.itemsInOutput !== undefined || itemsInOutput === undefined);
  if (isComplete && secrets.length === 0) return task;
  return Object.freeze({
    ...task,
    ...(task.subjectFields.length === 0 && { subjectFields }),
    ...(task.itemsField === undefined && itemsField !== undefined && { itemsField }),
    ...(task.itemsInOutput === undefined && itemsInOutput !== undefined && { itemsInOutput }),
    ...(unchangedBy && { unchangedBy }),
    sensitive: [...task.sensitive, ...secrets.map((field) => ({ field }))],
  });
}

/** Returns the conditions under which the steps do not count a 2xx response of the task as a success. */
function unchangedIn(task: HttpTask, steps: readonly PlannedStep[]): HttpTask['unchangedBy'] {
  const acts = steps.flatMap((step) => ('act' in step && step.act.task === task.name ? [step.act] : []));
  const [absent, failed] = (['absent', 'failed'] as const).map((which) => acts.flatMap((act) => act[which] ?? []));
  return absent?.length || failed?.length ? { absent: absent ?? [], failed: failed ?? [] } : task.unchangedBy;
}

/** Returns every call that a step can make. */
export function callsOf(step: PlannedStep): PlannedCall[] {
  switch (step.kind) {
    case 'once':
      return [step.act, step.look, step.bulk].filter((call) => call !== undefined);
    case 'list':
      return [step.look, step.act];
    case 'request':
      return [step.act, step.follow, step.proceed, step.find].filter((call) => call !== undefined);
    case 'manual':
      return [];
  }
}

/** Returns each placeholder of an input with the dotted path of its field, without the positions in lists. */
export function fieldsOf(template: Template, path = ''): [placeholder: string, field: string][] {
  if (typeof template === 'string') {
    const name = /^\$\{([\w.]+)\}$/.exec(template)?.[1];
    return name === undefined ? [] : [[name, path]];
  }
  if (Array.isArray(template)) return template.flatMap((entry) => fieldsOf(entry, path));
  if (typeof template !== 'object' || template === null) return [];
  const { each, as, map, to, $number, $digits, $path } = template as Record<string, unknown>;
  const marked = $number ?? $digits ?? $path;
  if (typeof marked === 'string') return fieldsOf(marked, path);
  if (typeof each === 'string' && as !== undefined) {
    const [list] = fieldsOf(each, path);
    return fieldsOf(as, path).map(([name, field]) => [name === 'id' ? (list?.[0] ?? name) : name, field]);
  }
  // The value of a translation is at the field, and what it translates is nowhere.
  if (typeof map === 'string' && typeof to === 'object' && to !== null)
    return [...(Object.values(to) as unknown[]), (template as { else?: unknown }).else].flatMap((value) =>
      fieldsOf(value, path),
    );
  return Object.entries(template).flatMap(([key, value]) => fieldsOf(value, path === '' ? key : `${path}.${key}`));
}

/** Names that an ID of a provider cannot have. */
const RESERVED: readonly string[] = [...SPECIAL_PLACEHOLDERS, 'reason'];

/** Records what is wrong with a provider's IDs. */
export function readIds(ids: Readonly<Record<string, IdDefinition>>, problems: Problems): void {
  const names = Object.keys(ids);
  if (names.length === 0) problems.add('ids', 'must have at least one ID');
  for (const [name, id] of Object.entries(ids)) {
    const place = `ids.${name}`;
    if (!NAME.test(name) || RESERVED.includes(name))
      problems.add(place, 'must be a name in camelCase, and none of the placeholders that have another meaning');
    if (typeof id !== 'object' || id === null) {
      problems.add(place, 'must say what it is: { about: The ID of a contact. }');
      continue;
    }
    problems.unknownKeys(id, place, ['about', 'list', 'type', 'sensitive', 'instead']);
    if (typeof id.about !== 'string' || id.about === '')
      problems.add(`${place}.about`, 'is required: a text for people');
    for (const flag of ['list', 'sensitive'] as const)
      if (id[flag] !== undefined && typeof id[flag] !== 'boolean')
        problems.add(`${place}.${flag}`, 'must be true or false');
    if (id.type !== undefined && id.type !== 'text' && id.type !== 'integer')
      problems.add(`${place}.type`, 'must be text or integer');
    if (id.instead !== undefined && (id.instead === name || !names.includes(id.instead)))
      problems.add(`${place}.instead`, `must be another ID; those are: ${oneOf(names.filter((one) => one !== name))}`);
  }
}
