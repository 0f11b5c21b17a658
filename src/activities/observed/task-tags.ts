import type { HttpTask } from '../../tasks/define';

type Tags = Readonly<Record<string, string>>;

/** Caches the tags of tasks: one object per set of values, because metrics are looked up by object identity. */
export class TaskTags {
  readonly #extra: string;
  readonly #plain = new Map<HttpTask, Tags>();
  readonly #extended = new Map<HttpTask, Map<string, Tags>>();

  /** @param extra Name of the tag that {@link with} adds. */
  constructor(extra: string) {
    this.#extra = extra;
  }

  of(task: HttpTask): Tags {
    let tags = this.#plain.get(task);
    if (!tags) {
      tags = { service: task.service.name, task: task.name };
      this.#plain.set(task, tags);
    }
    return tags;
  }

  with(task: HttpTask, value: string): Tags {
    let byValue = this.#extended.get(task);
    if (!byValue) {
      byValue = new Map();
      this.#extended.set(task, byValue);
    }
    let tags = byValue.get(value);
    if (!tags) {
      tags = { ...this.of(task), [this.#extra]: value };
      byValue.set(value, tags);
    }
    return tags;
  }
}
