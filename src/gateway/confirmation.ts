import { effectOf } from '../tasks/effect';
import { isSafeRequest } from '../tasks/http/effect';
import type { Effect, HttpTask } from '../tasks/define';
import { GatewayRefusal } from './http-error';
import type { Confirmation } from './wire';

/** What is about to be called, and what that would do. */
export interface GuardedCall {
  task: string;
  irreversible: boolean;
  production: boolean;
  environment: string;
}

/**
 * What a call may do, for the purpose of asking. Of `http.request` the method counts, whatever the input claims: who wants
 * to get past the question could claim anything.
 */
export function guardedEffect(task: HttpTask, input: unknown): Effect {
  if (!task.generic) return task.effect;
  if (typeof input !== 'object' || input === null) return 'irreversible';
  return isSafeRequest(input) ? effectOf(task, input) : 'irreversible';
}

/**
 * Refuses a call that cannot be undone until its task's name was typed, and any call to real people's data until the name
 * of that environment was. The page asks for both; the gateway does not rely on the page.
 */
export function requireConfirmation(
  { task, irreversible, production, environment }: GuardedCall,
  given: Confirmation = {},
): void {
  const needed: Confirmation = {
    ...(irreversible && given.task !== task && { task }),
    ...(production && given.environment !== environment && { environment }),
  };
  if (Object.keys(needed).length === 0) return;
  const why = [
    ...(needed.task === undefined ? [] : [`${task} cannot be undone; type its name.`]),
    ...(needed.environment === undefined
      ? []
      : [`It goes to ${environment}, to real people's data; type "${environment}".`]),
  ];
  throw new GatewayRefusal(409, 'ConfirmationNeeded', `${why.join(' ')} Nothing was sent.`, { needed });
}

/** Refuses what confirms something else than this call: whoever sent it means another one. */
export function refuseOtherConfirmation({ name, service }: HttpTask, { task, environment }: Confirmation): void {
  const isOther =
    (task !== undefined && task !== name) ||
    (environment !== undefined && !service.productionEnvironments.includes(environment));
  if (isOther)
    throw new GatewayRefusal(400, 'Confirmation', 'What the headers confirm is not this call. Nothing was sent.');
}
