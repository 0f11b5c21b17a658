import { subjectAt } from '../../ledger/user-subjects';
import type { StepReceipt, TargetRow } from '../../ledger/sweeps/sweep-types';
import type { StepResult } from '../../policy/offboard-result';
import type { ChunkDependencies } from './chunk-dependencies';
import { plaidEnvironment } from './plan-user';

/** What the names of steps at Batch begin with; the name of the app's key follows. */
const BATCH = 'batch.';

/** What was done by nobody but this package, as the sweep's last word on a user. */
const OUR_OWN = 'http-tasks';

type Services = ChunkDependencies['services'];

/** The receipt of a step, under the hash of the id that the step's provider knows. */
export function receiptOfStep(
  { step, task, outcome, reason, requestId, token, failure }: StepResult,
  user: TargetRow,
  services: Services,
): StepReceipt {
  const service = task.includes('.') ? task.slice(0, task.indexOf('.')) : OUR_OWN;
  return {
    step,
    task,
    subject: service === OUR_OWN ? (user.subjects[0] ?? '') : subjectAt(service, user),
    service,
    environment: environmentOf(service, services),
    ...(step.startsWith(BATCH) && { keySlot: step.slice(BATCH.length) }),
    outcome,
    reason,
    failureType: failure?.type,
    status: failure?.status,
    code: failure?.code,
    requestId,
    token,
  };
}

function environmentOf(service: string, services: Services): string {
  if (service === OUR_OWN) return '';
  return service === 'plaid' ? plaidEnvironment(services) : (services.get(service)?.environment ?? 'default');
}
