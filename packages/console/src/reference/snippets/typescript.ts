import { CATALOGUE } from 'temporal-http-tasks/internal/tasks/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { literal } from './literal';

/** Where a durable call goes. */
export interface TemporalPlace {
  taskQueue: string;
  /** `host:port`. */
  address: string;
  namespace: string;
}

/** Returns a function for a worker's workflows file. */
export function workflowSnippet(task: HttpTask, input: unknown): string {
  const { service, operation } = task;
  const name = `call${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
  if (isInCatalogue(task)) {
    return lines(
      `import { httpTask, ${service.name} } from 'temporal-http-tasks/workflow';`,
      '',
      `export async function ${name}() {`,
      `  return httpTask(${task.name})(${literal(input, '  ')});`,
      '}',
    );
  }
  // A task defined at run time is not part of a workflow bundle; the worker finds it by name.
  return lines(
    "import { executeChild } from '@temporalio/workflow';",
    "import type { runHttpTask } from 'temporal-http-tasks/workflow';",
    '',
    `export async function ${name}() {`,
    "  return executeChild<typeof runHttpTask>('runHttpTask', {",
    `    args: [{ task: ${literal(task.name)}, input: ${literal(input, '    ')} }],`,
    '  });',
    '}',
  );
}

/** Returns a program that lets a worker make the call and prints the result. */
export function clientSnippet(task: HttpTask, input: unknown, { taskQueue }: TemporalPlace): string {
  const typed = isInCatalogue(task);
  return lines(
    "import { randomUUID } from 'node:crypto';",
    "import { Client, Connection } from '@temporalio/client';",
    "import { loadClientConnectConfig } from '@temporalio/envconfig';",
    ...(typed ? [`import type { ${task.service.name}, TaskInput } from 'temporal-http-tasks';`] : []),
    "import type { runHttpTask } from 'temporal-http-tasks/workflow';",
    '',
    `const input${typed ? `: TaskInput<typeof ${task.name}>` : ''} = ${literal(input)};`,
    '',
    'async function main() {',
    '  const { connectionOptions, namespace } = loadClientConnectConfig();',
    '  const connection = await Connection.connect(connectionOptions);',
    '  try {',
    '    const client = new Client({ connection, namespace });',
    "    const result = await client.workflow.execute<typeof runHttpTask>('runHttpTask', {",
    `      workflowId: \`call-${task.name}-\${randomUUID()}\`,`,
    `      taskQueue: ${literal(taskQueue)},`,
    `      args: [{ task: ${literal(task.name)}, input }],`,
    '    });',
    '    console.log(JSON.stringify(result, undefined, 2));',
    '  } finally {',
    '    await connection.close();',
    '  }',
    '}',
    '',
    'main().catch((error) => {',
    '  console.error(error);',
    '  process.exitCode = 1;',
    '});',
  );
}

function isInCatalogue(task: HttpTask): boolean {
  return CATALOGUE.includes(task);
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`;
}
