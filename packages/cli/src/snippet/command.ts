import { SNIPPET_LANGUAGES } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { defineCommand, literalOption, oneOf } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { catalogueTask } from '../tasks/catalogue-task';
import { readJsonInput } from '../tasks/json-input';
import { OPENAPI_OPTIONS, openApiTasks, openApiWords } from '../tasks/openapi-tasks';
import type { OpenApiTasksOptions } from '../tasks/openapi-tasks';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { asTyped, printable, printExactly, printJson, say } from '../terminal/output';

interface SnippetOptions extends CommonOptions, TemporalOptions, OpenApiTasksOptions {
  lang?: string;
  input?: string;
}

/** `http-tasks snippet TASK`: one call as code or as a command. Needs no keys and sends nothing, except to read a document at a URL. */
export const snippetCommand = defineCommand<SnippetOptions>({
  description: [
    'workflow: TypeScript for a workflow of yours; client: a TypeScript program that has a worker make the call; temporal and',
    'call: for the command lines of Temporal and of this package; curl: to the provider itself, with $NAME for each secret.',
    'Required fields that the input lacks become placeholders. Tasks are those of the catalogue and, with --openapi, of a document.',
  ].join(' '),
  examples: [
    'http-tasks snippet plaid.userItemsRemove --lang workflow',
    `http-tasks snippet plaid.userItemsGet --lang curl --input '{"user_id":"usr_1"}'`,
    'http-tasks snippet desk.ticketOpen --openapi desk.yml --service desk --lang call',
  ],
  options: [
    literalOption('--lang <language>', `which one: ${SNIPPET_LANGUAGES.join(', ')} (else workflow)`),
    literalOption('--input <json>', "the task's input as JSON, or @file"),
    OPENAPI_OPTIONS,
    TEMPORAL_OPTIONS,
  ],
  run: async (io, { input, json, ...rest }, [name = '']) => {
    const lang = oneOf('--lang', rest.lang ?? 'workflow', SNIPPET_LANGUAGES);
    const task = catalogueTask(name, await openApiTasks(io, rest));
    const given = input === undefined ? undefined : await readJsonInput('--input', input);
    const [{ snippetsOf }, { readTemporalConfig }] = await Promise.all([
      import('@temporal-http-tasks/console/internal/reference/snippets/snippets'),
      import('../temporal/config.js'),
    ]);
    const { connectionOptions, namespace = 'default' } = readTemporalConfig(io, { ...rest, connects: false });
    const place = {
      taskQueue: readQueueSettings(io.env).taskQueue,
      address: connectionOptions.address,
      namespace,
      documentOptions: openApiWords(rest),
    };
    const { snippets, placeholders } = snippetsOf(task, given, io.env, place);
    const { code, why, files = [] } = snippets.find(({ language }) => language === lang) ?? { code: '' };
    if (why !== undefined) throw new Refusal('Usage', why, 'input');
    if (json)
      printJson(io, { task: task.name, language: lang, code, placeholders, ...(files.length > 0 && { files }) });
    else {
      printExactly(io, lang === 'call' ? asTyped(io, code) : code);
      if (files.length > 0) say(io, printable(`The command reads bytes of the input from files: ${files.join(', ')}.`));
      if (placeholders.length > 0) say(io, `Placeholders to replace: ${placeholders.join(', ')}.`);
    }
    return 0;
  },
});
