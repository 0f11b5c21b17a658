import { z } from 'zod';

/** Reasons of an offboarding. They are also the reasons for which Plaid terminates products (`/user/products/terminate`). */
export const REASON_CODES = [
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

/** A remark on the reason. Plaid forbids personal data in it; e-mail addresses and phone numbers are refused. */
export const reasonNote = z
  .string()
  .max(512)
  .refine(
    (note) => !/[^\s@]@[^\s@]+\.[^\s@]/.test(note),
    'must not contain an e-mail address: Plaid forbids personal data here',
  )
  .refine(
    (note) => !/\+?\d(?:[\s().-]{0,2}\d){8,}/.test(note),
    'must not contain a phone number: Plaid forbids personal data here',
  )
  .describe('A remark without personal data, at most 512 characters.');

/** Maximum length of a custom user ID that Batch accepts ("less than 1024 characters", doc.batch.com). */
export const MAX_CUSTOM_USER_ID_CHARACTERS = 1_023;

/**
 * A custom user ID at Batch. It is sent exactly as given: case and white space count, so it is never trimmed or
 * lower-cased. Half a surrogate pair is refused because no URL or JSON text can carry it.
 */
export const customUserId = z
  .string()
  .min(1, 'must not be empty')
  .refine(
    (id) => id.length <= MAX_CUSTOM_USER_ID_CHARACTERS || [...id].length <= MAX_CUSTOM_USER_ID_CHARACTERS,
    `must have at most ${MAX_CUSTOM_USER_ID_CHARACTERS} characters`,
  )
  .refine((id) => !/\p{Surrogate}/u.test(id), 'must be well-formed Unicode; it contains half of a surrogate pair')
  .describe('A custom user ID, exactly as your app gave it to Batch.');
