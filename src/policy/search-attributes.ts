/**
 * What the runs of the off-boarding workflows can be searched by, all of the type Keyword: how a run stands, the sweep
 * it belongs to, and the keyed hash of its user. They stay readable on the server, so that nothing else goes there.
 * The names are permanent.
 */
export const SEARCH_ATTRIBUTES = Object.freeze([
  'OffboardingStatus',
  'OffboardingSweep',
  'OffboardingSubject',
] as const);

/** The name of one of them. */
export type SearchAttribute = (typeof SEARCH_ATTRIBUTES)[number];
