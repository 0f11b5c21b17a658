import type { Env } from 'temporal-http-tasks/internal/config/env';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { completedInput } from '../sample-input';
import { showRequest } from '../shown-request';
import { callSnippet, curlSnippet, temporalSnippet } from './commands';
import { clientSnippet, workflowSnippet } from './typescript';
import type { TemporalPlace } from './typescript';

/** Where the calls of snippets go. */
export interface SnippetPlace extends TemporalPlace {
  /** Command line options that name the document of tasks that are not in the catalogue. */
  documentOptions?: readonly string[];
}

/** The languages in which a call can be generated. */
export const SNIPPET_LANGUAGES = ['workflow', 'client', 'temporal', 'call', 'curl'] as const;

/** One of {@link SNIPPET_LANGUAGES}. */
export type SnippetLanguage = (typeof SNIPPET_LANGUAGES)[number];

const TITLES: Readonly<Record<SnippetLanguage, string>> = {
  workflow: 'TypeScript, in a workflow',
  client: 'TypeScript, as a client',
  temporal: 'temporal',
  call: 'http-tasks call',
  curl: 'cURL to the provider',
};

/** One call as code or as a command. */
export interface Snippet {
  language: SnippetLanguage;
  title: string;
  code: string;
  /** Names of files that the command reads: binary data in the input. */
  files?: string[];
  /** Why there is no code; the code is then empty. */
  why?: string;
}

/** All snippets of a call, and the placeholders in them for missing values. */
export interface Snippets {
  snippets: Snippet[];
  placeholders: string[];
}

/**
 * Generates code for a call in every language. Missing values are filled with placeholders, so that each snippet
 * compiles or runs; wrong values stay. No snippet contains a secret.
 */
export function snippetsOf(task: HttpTask, given: unknown, env: Env, place: SnippetPlace): Snippets {
  const { input, placeholders } = completedInput(task, given);
  const written: Record<Exclude<SnippetLanguage, 'curl'>, string> = {
    workflow: workflowSnippet(task, input),
    client: clientSnippet(task, input, place),
    temporal: temporalSnippet(task, input, place),
    call: callSnippet(task, input, place.documentOptions),
  };
  const curl = curlOf(task, input, env);
  const snippets = SNIPPET_LANGUAGES.map((language) => ({
    language,
    title: TITLES[language],
    ...(language === 'curl' ? curl : { code: written[language] }),
  }));
  return { snippets, placeholders };
}

function curlOf(task: HttpTask, input: unknown, env: Env): Pick<Snippet, 'code' | 'why' | 'files'> {
  try {
    const { code, files } = curlSnippet(showRequest(task, input, env).parts);
    return { code, ...(files.length > 0 && { files: files.map(({ name }) => name) }) };
  } catch (error) {
    if (error instanceof InvalidInputError || error instanceof SettingsError) return { code: '', why: error.message };
    throw error;
  }
}
