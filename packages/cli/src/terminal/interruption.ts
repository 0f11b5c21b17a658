/** The person's wish to stop (Ctrl-C, or an orderly kill), as a promise and as a signal. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Resolves when the wish came. */
  readonly wished: Promise<'interrupted'>;
}

/** Runs something that handles Ctrl-C itself; afterwards Ctrl-C ends the process as usual. */
export async function withInterruption<T>(run: (interruption: Interruption) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const wished = new Promise<'interrupted'>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve('interrupted'), { once: true });
  });
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await run({ signal: controller.signal, wished });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
