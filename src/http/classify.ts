import type { Effect } from '../tasks/define';
import type { TaskFailureType } from '../tasks/failure';
import type { ErrorRule, ErrorTaxonomy } from '../tasks/service';

/** A refusal as the provider worded it. */
export interface ErrorAnswer {
  status: number;
  type?: string;
  code?: string;
}

/** What a refusal means, and what the person who reads of it should do. */
export interface Classified {
  type: TaskFailureType;
  advice?: string;
}

/** The failure for an answer with an error status: the service's own rules first, then what its status says. */
export function classifyAnswer(answer: ErrorAnswer, effect: Effect, errors: ErrorTaxonomy): Classified {
  const rule = errors.rules.find((candidate) => matches(candidate, answer));
  if (!rule) return { type: typeByStatus(answer.status, effect) };
  const type = rule.mayHaveProcessed && effect === 'irreversible' ? 'Task.OutcomeUnknown' : rule.failure;
  return { type, ...(rule.advice !== undefined && { advice: rule.advice }) };
}

/** The failure when a request may have been carried out and nobody knows. */
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

/** For answers that no rule knows, for example from a proxy in front of the provider. */
function typeByStatus(status: number, effect: Effect): TaskFailureType {
  if (status === 401) return 'Task.Unauthorized';
  if (status === 429) return 'Task.RateLimited';
  // 503 too: only the provider's own maintenance code proves that nothing was done. 408 comes from whoever waited.
  if (status >= 500 || status === 408) return lostAnswerType(effect);
  if (status >= 400) return 'Task.Rejected';
  return 'Task.UnexpectedResponse';
}
