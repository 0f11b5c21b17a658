import { ApplicationFailure } from '@temporalio/common';
import type { TaskSender } from '../../http/send-task';
import type { Metrics } from '../../observability/metrics';
import type { HttpTask } from '../../tasks/define';
import type { TaskActivity } from '../task-activities';
import { TaskTags } from './task-tags';

/** Counts failed attempts that will be retried, by cause. */
export class RetryCounts {
  readonly #metrics: Metrics;
  readonly #byCause = new TaskTags('cause');

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Wraps task activities, which Temporal calls again after a retryable failure. */
  ofActivities(
    tasks: readonly HttpTask[],
    activities: Readonly<Record<string, TaskActivity>>,
  ): Record<string, TaskActivity> {
    const counted: Record<string, TaskActivity> = { ...activities };
    for (const task of tasks) {
      const activity = counted[task.name];
      if (activity) counted[task.name] = (...given) => this.#noting(task, () => activity(...given));
    }
    return counted;
  }

  /** Wraps the sender of sweeps, which retry such calls themselves. */
  ofSender(sender: TaskSender): TaskSender {
    return {
      prepare: (task, input) => sender.prepare(task, input),
      send: (task, input, options) =>
        this.#metrics.isOn
          ? this.#noting(task, () => sender.send(task, input, options))
          : sender.send(task, input, options),
      close: () => sender.close(),
    };
  }

  async #noting<T>(task: HttpTask, attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof ApplicationFailure && !error.nonRetryable && error.type) {
        this.#metrics.add('http_tasks_retries', this.#byCause.with(task, error.type));
      }
      throw error;
    }
  }
}
