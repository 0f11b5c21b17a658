/**
 * Why a user's products are terminated (`/user/products/terminate`), as Plaid's OpenAPI document lists them; the last
 * one came with version 1.698.3. `/item/remove` has another list: {@link ITEM_REMOVE_REASON_CODES}.
 */
export const PRODUCTS_TERMINATE_REASON_CODES = [
  'FRAUD_FIRST_PARTY',
  'FRAUD_FALSE_IDENTITY',
  'FRAUD_ABUSE',
  'FRAUD_OTHER',
  'CONSUMER_LOAN_PAID_OFF',
  'CONSUMER_ACCOUNT_CLOSED',
  'CONSUMER_CHARGE_OFF',
  'CONSUMER_PAYMENT_METHOD_SWITCHED',
  'USER_OFFBOARDING',
  'DUPLICATE_ITEM',
  'BILLING_TERMINATION',
  'OTHER',
  'FRAUD_TRANSACTION',
] as const;

/** Why one Item is removed (`/item/remove`). It has no `USER_OFFBOARDING`. */
export const ITEM_REMOVE_REASON_CODES = [
  'FRAUD_FIRST_PARTY',
  'FRAUD_FALSE_IDENTITY',
  'FRAUD_ABUSE',
  'FRAUD_OTHER',
  'CONNECTION_IS_NON_FUNCTIONAL',
  'OTHER',
] as const;
