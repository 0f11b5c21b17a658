import type { PlannedStep } from '../../policy/providers/step-plan';
import { plaid } from '../catalogue';
import { plaidService } from './service';
import { defineProvider } from '../define-provider';
import type { Provider, StepDefinition } from '../definition';
import { PLAID_TOKENS } from '../names';

/** What of an input concerns Plaid. */
export interface PlaidOptions {
  removeUser?: boolean;
}

/** The names of the steps at Plaid; permanent. */
export const PLAID_STEPS = {
  items: 'plaid.items',
  products: 'plaid.products',
  user: 'plaid.user',
  itemProducts: 'plaid.itemProducts',
  itemsByToken: 'plaid.itemsByToken',
  assetReports: 'plaid.assetReports',
} as const;

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

const ITEM = { access_token: '${accessTokens}' };
const LOOK_AT_ITEM = { task: plaid.itemGet.name, input: ITEM };

/** Ends the billing of single Items and invalidates their tokens, so that there is nothing left to remove. */
const ITEM_PRODUCTS: StepDefinition = {
  step: 'itemProducts',
  kind: 'once',
  optional: true,
  each: 'accessTokens',
  act: {
    task: plaid.itemProductsTerminate.name,
    input: { ...ITEM, reason_code: '${reason.code}', reason_note: '${reason.note}' },
  },
  look: LOOK_AT_ITEM,
};

/** Codes of `/user/products/terminate` that `/item/remove` has too, or has in another form; the rest is `OTHER`. */
const ITEM_REASONS = {
  FRAUD_FIRST_PARTY: 'FRAUD_FIRST_PARTY',
  FRAUD_FALSE_IDENTITY: 'FRAUD_FALSE_IDENTITY',
  FRAUD_ABUSE: 'FRAUD_ABUSE',
  FRAUD_OTHER: 'FRAUD_OTHER',
  FRAUD_TRANSACTION: 'FRAUD_OTHER',
};

/** For customers of Transactions, Auth or Balance, who have access tokens and no users. */
const ITEMS_BY_TOKEN: StepDefinition = {
  step: 'itemsByToken',
  kind: 'once',
  each: 'accessTokens',
  act: {
    task: plaid.itemRemove.name,
    input: {
      ...ITEM,
      reason_code: { map: '${reason.code}', to: ITEM_REASONS, else: 'OTHER' },
      reason_note: '${reason.note}',
    },
  },
  look: LOOK_AT_ITEM,
  after: [{ step: PLAID_STEPS.itemProducts, unless: ['removed', 'unknown'], reason: 'itemsTerminated' }],
};

/** Asset Reports outlive Items and users. */
const ASSET_REPORTS: StepDefinition = {
  step: 'assetReports',
  kind: 'once',
  each: 'assetReportTokens',
  act: {
    task: plaid.assetReportRemove.name,
    input: { asset_report_token: '${assetReportTokens}' },
    failed: [{ removed: false }],
  },
};

/** The steps of single tokens, of which a plan has those that its users need. */
const BY_TOKEN = { accessTokens: [ITEM_PRODUCTS, ITEMS_BY_TOKEN], assetReportTokens: [ASSET_REPORTS] } as const;

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
        accessTokens: { about: 'Access tokens of single Items.', list: true, sensitive: true },
        assetReportTokens: { about: 'Tokens of Asset Reports.', list: true, sensitive: true },
      },
      steps: ({ options: { removeUser }, ids = [] }) => [
        ITEMS,
        PRODUCTS,
        ...(removeUser ? [USER_STEP] : []),
        ...PLAID_TOKENS.flatMap((id) => (ids.includes(id) ? BY_TOKEN[id] : [])),
      ],
    }),
    refine: (steps) => steps.map(refined),
  });
}

/** Created on first use, because a workflow whose plan is recorded does not need it. */
let defined: Provider | undefined;

/** Outcomes and reasons as receipts have had them from the first version on. */
function refined(step: PlannedStep): PlannedStep {
  const token = PLAID_TOKENS.find((id) => step.ids.includes(id));
  if (token !== undefined) return { ...step, when: { any: [`plaid.${token}`] } };
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
