/**
 * The package's own activities are not on the task queue on which workflows and HTTP tasks are, so that permissions can
 * tell them apart. Chunks and bulk calls, which run for minutes, have a queue of their own, so that they do not keep
 * short ones waiting.
 */
const SUFFIXES = { short: '.internal', chunks: '.internal.chunks' } as const;

/** One of the queues of the package's own activities. */
export type InternalQueue = keyof typeof SUFFIXES;

/** The name of an internal queue beside a worker's task queue. */
export function internalQueue(taskQueue: string, which: InternalQueue): string {
  return `${taskQueue}${SUFFIXES[which]}`;
}

/** The worker's task queue to which a queue belongs, be it that queue itself or an internal one beside it. */
export function baseQueueOf(queue: string): string {
  const suffix = [SUFFIXES.chunks, SUFFIXES.short].find((end) => queue.endsWith(end));
  return suffix === undefined ? queue : queue.slice(0, -suffix.length);
}

/** Whether a worker may be given this queue as its task queue. */
export function isInternalQueue(queue: string): boolean {
  return baseQueueOf(queue) !== queue;
}
