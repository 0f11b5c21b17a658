/**
 * The search attributes of the offboarding workflows, with their types: the status of a run, the sweep it belongs to, the
 * keyed hash of its user, and when its request is due. They stay readable on the server, so nothing else is stored there.
 * The names are permanent.
 */
export const SEARCH_ATTRIBUTE_TYPES = Object.freeze({
  OffboardingStatus: 'Keyword',
  OffboardingSweep: 'Keyword',
  OffboardingSubject: 'Keyword',
  OffboardingDueBy: 'Datetime',
} as const);

/** The name of one of them. */
export type SearchAttribute = keyof typeof SEARCH_ATTRIBUTE_TYPES;

/** All names. */
export const SEARCH_ATTRIBUTES = Object.freeze(Object.keys(SEARCH_ATTRIBUTE_TYPES) as SearchAttribute[]);

/** The names of those of the type Keyword. */
export type KeywordAttribute = {
  [Name in SearchAttribute]: (typeof SEARCH_ATTRIBUTE_TYPES)[Name] extends 'Keyword' ? Name : never;
}[SearchAttribute];

/** When a request is due. */
export const DUE_ATTRIBUTE = 'OffboardingDueBy';
