/** A run is under way that is not the one that was asked for. Nothing was started, and nothing about that run changed. */
export class RunConflictError extends Error {
  override readonly name = 'RunConflictError';
}
