import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';

/** The links as lines for a person. */
export function startLines({ workflows, task }: PreparedStarts): string[] {
  return [
    ...workflows.flatMap(({ workflowType, url }) => [`${workflowType}:`, `  ${url}`]),
    `${task.activityType}, or any other task, as a standalone activity; its input: ${JSON.stringify(task.input)}`,
    `  ${task.url}`,
  ];
}
