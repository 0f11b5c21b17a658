import type { StepReceipt, TargetRow } from '../../ledger/sweeps/sweep-types';
import type { StepResult } from '../../policy/offboard-result';
import type { ChunkDependencies } from './chunk-dependencies';
import { environmentOf, hashedIds } from './plan-user';
import type { SweepSteps } from './sweep-steps';

/** The service of what no provider did, as the final outcome of a user. */
const OUR_OWN = 'http-tasks';

/** What a receipt contains about the provider. */
export type ReceiptContext = Pick<ChunkDependencies, 'services' | 'providers'> & { steps?: SweepSteps };

/**
 * Returns the receipt of a step, under the hash of the ID that the step's provider knows.
 *
 * @param entry The ID that it is about, of a step that makes its calls for each ID of a list. @default the first
 */
export function receiptOfStep(
  result: StepResult,
  user: TargetRow,
  context: ReceiptContext,
  entry?: string,
): StepReceipt {
  const { step, task, outcome, reason, requestId, token, failure } = result;
  const [provider = '', rest = ''] = splitAtDot(step);
  const planned = context.steps?.find(step)?.plan;
  const main = planned?.provider ?? serviceOf(task, provider, context);
  const service = context.providers.serviceNameAt(main, user.user.account);
  const keySlot = planned?.keySlot ?? context.services.get(service)?.keySlots.find((slot) => slot === rest);
  return {
    step,
    task,
    subject: service === OUR_OWN ? (user.subjects[0] ?? '') : subjectOf(step, main, user, context, entry),
    service,
    environment: service === OUR_OWN ? '' : environmentOf(context.services, service),
    ...(keySlot !== undefined && { keySlot }),
    outcome,
    reason,
    failureType: failure?.type,
    status: failure?.status,
    code: failure?.code,
    requestId,
    token,
  };
}

/**
 * Returns the hash of the first ID that the step is about; of the user's first one at the provider if that is not
 * known.
 */
function subjectOf(
  step: string,
  service: string,
  row: TargetRow,
  context: ReceiptContext,
  entry: string | undefined,
): string {
  const own = hashedIds(row, context.providers).filter(({ provider }) => provider === service);
  const ids = context.steps?.find(step)?.plan.ids ?? [];
  const about = own.filter(({ id }) => ids.includes(id));
  return (about.find(({ value }) => value === entry) ?? about[0] ?? own[0])?.subject ?? '';
}

function serviceOf(task: string, provider: string, { providers }: ReceiptContext): string {
  const [service, operation] = splitAtDot(task);
  if (operation !== undefined && service !== undefined) return service;
  return providers.find(provider) ? provider : OUR_OWN;
}

function splitAtDot(name: string): string[] {
  const at = name.indexOf('.');
  return at === -1 ? [name] : [name.slice(0, at), name.slice(at + 1)];
}
