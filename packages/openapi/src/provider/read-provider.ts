import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { MOST_PLAN_BYTES } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import { callsOf, defineProvider, fieldsOf, readIds } from 'temporal-http-tasks/internal/providers/define-provider';
import type { IdDefinition, Provider, StepDefinition } from 'temporal-http-tasks/internal/providers/definition';
import { baseUrlSettingOf, environmentSettingOf } from 'temporal-http-tasks/internal/providers/names';
import { plannedTask, readSteps } from 'temporal-http-tasks/internal/providers/plan-provider';
import type { ReadStep } from 'temporal-http-tasks/internal/providers/plan-provider';
import { Problems, ProviderError } from 'temporal-http-tasks/internal/providers/problems';
import { whyNotForToken, defineService } from 'temporal-http-tasks/internal/tasks/service';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { OpenApiDocument } from '../document/document';
import { OpenApiError } from '../document/openapi-error';
import { readOpenApiDocument } from '../document/read-document';
import { FieldReader, isRecord, refuseStrayPlaceholders } from './field-reader';
import { columnClashes, whyNoProviderName } from 'temporal-http-tasks/internal/providers/clashes';
import { namesIn, readDocumentTasks } from './provider-document';
import type { DocumentNames, DocumentTasks } from './provider-document';
import { readFileService } from './provider-service';
import type { FileService } from './provider-service';
import { readSimulated, readTaskChoices, withLooks } from './provider-tasks';
import type { SimulatedCall, TaskChoice } from './provider-tasks';
import { MOST_PROVIDER_BYTES, parseProviderText, ProviderTextError } from './provider-text';
import type { ProviderText } from './provider-text';
import { readResponses } from './response-sketches';
import type { OperationResponses } from './response-sketches';
import { checkStepInputs } from './step-inputs';

/** A provider file that was read. */
export interface ProviderFile {
  provider: Provider;
  /** As it was named. */
  file: string;
  /** Responses of a simulator, by operation. */
  simulated: ReadonlyMap<string, SimulatedCall>;
  /** The responses in the document, by operation. */
  responses: ReadonlyMap<string, OperationResponses>;
  /** Operations of the document that cannot be called, with the reason. */
  skipped: ReadonlyMap<string, string>;
}

const KEYS = [
  'provider',
  'title',
  'docs',
  'openapi',
  'environments',
  'productionEnvironments',
  'credentials',
  'parameters',
  'errors',
  'rate',
  'ids',
  'tasks',
  'steps',
  'simulate',
];

const NAME = /^[a-z][A-Za-z0-9]{0,39}$/;

/** The calls of a step that need effect and remedy of their task. */
const ACTS = 'act';

/** Steps of a provider, at most. */
const MOST_STEPS = 50;

/**
 * Reads a provider from a file, `NAME.provider.yaml`, `.yml` or `.json`, and from the OpenAPI document that it names.
 * Nothing is sent, and no setting is read.
 *
 * @throws ProviderError with every problem, its place and its line.
 */
export async function readProvider(path: string): Promise<Provider> {
  return (await readProviderFile(path)).provider;
}

/**
 * Reads a provider file with everything in it.
 *
 * @throws ProviderError with every problem, its place and its line.
 */
export async function readProviderFile(path: string): Promise<ProviderFile> {
  const text = await readText(path);
  const problems = new Problems();
  const file = new FieldReader(text.value, problems, '', KEYS);
  const name = readName(file);
  const fail = (): never => {
    const found = problems.found.map((problem) => ({ ...problem, line: text.lineOf(problem.place) }));
    const sorted = found.sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
    const shown = sorted.map(({ line, ...problem }) => ({
      file: path,
      ...(line !== undefined && { line }),
      ...problem,
    }));
    throw new ProviderError(typeof file.raw.provider === 'string' ? file.raw.provider : path, shown);
  };
  if (!isRecord(text.value)) return fail();
  refuseStrayPlaceholders(text.value, problems);
  const document = await readDocument(file, path);
  const service = readFileService(file, name, document?.names.schemes, problems);
  const choices = readTaskChoices(file, name, document?.names.operations, service.errors, problems);
  const simulated = readSimulated(file, name, document?.names.operations, problems);
  const ids = readFileIds(file, name, problems);
  const tasks = document && readTasks(document, name, { service, choices }, file);
  const facts = readFacts(file);
  const own = tasks && serviceOf(name, facts, service, tasks, problems);
  const all = own ? withLooks(tasks.tasksOf(own), name, choices, problems) : [];
  const steps = readFileSteps(file, { name, ids, tasks: all }, { choices, skipped: tasks?.skipped }, problems);
  if (problems.found.length > 0 || !own) return fail();
  const provider = defineProvider({
    name,
    title: facts.title,
    docs: facts.docs,
    service: own,
    tasks: withoutGuesses(all, steps.read, ids, choices),
    ids,
    steps: steps.definitions,
  });
  const responses = document ? readResponses(document.document) : new Map<string, OperationResponses>();
  return { provider, file: path, simulated, responses, skipped: tasks.skipped };
}

