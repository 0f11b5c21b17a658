/** An operation in progress that can be cancelled. */
export interface Cancellable {
  cancel(): void;
}

const inProgress = new WeakMap<AbortSignal, Set<Cancellable>>();

/**
 * Cancels the operation when the signal aborts; returns a function that unsubscribes it. Hundreds of calls may share
 * one signal, so each signal gets one listener instead of one per call.
 */
export function cancelOn(signal: AbortSignal, cancellable: Cancellable): () => void {
  let cancellables = inProgress.get(signal);
  if (!cancellables) {
    const fresh = new Set<Cancellable>();
    inProgress.set(signal, fresh);
    signal.addEventListener('abort', () => fresh.forEach((open) => open.cancel()), { once: true });
    cancellables = fresh;
  }
  const shared = cancellables;
  shared.add(cancellable);
  return () => shared.delete(cancellable);
}
