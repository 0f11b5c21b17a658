import { classifyAnswer } from 'temporal-http-tasks/internal/http/classify';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { compensationLog } from 'temporal-http-tasks/internal/policy/compensation-log';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { CATALOGUE, remedyInCatalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';

/** What a person can do about a step that did not go well, in the words of the compensation log of a single run. */
export function remedyFor(receipt: Receipt, outcome: Outcome): string {
  const { step, task, reason, requestId, token } = receipt;
  const failure = failureOf(receipt);
  const [line] = compensationLog([{ step, task, outcome, reason, requestId, token, failure }], remedyInCatalogue);
  return line?.remedy ?? '';
}

/** The ledger keeps a failure's type and code; the advice that belongs to them stands in the service's own table. */
function failureOf({ failureType, service, task, status, code, requestId }: Receipt): TaskFailure | undefined {
  if (failureType === undefined) return undefined;
  const known = CATALOGUE.find(({ name }) => name === task);
  const advice =
    known && status !== undefined
      ? classifyAnswer({ status, code }, known.effect, known.service.errors).advice
      : undefined;
  return { type: failureType, service, task, status, code, requestId, message: advice ?? '' };
}
