import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { internalQueue } from './policy/internal-queue';
import type { InternalQueue } from './policy/internal-queue';

type Activities = NonNullable<WorkerOptions['activities']>;

const CHUNK_ACTIVITIES: readonly string[] = ['httpTasks.runChunk', 'httpTasks.runBulk'];

/**
 * Interval, in milliseconds, at which the main worker's state is checked; it does not report when it starts to stop.
 */
const CHECK_EVERY_MS = 200;

/**
 * The workers of the internal task queues (see policy/internal-queue.ts), which run in the process of a main worker.
 * They share its connection, data converter and interceptors, take no workflows, and start to stop when it does.
 *
 * - created: by `create`; they do not poll yet.
 * - running: from `runBeside` on, as long as the main worker runs.
 * - stopping: once the main worker or one of them stops, which also stops the others.
 */
export class InternalWorkers {
  readonly #main: Worker;
  readonly #workers: readonly Worker[];

  private constructor(main: Worker, workers: readonly Worker[]) {
    this.#main = main;
    this.#workers = workers;
  }

  /**
   * Creates the workers.
   *
   * @param given.activities All activities of the main worker; those whose names start with `httpTasks.` are internal.
   * @param given.chunkSlots Maximum concurrent chunks in this process. Two have enough users to keep 64 calls busy;
   * more would starve other workers.
   */
  static async create(
    main: Worker,
    { activities, chunkSlots }: { activities: Record<string, unknown>; chunkSlots: number },
  ): Promise<InternalWorkers> {
    const names = Object.keys(activities).filter((name) => name.startsWith('httpTasks.'));
    const only = (chosen: readonly string[]) =>
      Object.fromEntries(chosen.map((name) => [name, activities[name]])) as Activities;
    const chunks = names.filter((name) => CHUNK_ACTIVITIES.includes(name));
    const short = names.filter((name) => !CHUNK_ACTIVITIES.includes(name));
    const creating = [
      Worker.create({ ...internalOptions(main, 'short'), activities: only(short) }),
      Worker.create({
        ...internalOptions(main, 'chunks'),
        activities: only(chunks),
        maxConcurrentActivityTaskExecutions: chunkSlots,
      }),
    ];
    try {
      return new InternalWorkers(main, await Promise.all(creating));
    } catch (error) {
      for (const created of await Promise.allSettled(creating))
        if (created.status === 'fulfilled') await retireWorker(created.value).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Runs the main worker with `run`, and these workers next to it. Settles when all of them have stopped.
   *
   * @throws the first error of any of them.
   */
  async runWith(run: () => Promise<void>): Promise<void> {
    let failed: { error: unknown } | undefined;
    const noteFailure = (running: Promise<void>): Promise<void> =>
      running.catch((error: unknown) => void (failed ??= { error }));
    const ended = new AbortController();
    const watching = this.#stopWithMain(ended.signal);
    const running = this.#workers.map((worker) => noteFailure(worker.run()).then(() => this.#stop(this.#main)));
    await noteFailure(run());
    ended.abort();
    await watching;
    for (const worker of this.#workers) this.#stop(worker);
    await Promise.all(running);
    if (failed) throw failed.error;
  }

  /** Releases the workers that have not run. */
  async discard(): Promise<void> {
    await Promise.all(
      this.#workers.filter((worker) => worker.getState() === 'INITIALIZED').map((worker) => retireWorker(worker)),
    );
  }

  async #stopWithMain(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      await delay(CHECK_EVERY_MS, undefined, { signal: ended }).catch(() => undefined);
      const state = this.#main.getState();
      if (state !== 'INITIALIZED' && state !== 'RUNNING') break;
    }
    for (const worker of this.#workers) this.#stop(worker);
  }

  #stop(worker: Worker): void {
    if (worker.getState() === 'RUNNING') worker.shutdown();
  }
}

/**
 * Releases a worker that was created but must not run. The SDK releases a worker's connection and native part only
 * after a run, so it is run and stopped immediately; an activity that it receives in the meantime fails and is retried.
 */
export async function retireWorker(worker: Worker, run = (given: Worker): Promise<void> => given.run()): Promise<void> {
  let over = false;
  const running = run(worker).finally(() => (over = true));
  running.catch(() => undefined);
  while (!over && worker.getState() === 'INITIALIZED') await setImmediate();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
}

/** Copies the main worker's options that also apply to internal workers. */
function internalOptions({ connection, options }: Worker, which: InternalQueue): WorkerOptions {
  const { namespace, identity, dataConverter, interceptors, buildId, workerDeploymentOptions } = options;
  const {
    shutdownGraceTimeMs,
    shutdownForceTimeMs,
    maxHeartbeatThrottleIntervalMs,
    defaultHeartbeatThrottleIntervalMs,
  } = options;
  return {
    ...(connection && { connection }),
    namespace,
    identity,
    taskQueue: internalQueue(options.taskQueue, which),
    ...(dataConverter && { dataConverter }),
    interceptors: { activity: interceptors.activity },
    shutdownGraceTime: shutdownGraceTimeMs,
    ...(shutdownForceTimeMs !== undefined && { shutdownForceTime: shutdownForceTimeMs }),
    maxHeartbeatThrottleInterval: maxHeartbeatThrottleIntervalMs,
    defaultHeartbeatThrottleInterval: defaultHeartbeatThrottleIntervalMs,
    // Build ID sets belong to one task queue, and the internal queues have none.
    ...(workerDeploymentOptions ? { workerDeploymentOptions } : { buildId }),
  };
}
