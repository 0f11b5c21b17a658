import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const INDENT = '  ';
/** Maximum length of a list or an object on one line, in characters. */
const MOST_CHARACTERS = 44;

/** Formats a JSON value as readable TypeScript; `indent` is that of the line it is in. */
export function literal(value: unknown, indent = ''): string {
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const inner = indent + INDENT;
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const entries = Array.isArray(value)
    ? value.map((entry) => literal(entry, inner))
    : Object.entries(value).map(([key, entry]) => `${propertyName(key)}: ${literal(entry, inner)}`);
  if (entries.length === 0) return open + close;
  const line = Array.isArray(value) ? `[${entries.join(', ')}]` : `{ ${entries.join(', ')} }`;
  if (line.length <= MOST_CHARACTERS && !line.includes('\n')) return line;
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join('')}${indent}${close}`;
}

/** In brackets, `__proto__` is an ordinary field. */
function propertyName(key: string): string {
  if (key === '__proto__') return "['__proto__']";
  return IDENTIFIER.test(key) ? key : text(key);
}

function text(value: string): string {
  const json = JSON.stringify(value).slice(1, -1);
  return `'${json.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

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
