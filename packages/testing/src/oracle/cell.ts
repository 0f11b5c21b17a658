/** How users are offboarded: one user by a separate run, or users in the chunks of a sweep. */
export const FLOWS = ['offboardUser', 'sweep'] as const;
export type Flow = (typeof FLOWS)[number];

/** The calls of a flow by the provider's operation name, in order. */
export const CALLS = {
  offboardUser: [
    'userItemsGet',
    'userItemsRemove',
    'userProductsTerminate',
    'userRemove',
    'customDataDelete',
    'gdprRequestCreate',
    'gdprRequestGet',
  ],
  sweep: ['userItemsGet', 'userItemsRemove', 'userProductsTerminate', 'userRemove', 'customDataBulkDelete'],
} as const satisfies Record<Flow, readonly string[]>;
export type Call = (typeof CALLS)[Flow][number];

/** How often a call has its fault: the first time, the first two times, or every time. */
export const WHENS = ['once', 'twice', 'always'] as const;
export type When = (typeof WHENS)[number];

/** What to do after a failed step: continue with the next one, or stop. */
export const POLICIES = ['continue', 'stop'] as const;
export type Policy = (typeof POLICIES)[number];

/** One cell of the matrix: the offboarding of one user with one fault. */
export interface Cell {
  flow: Flow;
  call: Call;
  fault: string;
  when: When;
  policy: Policy;
}

/** The steps of an offboarding, as named in results. */
export const ITEMS = 'plaid.items';
export const PRODUCTS = 'plaid.products';
export const USER = 'plaid.user';
/** Prefix of the steps at Batch, of which there is one per app key. */
export const BATCH = 'batch.';

/**
 * Returns the steps that a cell's input requests, in order. The user itself is removed only in cells that test this.
 */
export function stepsOf({ call }: Pick<Cell, 'call'>, apps: readonly string[]): string[] {
  return [ITEMS, PRODUCTS, ...(call === 'userRemove' ? [USER] : []), ...apps.map((app) => `${BATCH}${app}`)];
}

/** Returns the calls that execute or check a step. */
export function callsOfStep(step: string): readonly string[] {
  switch (step) {
    case ITEMS:
      return ['userItemsGet', 'userItemsRemove'];
    case PRODUCTS:
      return ['userProductsTerminate'];
    case USER:
      return ['userRemove'];
    default:
      return ['customDataDelete', 'customDataBulkDelete', 'gdprRequestCreate', 'gdprRequestGet'];
  }
}

/** Calls that only read. */
export const READS: readonly string[] = ['userItemsGet', 'gdprRequestGet'];
