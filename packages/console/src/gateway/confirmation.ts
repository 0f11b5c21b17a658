import { deletesData, effectOf, isSafeRequest } from 'temporal-http-tasks/internal/tasks/effect';
import type { Effect, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { GatewayRefusal } from './http-error';
import type { Confirmation } from './wire';

/** To be typed where it is not known whether something goes to production, which counts as production. */
export const UNKNOWN_PLACE = 'production';

/** The call to confirm. */
export interface GuardedCall {
  task: string;
  /** Its name has to be typed. */
  named: boolean;
  production: boolean;
  environment: string;
}

/**
 * Returns the effect of a call for the purpose of confirmation. For `http.request` the method decides, whatever the
 * input claims, because anything could be claimed to avoid the confirmation.
 */
export function guardedEffect(task: HttpTask, input: unknown): Effect {
  if (!task.generic) return task.effect;
  if (typeof input !== 'object' || input === null) return 'irreversible';
  return isSafeRequest(input) ? effectOf(task, input) : 'irreversible';
}

/** Returns whether the task's name has to be typed: for a call that cannot be undone, or that deletes data. */
export function needsName(task: HttpTask, input: unknown): boolean {
  const effect = guardedEffect(task, input);
  return effect === 'irreversible' || (!task.generic && deletesData(task));
}

/**
 * Refuses a call that cannot be undone or deletes data until its task's name was typed, and any call to production until the environment's name
 * was. The page asks for both, but the gateway does not rely on the page.
 */
export function requireConfirmation(
  { task, named, production, environment }: GuardedCall,
  given: Confirmation = {},
): void {
  const needed: Confirmation = {
    ...(named && given.task !== task && { task }),
    ...(production && given.environment !== environment && { environment }),
  };
  if (Object.keys(needed).length === 0) return;
  const why = [
    ...(needed.task === undefined ? [] : [`${task} deletes data or cannot be undone; type its name.`]),
    ...(needed.environment === undefined
      ? []
      : [`It goes to ${environment}, to real people's data; type "${environment}".`]),
  ];
  throw new GatewayRefusal(409, 'ConfirmationNeeded', `${why.join(' ')} Nothing was sent.`, { needed });
}

/** Refuses a confirmation that belongs to a different call. */
export function refuseOtherConfirmation({ name, service }: HttpTask, { task, environment }: Confirmation): void {
  const isOther =
    (task !== undefined && task !== name) ||
    (environment !== undefined && !service.productionEnvironments.includes(environment));
  if (isOther)
    throw new GatewayRefusal(400, 'Confirmation', 'What the headers confirm is not this call. Nothing was sent.');
}
