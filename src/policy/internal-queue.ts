/**
 * The package's own activities have task queues of their own, apart from workflows and HTTP tasks, so that permissions
 * can distinguish them. Chunks and bulk calls, which run for minutes, have a separate queue, so that short activities
 * do not wait for them.
 */
const SUFFIXES = { short: '.internal', chunks: '.internal.chunks' } as const;

/** One of the queues of the package's own activities. */
export type InternalQueue = keyof typeof SUFFIXES;

/** Returns the name of an internal queue of a worker's task queue. */
export function internalQueue(taskQueue: string, which: InternalQueue): string {
  return `${taskQueue}${SUFFIXES[which]}`;
}

/** Returns the worker's task queue for a queue, which is that task queue itself or one of its internal queues. */
export function baseQueueOf(queue: string): string {
  const suffix = [SUFFIXES.chunks, SUFFIXES.short].find((end) => queue.endsWith(end));
  return suffix === undefined ? queue : queue.slice(0, -suffix.length);
}

/** Returns whether a queue is internal and so cannot be a worker's task queue. */
export function isInternalQueue(queue: string): boolean {
  return baseQueueOf(queue) !== queue;
}
