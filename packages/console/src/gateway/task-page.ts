import { fieldRows, taskReference } from '../reference/task-reference';
import type { TaskReference } from '../reference/task-reference';
import type { SchemaNode } from '../reference/schema-node';
import { credentialsOf } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { deletesData } from 'temporal-http-tasks/internal/tasks/effect';
import { formOf, rulesOf } from './form';
import type { TaskLine, TaskPage } from './wire';

/** Returns a task as a line of a list. */
export function taskLine(task: HttpTask): TaskLine {
  const { name, summary, service, method, path, effect, tags } = task;
  return { name, summary, service: service.name, method, path, effect, deletes: deletesData(task), tags };
}

/** Returns everything that the page shows about a task, with the form for its input. */
export function taskPage(task: HttpTask): TaskPage {
  const reference = taskReference(task);
  const { description, docs, remedy, settings, sensitive } = reference;
  return {
    ...taskLine(task),
    serviceTitle: task.service.title,
    ...{ description, docs, remedy, settings, sensitive },
    lostResponse: reference.lostResponse,
    servers: serversOf(task),
    headers: headersOf(task),
    form: formOf(reference.input as SchemaNode, alwaysSensitive(task)),
    rules: rulesOf(reference.input as SchemaNode),
    input: fieldRows(reference.input),
    output: fieldRows(reference.output),
    failures: reference.failures.map(({ status, type, code, failure, advice = '', mayHaveProcessed }) => ({
      answer: [status, type, code].filter((part) => part !== undefined).join(' '),
      failure,
      advice: mayHaveProcessed ? 'It may have been carried out.' : advice,
    })),
    limits: limitsOf(reference),
  };
}

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
  const fixed = Object.entries(headers).map(([name, value]) => ({ name, value, about: 'Always the same.' }));
  const keys = credentialsOf(task)
    .filter(({ in: place }) => place === 'header')
    .map(({ name, setting, bodyName }) => ({
      name,
      value: `$${setting}`,
      about:
        bodyName === undefined || placementSetting === undefined
          ? 'A credential.'
          : `A credential; with ${placementSetting}=body it is sent as the field ${bodyName} instead.`,
    }));
  return [...fixed, ...keys];
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
