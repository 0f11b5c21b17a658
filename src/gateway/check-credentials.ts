import { CancelledFailure } from '@temporalio/common';
import { refuseAccidentalProduction } from '../http/accidental-production';
import { createTaskSender } from '../http/send-task';
import { completedInput } from '../reference/sample-input';
import { credentialsOf } from '../tasks/define';
import type { HttpTask } from '../tasks/define';
import type { ServiceDefinition } from '../tasks/service';
import { taskFailureOf } from '../workflows/failure-of';
import { requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import type { GatewayParts } from './parts';
import type { Confirmation, CredentialCheck } from './wire';

type Check = CredentialCheck['checks'][number];

/** The task with which keys are tried: it only reads, and it signs in with all of them. */
export function harmlessTask({ catalogue }: GatewayParts, service: ServiceDefinition): HttpTask | undefined {
  const isWhole = (task: HttpTask): boolean => credentialsOf(task).length === service.credentials.length;
  return catalogue.tasks.find(
    (task) => task.service === service && task.effect === 'read' && !task.generic && isWhole(task),
  );
}

/**
 * Tries the keys of a service with a call that changes nothing, once for each key where one setting holds several. It asks
 * for something that does not exist: whoever is told so has been let in. In production its name has to be typed, as for
 * every call that goes there.
 *
 * @throws SettingsError when keys are missing; GatewayRefusal when the service has no such call, or it is not confirmed.
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
  // A document's own words must not say who took the keys.
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
      requireConfirmation({ ...prepared, task: task.name, irreversible: false }, confirm);
      const verdict = await sender.send(task, input).then(
        (): Check => ({ verdict: 'accepted', message: `${taker} takes the keys.` }),
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
    // It read the request before it refused it, and it reads keys first.
    case 'Task.Rejected':
      return failure.status === 403
        ? { verdict: 'unknown', message: failure.message }
        : {
            verdict: 'accepted',
            message: `${taker} takes the keys; it does not know what was asked for, which was invented.`,
          };
    default:
      return { verdict: 'unknown', message: failure.message };
  }
}
