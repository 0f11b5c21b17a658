/**
 * The search attributes of the offboarding workflows, all of the type Keyword: the status of a run, the sweep it
 * belongs to, and the keyed hash of its user. They stay readable on the server, so nothing else is stored there. The
 * names are permanent.
 */
export const SEARCH_ATTRIBUTES = Object.freeze([
  'OffboardingStatus',
  'OffboardingSweep',
  'OffboardingSubject',
] as const);

/** The name of one of them. */
export type SearchAttribute = (typeof SEARCH_ATTRIBUTES)[number];
