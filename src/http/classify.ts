import type { Effect } from '../tasks/define';
import type { TaskFailureType } from '../tasks/failure';
import type { ErrorRule, ErrorTaxonomy } from '../tasks/service';

/** What an error response says: its status, and the provider's type and code. */
export interface ErrorAnswer {
  status: number;
  type?: string;
  code?: string;
}

/** The failure type of an error response, and advice for the person who reads it. */
export interface Classified {
  type: TaskFailureType;
  advice?: string;
}

/** Returns the failure for an error response: by the service's own rules first, then by status. */
export function classifyAnswer(answer: ErrorAnswer, effect: Effect, errors: ErrorTaxonomy): Classified {
  const rule = errors.rules.find((candidate) => matches(candidate, answer));
  if (!rule) return { type: typeByStatus(answer.status, effect) };
  const type = rule.mayHaveProcessed && effect === 'irreversible' ? 'Task.OutcomeUnknown' : rule.failure;
  return { type, ...(rule.advice !== undefined && { advice: rule.advice }) };
}

/** Returns the failure for a request that may have been processed but has no known outcome. */
export function lostAnswerType(effect: Effect): 'Task.OutcomeUnknown' | 'Task.Unavailable' {
  return effect === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.Unavailable';
}

function matches(rule: ErrorRule, answer: ErrorAnswer): boolean {
  return (
    (rule.status === undefined || rule.status === answer.status) &&
    (rule.type === undefined || rule.type === answer.type) &&
    (rule.code === undefined || rule.code === answer.code)
  );
}

/** Classifies responses that no rule matches, for example from a proxy in front of the provider. */
function typeByStatus(status: number, effect: Effect): TaskFailureType {
  if (status === 401) return 'Task.Unauthorized';
  if (status === 429) return 'Task.RateLimited';
  // Includes 503: only the provider's own maintenance code proves that nothing was done. 408 may come from a proxy in
  // between.
  if (status >= 500 || status === 408) return lostAnswerType(effect);
  if (status >= 400) return 'Task.Rejected';
  return 'Task.UnexpectedResponse';
}