async function readText(path: string): Promise<ProviderText> {
  const refuse = (message: string, line?: number): never => {
    throw new ProviderError(path, [{ file: path, ...(line !== undefined && { line }), place: '', message }]);
  };
  const unread = (error: unknown): never =>
    refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  const found = await stat(path).catch(unread);
  if (!found.isFile()) return refuse('is not a file');
  if (found.size > MOST_PROVIDER_BYTES) return refuse(`has more than ${MOST_PROVIDER_BYTES} bytes`);
  const bytes = await readFile(path).catch(unread);
  if (!isUtf8(bytes)) return refuse('is not UTF-8');
  try {
    return parseProviderText(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof ProviderTextError) return refuse(error.message, error.line);
    throw error;
  }
}

/** Returns the provider's name, or one that problems can be found with. */
function readName(file: FieldReader): string {
  const name = file.text('provider', 'the name of the provider, such as courier', { required: true });
  if (name === undefined) return 'provider';
  if (!NAME.test(name)) {
    file.refuse('provider', 'must start with a small letter and have up to 40 letters and digits');
    return 'provider';
  }
  const why = whyNoProviderName(name);
  if (why === undefined) return name;
  file.refuse('provider', why);
  return 'provider';
}

interface ReadDocument {
  document: OpenApiDocument;
  names: DocumentNames;
}

async function readDocument(file: FieldReader, path: string): Promise<ReadDocument | undefined> {
  const openapi = file.text('openapi', 'the path of an OpenAPI document, relative to this file', { required: true });
  if (openapi === undefined) return undefined;
  if (/^[a-z][a-z0-9+.-]+:/i.test(openapi))
    return file.refuse('openapi', 'must be the path of a file; download the document and keep it next to this file');
  try {
    const document = await readOpenApiDocument(resolve(dirname(path), openapi));
    return { document, names: namesIn(document) };
  } catch (error) {
    if (error instanceof OpenApiError) return file.refuse('openapi', lowerFirst(withoutPeriod(error.message)));
    throw error;
  }
}

function readTasks(
  { document }: ReadDocument,
  name: string,
  { service, choices }: { service: FileService; choices: ReadonlyMap<string, TaskChoice> },
  file: FieldReader,
): DocumentTasks | undefined {
  try {
    const { parameters, errors } = service;
    const credentials = new Map(
      [...service.credentials].filter(([scheme]) => namesIn(document).schemes.includes(scheme)),
    );
    const tasks = readDocumentTasks(document, name, { credentials, parameters }, choices, errors);
    for (const parameter of tasks.unknownParameters)
      file.refuse(`parameters.${parameter}`, 'no operation has a parameter with this name');
    return tasks;
  } catch (error) {
    if (error instanceof OpenApiError) return file.refuse('openapi', lowerFirst(withoutPeriod(error.message)));
    throw error;
  }
}

function readFileIds(file: FieldReader, name: string, problems: Problems): Record<string, IdDefinition> {
  const what = 'the IDs by which the provider knows a user, such as { contactId: { about: The ID of a contact. } }';
  const found = Object.fromEntries(file.entries('ids', what, { required: true }));
  const ids = found as Record<string, IdDefinition>;
  if (Object.keys(found).length > 0) readIds(ids, problems);
  problems.found.push(...columnClashes(name, ids));
  return Object.fromEntries(Object.entries(ids).filter(([, id]) => isRecord(id)));
}

