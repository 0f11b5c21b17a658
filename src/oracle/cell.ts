/** What is off-boarded: one user by a run of its own, or users in the chunks of a sweep. */
export const FLOWS = ['offboardUser', 'sweep'] as const;
export type Flow = (typeof FLOWS)[number];

/** Every call that a flow makes, by the provider's own name, in the order of the flow. */
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

/** How often a call meets its fault: the first time, the first two times, or every time. */
export const WHENS = ['once', 'twice', 'always'] as const;
export type When = (typeof WHENS)[number];

/** What the input says about a step that fails: go on with the next, or stop. */
export const POLICIES = ['continue', 'stop'] as const;
export type Policy = (typeof POLICIES)[number];

/** One cell of the matrix: one user whose off-boarding meets one fault. */
export interface Cell {
  flow: Flow;
  call: Call;
  fault: string;
  when: When;
  policy: Policy;
}

/** The steps of an off-boarding, as results name them. */
export const ITEMS = 'plaid.items';
export const PRODUCTS = 'plaid.products';
export const USER = 'plaid.user';
/** Batch has one step for each app key. */
export const BATCH = 'batch.';

/** The steps that a cell's input asks for, in their order; the user is removed only where that is what is tried. */
export function stepsOf({ call }: Pick<Cell, 'call'>, apps: readonly string[]): string[] {
  return [ITEMS, PRODUCTS, ...(call === 'userRemove' ? [USER] : []), ...apps.map((app) => `${BATCH}${app}`)];
}

/** The calls that carry out, or look after, each step. */
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

/** Calls that only look. */
export const READS: readonly string[] = ['userItemsGet', 'gdprRequestGet'];
