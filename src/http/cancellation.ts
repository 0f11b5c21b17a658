import type { Exchange } from './exchange';

const openExchanges = new WeakMap<AbortSignal, Set<Exchange>>();

/**
 * Cancels the exchange when the signal aborts; answers what takes it off the signal again. Hundreds of calls may share
 * one signal, so it gets one listener and not one for each.
 */
export function cancelOn(signal: AbortSignal, exchange: Exchange): () => void {
  let exchanges = openExchanges.get(signal);
  if (!exchanges) {
    const fresh = new Set<Exchange>();
    openExchanges.set(signal, fresh);
    signal.addEventListener('abort', () => fresh.forEach((open) => open.cancel()), { once: true });
    exchanges = fresh;
  }
  const shared = exchanges;
  shared.add(exchange);
  return () => shared.delete(exchange);
}
