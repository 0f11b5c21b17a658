import { fieldRows, taskReference } from '../reference/task-reference';
import type { DocumentedRule } from '../reference/provider-notes';
import type { TaskReference } from '../reference/task-reference';
import type { SchemaNode } from '../reference/schema-node';
import { credentialsOf, takesBody } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { TaskFailureType } from 'temporal-http-tasks/internal/tasks/failure';
import { deletesData } from 'temporal-http-tasks/internal/tasks/effect';
import { formOf, rulesOf } from './form';
import type { FailureLine, TaskLine, TaskPage } from './wire';

/** Returns a task as a line of a list. */
export function taskLine(task: HttpTask): TaskLine {
  const { name, summary, service, method, path, effect, tags } = task;
  return { name, summary, service: service.name, method, path, effect, deletes: deletesData(task), tags };
}

/** Returns everything that the page shows about a task, with the form for its input. */
export function taskPage(task: HttpTask): TaskPage {
  const reference = taskReference(task);
  const { description, notes, docs, remedy, settings, sensitive } = reference;
  return {
    ...taskLine(task),
    serviceTitle: task.service.title,
    ...{ description, notes, docs, remedy, settings, sensitive },
    lostResponse: reference.lostResponse,
    servers: serversOf(task),
    headers: headersOf(task),
    form: formOf(reference.input as SchemaNode, alwaysSensitive(task)),
    rules: rulesOf(reference.input as SchemaNode),
    input: fieldRows(reference.input),
    output: fieldRows(reference.output),
    failures: reference.failures.map(failureLine),
    limits: limitsOf(reference),
  };
}

function failureLine({
  name,
  type,
  status,
  documentedStatus,
  code = '',
  failure,
  advice = '',
  mayHaveProcessed,
}: DocumentedRule): FailureLine {
  return {
    error: name ?? type ?? '',
    status: String(status ?? documentedStatus ?? ''),
    code,
    failure,
    advice: mayHaveProcessed ? 'It may have been carried out.' : advice || (ADVICE[failure] ?? ''),
  };
}

/** For rules without advice of their own. */
const ADVICE: Partial<Record<TaskFailureType, string>> = {
  'Task.RateLimited': 'Workflows retry it by themselves, more slowly.',
  'Task.Unavailable': 'Workflows retry it by themselves.',
};

function serversOf({ service, generic }: HttpTask): TaskPage['servers'] {
  if (generic) return [];
  return Object.entries(service.environments).map(([environment, url]) => ({
    environment,
    url,
    production: service.productionEnvironments.includes(environment),
  }));
}

function headersOf(task: HttpTask): TaskPage['headers'] {
  const { headers, placementSetting } = task.service;
  const required = true;
  const fixed = Object.entries(headers).map(([name, value]) => ({ name, value, required, about: 'Always the same.' }));
  const keys = credentialsOf(task)
    .filter(({ in: place }) => place === 'header')
    .map(({ name, setting, bodyName }) => ({
      name,
      value: `$${setting}`,
      required,
      about:
        bodyName === undefined || placementSetting === undefined
          ? 'A credential.'
          : `A credential; with ${placementSetting}=body it is sent as the field ${bodyName} instead.`,
    }));
  const type = bodyTypeOf(task);
  const body =
    type === undefined
      ? []
      : [{ name: 'content-type', value: type, required, about: 'The media type of the request body.' }];
  return [...body, ...fixed, ...keys];
}

/** Media types of bodies whose task names no other; a body of form `none` is not sent. */
const MEDIA_TYPES: Readonly<Record<NonNullable<HttpTask['bodyForm']>['as'], string | undefined>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data',
  text: 'text/plain;charset=UTF-8',
  bytes: 'application/octet-stream',
  none: undefined,
};

/** Returns the media type of the body that the task sends; undefined for a task without one, or with one of the caller's. */
function bodyTypeOf({ generic, method, places, bodyForm }: HttpTask): string | undefined {
  const hasBody = takesBody(method) || Object.values(places).some((place) => place === 'body' || place === 'wholeBody');
  if (generic || !hasBody) return undefined;
  return bodyForm?.contentType ?? MEDIA_TYPES[bodyForm?.as ?? 'json'];
}

function limitsOf({ rateLimits, timeouts, maxResponseBytes }: TaskReference): string[] {
  const seconds = (ms: number): string => `${ms / 1_000} s`;
  return [
    ...rateLimits.map(
      ({ requestsPerMinute, per, source }) =>
        `${requestsPerMinute.toLocaleString('en')} calls a minute per ${per} (${source})`,
    ),
    `Time: ${seconds(timeouts.connectMs)} to connect, ${seconds(timeouts.firstByteMs)} to the first byte, ${seconds(timeouts.totalMs)} in all`,
    `Response: at most ${Math.round(maxResponseBytes / 1_024).toLocaleString('en')} KB`,
  ];
}

/**
 * Fields that always contain a token. A field that only sometimes does, such as Plaid's `user_id`, is entered as plain
 * text.
 */
function alwaysSensitive({ sensitive }: HttpTask): string[] {
  return sensitive.filter(({ when }) => when === undefined).map(({ field }) => field);
}
