/** The `type` of the failure that ends a run in which a step failed and none succeeded. */
export const OFFBOARDING_FAILED = 'Offboarding.Failed';

/** The `type` of the failure of a Nexus caller whose request differs from what the run in progress does. */
export const OFFBOARDING_CONFLICT = 'Offboarding.Conflict';
