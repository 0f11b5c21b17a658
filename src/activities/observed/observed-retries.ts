import { ApplicationFailure } from '@temporalio/common';
import type { TaskSender } from '../../http/send-task';
import type { Metrics } from '../../observability/metrics';
import type { HttpTask } from '../../tasks/define';
import type { TaskActivity } from '../task-activities';
import { TaskTags } from './task-tags';

/** Counts attempts that failed and will be made again, by cause. */
export class RetryCounts {
  readonly #metrics: Metrics;
  readonly #byCause = new TaskTags('cause');

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Task activities, which Temporal calls again after a failure that may be retried. */
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

  /** The sender of sweeps, which make such a call again by themselves. */
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
