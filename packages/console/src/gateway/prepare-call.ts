import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { snippetsOf } from '../reference/snippets/snippets';
import { showRequest } from '../reference/shown-request';
import type { ShownRequest } from '../reference/shown-request';
import { sensitiveFieldsIn } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { guardedEffect, needsName } from './confirmation';
import type { GatewayParts } from './parts';
import type { PreparedCall } from './wire';

/** Prepares a call for the page: problems of the input, the resulting request, and the call as code. */
export function prepareCall({ secrets, place }: GatewayParts, task: HttpTask, input: unknown): PreparedCall {
  const { env } = secrets;
  const { shown, problems } = tryToShow(task, input, env);
  return {
    problems,
    ...(shown && { request: requestOf(shown) }),
    guard: guardOf(task, input, shown),
    ...snippetsOf(task, input, env, place),
    tokens: sensitiveFieldsIn(task, input),
  };
}

function tryToShow(
  task: HttpTask,
  input: unknown,
  env: GatewayParts['secrets']['env'],
): { shown?: ShownRequest; problems: PreparedCall['problems'] } {
  try {
    return { shown: showRequest(task, input, env).shown, problems: [] };
  } catch (error) {
    if (error instanceof InvalidInputError) return { problems: [...error.problems] };
    if (error instanceof SettingsError)
      return {
        problems: [
          { field: '', message: error.problems.map(({ setting, message }) => `${setting} ${message}`).join(' ') },
        ],
      };
    throw error;
  }
}

function requestOf({ method, url, headers, body }: ShownRequest): PreparedCall['request'] {
  return { method, url, headers, ...(body !== undefined && { body }) };
}

function guardOf(task: HttpTask, input: unknown, shown: ShownRequest | undefined): PreparedCall['guard'] {
  return {
    effect: guardedEffect(task, input),
    named: needsName(task, input),
    production: shown?.production ?? false,
    environment: shown?.environment ?? task.service.defaultEnvironment ?? '',
  };
}
