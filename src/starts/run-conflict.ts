/** A different run with the requested workflow ID is in progress. Nothing was started, and that run was not changed. */
export class RunConflictError extends Error {
  override readonly name = 'RunConflictError';
}
