export { REASON_CODES as PRODUCTS_TERMINATE_REASON_CODES } from '../../policy/input-fields';

/** Why one Item is removed (`/item/remove`). It has no `USER_OFFBOARDING`. */
export const ITEM_REMOVE_REASON_CODES = [
  'FRAUD_FIRST_PARTY',
  'FRAUD_FALSE_IDENTITY',
  'FRAUD_ABUSE',
  'FRAUD_OTHER',
  'CONNECTION_IS_NON_FUNCTIONAL',
  'OTHER',
] as const;