function readFacts(file: FieldReader): { title: string; docs: string } {
  const title = file.text('title', "the provider's name for people", { required: true }) ?? '';
  const docs = file.text('docs', 'the address of the documentation') ?? '';
  if (docs !== '' && !(URL.canParse(docs) && /^https?:\/\//.test(docs))) file.refuse('docs', 'must be an https URL');
  return { title, docs };
}

function serviceOf(
  name: string,
  { title, docs }: { title: string; docs: string },
  { environments, productionEnvironments, rateLimits }: FileService,
  { credentials, errors }: DocumentTasks,
  problems: Problems,
): ServiceDefinition {
  const names = Object.keys(environments);
  const usable = credentials.filter((rule) => {
    const wrong = whyNotForToken(rule, names);
    if (wrong !== undefined) problems.add('credentials', `${rule.setting}: ${wrong}`);
    return wrong === undefined;
  });
  const [first] = names;
  return defineService({
    name,
    title,
    docs,
    environments,
    ...(first !== undefined && { defaultEnvironment: first }),
    productionEnvironments,
    productionByAddress: true,
    environmentSetting: environmentSettingOf(name),
    baseUrlSetting: baseUrlSettingOf(name),
    // Tasks name all of them; what is wrong with one was noted.
    credentials: credentials.map((rule) => (usable.includes(rule) ? rule : { ...rule, clientCredentials: undefined })),
    rateLimits,
    errors,
  });
}

interface FileSteps {
  definitions: StepDefinition[];
  read: readonly ReadStep[];
}

/** Reads the steps. A step without `needs` in the file gets the IDs that its calls require. */
function readFileSteps(
  file: FieldReader,
  owner: { name: string; ids: Record<string, IdDefinition>; tasks: readonly HttpTask[] },
  { choices, skipped }: { choices: ReadonlyMap<string, TaskChoice>; skipped: ReadonlyMap<string, string> | undefined },
  problems: Problems,
): FileSteps {
  const raw = file.list('steps', 'steps');
  if (raw.length === 0 && (!file.has('steps') || Array.isArray(file.raw.steps)))
    file.refuse('steps', 'is required: a list with at least one step');
  if (raw.length > MOST_STEPS) file.refuse('steps', `must have at most ${MOST_STEPS} steps`);
  const read = readSteps(owner, raw);
  const tasks = new Map(owner.tasks.map((task) => [task.name, task]));
  // Without the document no task is known, and saying so of each step would hide what is wrong.
  const isKnown = skipped !== undefined;
  for (const { place, message } of read.problems) {
    const why = place.endsWith('.task') ? skipped?.get(taskAt(raw, place, owner.name)) : undefined;
    if (!place.endsWith('.task') || isKnown)
      problems.add(place, why === undefined ? message : `cannot be called: ${why}`);
  }
  const definitions = raw.map((step, index) => {
    const place = `steps[${index}]`;
    if (!isRecord(step)) return step;
    if (step.keySlot !== undefined)
      problems.add(`${place}.keySlot`, 'unknown key; a provider file has one key for each security scheme');
    const act = step[ACTS];
    if (isRecord(act)) refuseUndecided(act.task, `${place}.${ACTS}.task`, owner, choices, problems);
    const planned = read.steps.find((one) => one.planned.step === `${owner.name}.${String(step.step)}`)?.planned;
    // Without a valid template, or the list of its entries, nothing can be checked.
    const isUnclear = read.problems.some((problem) => {
      const below = problem.place.startsWith(`${place}.`) ? problem.place.slice(place.length) : '';
      return below === '.each' || /^\.\w+\.input/.test(below);
    });
    if (!planned || !isKnown || isUnclear) return step;
    const needs = checkStepInputs(planned, place, step.needs, { tasks, ids: owner.ids }, problems);
    return step.needs === undefined && needs.length > 0 ? { ...step, needs } : step;
  });
  const plan = {
    steps: read.steps.map(({ planned }) => planned),
    tasks: [...new Set(read.steps.flatMap(({ planned }) => callsOf(planned).map(({ task }) => task)))].map((task) => {
      const found = tasks.get(task);
      return found && plannedTask(found);
    }),
  };
  if (Buffer.byteLength(JSON.stringify(plan)) > MOST_PLAN_BYTES)
    problems.add(
      'steps',
      `make a plan of more than ${MOST_PLAN_BYTES} bytes, which every run would keep; shorten inputs and texts`,
    );
  return { definitions: definitions as StepDefinition[], read: read.steps };
}

function taskAt(raw: readonly unknown[], place: string, name: string): string {
  const [, index = '', key = ''] = /^steps\[(\d+)\]\.(\w+)\.task$/.exec(place) ?? [];
  const step = raw[Number(index)];
  const call = isRecord(step) ? step[key] : undefined;
  const task = isRecord(call) ? String(call.task) : '';
  return task.startsWith(`${name}.`) ? task.slice(name.length + 1) : task;
}

/** What a call that cannot be undone does, and what a person can do then, is a decision of the file. */
function refuseUndecided(
  task: unknown,
  place: string,
  { name, tasks }: { name: string; tasks: readonly HttpTask[] },
  choices: ReadonlyMap<string, TaskChoice>,
  problems: Problems,
): void {
  const found = tasks.find((one) => one.operation === task || one.name === task);
  if (!found || choices.get(found.operation)?.mayAct) return;
  const choice = choices.get(found.operation);
  const missing = choice?.decision.effect === undefined ? 'effect and remedy' : 'a remedy';
  problems.add(place, `${name}.${found.operation} needs ${missing} under tasks.${found.operation}`);
}

/** The file declares which IDs are secrets, so the names of fields in the document are not considered. */
function withoutGuesses(
  tasks: readonly HttpTask[],
  steps: readonly ReadStep[],
  ids: Readonly<Record<string, IdDefinition>>,
  choices: ReadonlyMap<string, TaskChoice>,
): HttpTask[] {
  const calls = steps.flatMap(({ planned }) => callsOf(planned));
  return tasks.map((task) => {
    if (choices.get(task.operation)?.decision.sensitive) return task;
    const plain = calls
      .filter((call) => call.task === task.name)
      .flatMap(({ input }) => fieldsOf(input))
      .filter(([placeholder]) => !ids[placeholder]?.sensitive)
      .map(([, field]) => field);
    return { ...task, sensitive: task.sensitive.filter(({ field }) => !plain.includes(field)) };
  });
}

function withoutPeriod(text: string): string {
  return text.replace(/\.$/, '');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
