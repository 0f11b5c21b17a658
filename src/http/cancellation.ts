/** Something under way that can be stopped. */
export interface Cancellable {
  cancel(): void;
}

const underWay = new WeakMap<AbortSignal, Set<Cancellable>>();

/**
 * Cancels it when the signal aborts; answers what takes it off the signal again. Hundreds of calls may share one
 * signal, so it gets one listener and not one for each.
 */
export function cancelOn(signal: AbortSignal, cancellable: Cancellable): () => void {
  let cancellables = underWay.get(signal);
  if (!cancellables) {
    const fresh = new Set<Cancellable>();
    underWay.set(signal, fresh);
    signal.addEventListener('abort', () => fresh.forEach((open) => open.cancel()), { once: true });
    cancellables = fresh;
  }
  const shared = cancellables;
  shared.add(cancellable);
  return () => shared.delete(cancellable);
}
