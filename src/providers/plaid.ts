import type { PlannedStep } from '../policy/providers/step-plan';
import { plaid } from '../tasks/catalogue';
import { plaidService } from '../tasks/plaid/service';
import { defineProvider } from './define-provider';
import type { Provider, StepDefinition } from './definition';

/** What of an input concerns Plaid. */
export interface PlaidOptions {
  removeUser?: boolean;
}

/** The names of the steps at Plaid; permanent. */
export const PLAID_STEPS = { items: 'plaid.items', products: 'plaid.products', user: 'plaid.user' } as const;

const USER = { user_id: '${userId}', user_token: '${userToken}' };
const LOOK = { task: plaid.userItemsGet.name, input: USER };
const EITHER = ['userId', 'userToken'];

const ITEMS: StepDefinition = {
  step: 'items',
  kind: 'list',
  needs: [EITHER],
  look: { ...LOOK, items: plaid.userItemsGet.itemsInOutput ?? '' },
  act: { task: plaid.userItemsRemove.name, input: { ...USER, item_ids: '${items}' } },
  only: 'itemIds',
};

const PRODUCTS: StepDefinition = {
  step: 'products',
  kind: 'once',
  needs: [EITHER, 'userId'],
  act: {
    task: plaid.userProductsTerminate.name,
    input: { user_id: '${userId}', reason_code: '${reason.code}', reason_note: '${reason.note}' },
  },
};

const USER_STEP: StepDefinition = {
  step: 'user',
  kind: 'once',
  needs: [EITHER],
  act: { task: plaid.userRemove.name, input: USER },
  look: LOOK,
  // Once the user is removed its products cannot be terminated any more, so their billing could never be ended.
  after: [{ step: PLAID_STEPS.products, unless: ['failed', 'unknown'], reason: 'productsNotTerminated' }],
};

const REASONS: Readonly<Record<string, string>> = { 'userId,userToken': 'noPlaidId', userId: 'needsUserId' };

/** Plaid: the Items of a user, the products and, on request, the user. */
export function plaidProvider(): Provider {
  return (defined ??= {
    ...defineProvider<PlaidOptions>({
      name: 'plaid',
      title: 'Plaid',
      docs: plaidService.docs,
      service: plaidService,
      tasks: Object.values(plaid),
      ids: {
        userId: { about: "The user's ID at Plaid (usr_…).", instead: 'userToken' },
        userToken: { about: 'The user token of an older integration.', sensitive: true, instead: 'userId' },
        itemIds: { about: "Only these of the user's Items.", list: true },
      },
      steps: ({ options: { removeUser } }) => [ITEMS, PRODUCTS, ...(removeUser ? [USER_STEP] : [])],
    }),
    refine: (steps) => steps.map(refined),
  });
}

/** Made when it is first used: a workflow that brings its plan needs none. */
let defined: Provider | undefined;

/** Outcomes and reasons as receipts have had them from the first version on. */
function refined(step: PlannedStep): PlannedStep {
  const skips = step.skips.map((rule) => ({ ...rule, reason: REASONS[String(rule.without)] ?? rule.reason }));
  const common = { provesIds: false, skips };
  switch (step.kind) {
    case 'list':
      // One Item that is not the user's refuses the whole call.
      return { ...step, ...common, act: { ...step.act, allOrNothing: true } };
    case 'once':
      return { ...step, ...common, absentAfterLost: 'alreadyGone' };
    case 'request':
    case 'manual':
      return { ...step, ...common };
  }
}
