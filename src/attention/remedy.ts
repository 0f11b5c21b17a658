import { classifyResponse } from '../http/classify';
import type { Receipt } from '../ledger/ledger';
import { compensationLog } from '../policy/compensation-log';
import type { Outcome } from '../policy/outcome';
import { CATALOGUE, remedyInCatalogue } from '../providers/catalogue';
import type { TaskFailure } from '../tasks/failure';

/** What a person can do about a step that did not go well, in the words of the compensation log of a single run. */
export function remedyFor(receipt: Receipt, outcome: Outcome): string {
  const { step, task, reason, requestId, token } = receipt;
  const failure = failureOf(receipt);
  const [line] = compensationLog([{ step, task, outcome, reason, requestId, token, failure }], remedyInCatalogue);
  return line?.remedy ?? '';
}

/** The ledger keeps a failure's type and code; the advice that belongs to them is in the service's own table. */
function failureOf({ failureType, service, task, status, code, requestId }: Receipt): TaskFailure | undefined {
  if (failureType === undefined) return undefined;
  const known = CATALOGUE.find(({ name }) => name === task);
  const advice =
    known && status !== undefined
      ? classifyResponse({ status, code }, known.effect, known.service.errors).advice
      : undefined;
  return { type: failureType, service, task, status, code, requestId, message: advice ?? '' };
}
