import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { callFromCurl } from '@temporal-http-tasks/cli/internal/curl/curl-call';
import { shellWords } from '@temporal-http-tasks/cli/internal/curl/shell-words';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { completedInput } from '@temporal-http-tasks/console/internal/reference/sample-input';
import { snippetsOf } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import type { SnippetLanguage } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { amount } from '../support/amount';
import { problemsIn } from '../support/typescript-program';
import { plaidDocument } from './documents';

const PLACE = { taskQueue: 'http-tasks', address: 'localhost:7233', namespace: 'default' };

/** The whole document where it is, else its traps. */
const { tasks } = tasksFromOpenApi(
  plaidDocument() ?? readFileSync(join(__dirname, 'fixtures', 'plaid-excerpt.yml'), 'utf8'),
  { service: 'bank' },
);
const calls = tasks.map((task) => {
  const { snippets } = snippetsOf(task, undefined, {}, PLACE);
  return {
    task,
    input: completedInput(task, undefined).input,
    code: (language: SnippetLanguage) => snippets.find((one) => one.language === language)!.code,
  };
});

/** What follows `--input`, as a shell passes it. */
function inputIn(code: string): unknown {
  const { words } = shellWords(code.trimEnd());
  return JSON.parse(words[words.indexOf('--input') + 1] ?? '');
}

/** What each call says that is not as it should be. */
const different = (check: (call: (typeof calls)[number]) => [found: unknown, wanted: unknown]): string[] =>
  calls.flatMap((call) => {
    const [found, wanted] = check(call).map((value) => JSON.stringify(value));
    return found === wanted ? [] : [`${call.task.name}: ${found}`];
  });

it('has an input for each operation that its schema takes', () => {
  expect(different(({ task, input }) => [task.input.safeParse(input).success, true])).toEqual([]);
});

it('writes commands that a shell can read, with that input in them', () => {
  const script = calls.flatMap(({ code }) => [code('temporal'), code('call'), code('curl')]).join('\n');
  expect(spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  expect(different(({ task, input, code }) => [inputIn(code('temporal')), { task: task.name, input }])).toEqual([]);
  expect(different(({ input, code }) => [inputIn(code('call')), input])).toEqual([]);
});

it('writes cURL commands that are read again as the same calls', () => {
  expect(
    different(({ task: { name }, input, code }) => {
      const read: { task: HttpTask; input: unknown } = callFromCurl(code('curl'), {}, tasks);
      return [
        { name: read.task.name, input: read.input },
        { name, input },
      ];
    }),
  ).toEqual([]);
});

it('writes TypeScript that compiles', () => {
  const every = amount(20, { whole: 1 });
  const sources = calls
    .filter((_, index) => index % every === 0)
    .flatMap(({ code }) => [code('workflow'), code('client')]);
  expect(problemsIn(sources)).toEqual([]);
});
