import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import type { ErrorRule } from 'temporal-http-tasks/internal/tasks/service';

/** A rule with what the provider's documentation calls the error. */
export interface DocumentedRule extends ErrorRule {
  /** The provider's name of the error; absent if it has none besides its code. */
  name?: string;
  /** The status that the documentation gives for it, for which the rule does not look. */
  documentedStatus?: number;
}

/** Names and statuses by service and code. They decide nothing, so that they are not loaded into workflows with the services' own tables. */
const DOCUMENTED: Readonly<Record<string, Readonly<Record<string, readonly [name: string, status: number]>>>> = {
  // https://doc.batch.com/developer/api/mep/custom-data-api
  batch: {
    '1': ['SERVER_ERROR', 500],
    '2': ['MAINTENANCE_ERROR', 503],
    '10': ['AUTHENTICATION_INVALID', 401],
    '12': ['API_MISUSE', 403],
    '20': ['ROUTE_NOT_FOUND', 404],
    '30': ['MISSING_PARAMETER', 400],
    '31': ['MALFORMED_PARAMETER', 400],
    '32': ['MALFORMED_JSON_BODY', 400],
  },
};

const BATCH_PLANS = [
  'The Custom Data API is part of the Premier and Enterprise plans of Batch.',
  'Keep the token that it returns: receipts have it, and the support of Batch asks for it.',
].join(' ');

/** What people should know before they use a task, besides its description; by the name of the task. */
const NOTES: Readonly<Record<string, string>> = {
  'plaid.userItemsRemove': [
    'It is the same as `/item/remove` for each Item, and also works where that is not supported, such as for Plaid Check (CRA).',
    'List the Items with `plaid.userItemsGet`.',
    'If the user closed their account with you, `plaid.userProductsTerminate` ends the billing of products that are no longer needed.',
    "A request of a user to have data deleted at Plaid is for Plaid's Consumer Service Center.",
  ].join(' '),
  'batch.customDataDelete': BATCH_PLANS,
  'batch.customDataBulkDelete': BATCH_PLANS,
};

/** Returns what to know about a task besides its description; empty if there is nothing. */
export function notesOn(task: string): string {
  return Object.hasOwn(NOTES, task) ? (NOTES[task] ?? '') : '';
}

/** Returns the rules of a service with the names and statuses of its documentation. */
export function documentedRules(service: string, rules: readonly ErrorRule[]): DocumentedRule[] {
  const known = DOCUMENTED[mainServiceOf(service)] ?? {};
  return rules.map((rule) => {
    const [name, documentedStatus] = (rule.code === undefined ? undefined : known[rule.code]) ?? [];
    return {
      ...rule,
      ...(name !== undefined && { name }),
      ...(documentedStatus !== undefined && { documentedStatus }),
    };
  });
}
