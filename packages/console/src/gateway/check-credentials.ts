import { CancelledFailure } from '@temporalio/common';
import { refuseAccidentalProduction } from 'temporal-http-tasks/internal/config/service-settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { completedInput } from '../reference/sample-input';
import { credentialsOf } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { taskFailureOf } from 'temporal-http-tasks/internal/workflows/failure-of';
import { requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import type { GatewayParts } from './parts';
import type { Confirmation, CredentialCheck } from './wire';

type Check = CredentialCheck['checks'][number];

/** Returns the task with which keys are checked: it only reads and uses all of the service's credentials. */
export function harmlessTask({ catalogue }: GatewayParts, service: ServiceDefinition): HttpTask | undefined {
  const isWhole = (task: HttpTask): boolean => credentialsOf(task).length === service.credentials.length;
  return catalogue.tasks.find(
    (task) => task.service === service && task.effect === 'read' && !task.generic && isWhole(task),
  );
}

/**
 * Checks a service's keys with a call that changes nothing, once per key if a setting contains several. The call asks
 * for something that does not exist: an error that says so means that the keys were accepted. In production the
 * environment's name has to be typed, as for every call there.
 *
 * @throws SettingsError if keys are missing; GatewayRefusal if the service has no such call, or it is not confirmed.
 */
export async function checkCredentials(
  parts: GatewayParts,
  name: string,
  confirm: Confirmation,
): Promise<CredentialCheck> {
  const service = parts.secrets.service(name);
  const task = harmlessTask(parts, service);
  if (!task) throw new GatewayRefusal(409, 'NotFound', `${service.title} has no call here that only reads.`);
  const settings = parts.secrets.senderSettings([service]);
  const slotField = credentialsOf(task).find((rule) => rule.slotField !== undefined)?.slotField;
  const slots = slotField === undefined ? [] : (settings.services.get(service.name)?.keySlots ?? []);
  // Text from an imported document must not name who accepted the keys.
  const taker = service.imported
    ? `${settings.services.get(service.name)?.baseUrl.origin} (${service.name})`
    : service.title;
  const sender = createTaskSender(settings);
  try {
    const checks: Check[] = [];
    for (const slot of slots.length === 0 ? [undefined] : slots) {
      const { input } = completedInput(
        task,
        slot === undefined || slotField === undefined ? {} : { [slotField]: slot },
      );
      const prepared = sender.prepare(task, input);
      refuseAccidentalProduction(prepared, parts.secrets.env, [service]);
      requireConfirmation({ ...prepared, task: task.name, named: false }, confirm);
      const verdict = await sender.send(task, input).then(
        (): Check => ({ verdict: 'accepted', message: `${taker} accepts the credentials.` }),
        (error: unknown) => verdictOf(taker, error),
      );
      checks.push({ ...(slot !== undefined && { slot }), ...verdict });
    }
    return { checks };
  } finally {
    await sender.close();
  }
}

function verdictOf(taker: string, error: unknown): Check {
  const failure = taskFailureOf(error);
  if (!failure || error instanceof CancelledFailure) throw error;
  switch (failure.type) {
    case 'Task.Unauthorized':
      return { verdict: 'refused', message: failure.message };
    // The request was read before it was rejected, and keys are checked first.
    case 'Task.Rejected':
      return failure.status === 403
        ? { verdict: 'unknown', message: failure.message }
        : {
            verdict: 'accepted',
            message: `${taker} accepts the credentials (checked with a made-up ID).`,
          };
    default:
      return { verdict: 'unknown', message: failure.message };
  }
}
