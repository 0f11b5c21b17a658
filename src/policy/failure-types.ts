/** The `type` of the failure that ends a run in which something failed and no step was good. */
export const OFFBOARDING_FAILED = 'Offboarding.Failed';

/** The `type` of the failure of a caller over Nexus who asked for something else than the run under way does. */
export const OFFBOARDING_CONFLICT = 'Offboarding.Conflict';
