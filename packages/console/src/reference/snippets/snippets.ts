import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { completedInput } from '../sample-input';
import { showRequest } from '../shown-request';
import type { FormPart, RequestParts } from '../shown-request';
import { clientSnippet, workflowSnippet } from './typescript';
import type { TemporalPlace } from './typescript';
import type { TextPart } from '../secret-names';

const PLAIN = /^[\w./:@%+=,-]+$/;

/** Text without characters that have a meaning inside double quotes. */
const FIT_FOR_DOUBLE_QUOTES = /^[^"$`\\!]*$/;

const DEFAULT_ADDRESS = /^(localhost|127\.0\.0\.1):7233$/;

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

/** Formats a word of a POSIX shell's command line, with variables in place of secrets. */
export function shellWord(parts: readonly TextPart[]): string {
  const literal = parts.filter((part) => typeof part === 'string').join('');
  if (parts.every((part) => typeof part === 'string')) return PLAIN.test(literal) ? literal : singleQuoted(literal);
  if (FIT_FOR_DOUBLE_QUOTES.test(literal))
    return `"${parts.map((part, index) => (typeof part === 'string' ? part : variable(part, parts[index + 1]))).join('')}"`;
  return parts.map((part) => (typeof part === 'string' ? singleQuoted(part) : `"${variable(part)}"`)).join('');
}

/** Formats a word without secrets. */
function shellText(text: string): string {
  return shellWord(text === '' ? [] : [text]) || "''";
}

function variable({ variable: name, encoding }: Exclude<TextPart, string>, next?: TextPart): string {
  if (encoding === 'base64') return `$(printf %s "$${name}" | base64 | tr -d '\\n')`;
  return typeof next === 'string' && /^\w/.test(next) ? `\${${name}}` : `$${name}`;
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns a command of Temporal's own CLI, for a worker that is already running. */
function temporalSnippet(task: HttpTask, input: unknown, { taskQueue, address, namespace }: TemporalPlace): string {
  return command('temporal workflow execute', [
    ...(DEFAULT_ADDRESS.test(address) ? [] : [`--address ${shellText(address)}`]),
    ...(namespace === 'default' ? [] : [`--namespace ${shellText(namespace)}`]),
    `--task-queue ${shellText(taskQueue)} --type runHttpTask`,
    `--input ${shellText(JSON.stringify({ task: task.name, input }))}`,
  ]);
}

/** Returns a command of this package's CLI, which shows the call and asks before anything irreversible. */
function callSnippet(task: HttpTask, input: unknown, documentOptions: readonly string[] = []): string {
  const document = CATALOGUE.includes(task) ? [] : documentOptions;
  return command(`http-tasks call ${task.name}`, [
    ...(document.length > 0 ? [document.map(shellText).join(' ')] : []),
    `--input ${shellText(JSON.stringify(input))}`,
  ]);
}

/** A command and the files that it reads, which the user has to provide. */
interface CurlSnippet {
  code: string;
  files: readonly SnippetFile[];
}

/** A file that a command reads. */
interface SnippetFile {
  name: string;
  content: Buffer;
}

/**
 * Returns the direct call to the provider, with variables for the secrets. No worker, ledger or hold is involved.
 * Binary data is read from files.
 */
export function curlSnippet(parts: RequestParts): CurlSnippet {
  const { method, url, headers, body, bodyBytes, form = [], clientCertificate } = parts;
  const files: SnippetFile[] = [];
  const literalUrl = url.filter((part) => typeof part === 'string').join('');
  const hasBody = body !== undefined || bodyBytes !== undefined || form.length > 0;
  const code = command('curl', [
    ...(method === 'HEAD' && !hasBody ? ['--head'] : method === 'GET' && !hasBody ? [] : [`--request ${method}`]),
    // Otherwise curl would expand them as lists and ranges.
    ...(/[[\]{}]/.test(literalUrl) ? ['--globoff'] : []),
    ...(clientCertificate ? ['--cert client.crt --key client.key'] : []),
    shellWord(url),
    ...headers.map(([name, value]) => headerOption(name, value)),
    ...(body === undefined ? [] : [`--data-raw ${shellWord(body)}`]),
    ...(bodyBytes === undefined ? [] : [`--data-binary @${fileFor(files, 'body', bodyBytes)}`]),
    ...form.map((part) => formOption(part, files)),
  ]);
  return { code, files };
}

function headerOption(name: string, value: readonly TextPart[]): string {
  const [scheme, login] = value;
  // The base64 of a user and a password would need a nested command.
  if (
    name === 'authorization' &&
    scheme === 'Basic ' &&
    typeof login === 'object' &&
    login.encoding === 'base64' &&
    value.length === 2
  ) {
    return `--user ${shellWord([{ variable: login.variable }])}`;
  }
  // With an empty value, curl would remove its own header of this name.
  const isEmpty = value.every((part) => typeof part === 'string' && part.trim() === '');
  return `--header ${shellWord(isEmpty ? [`${name};`] : joined(`${name}: `, value))}`;
}

/** Only these two characters have a meaning inside the quotes of a part. */
const quotedPart = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

function formOption({ name, value, filename, type }: FormPart, files: SnippetFile[]): string {
  if (/[=\r\n]/.test(name)) return `--form ${shellWord([`${name}=`])}`;
  if (Array.isArray(value) && filename === undefined && type === undefined)
    return `--form-string ${shellWord(joined(`${name}=`, value))}`;
  const settings = [
    ...(type === undefined ? [] : [`;type=${quotedPart(type)}`]),
    ...(filename === undefined ? [] : [`;filename=${quotedPart(filename)}`]),
  ].join('');
  if (!Array.isArray(value))
    return `--form ${shellWord([`${name}=@${quotedPart(fileFor(files, filename ?? name, value))}${settings}`])}`;
  const text = value.map((part) => (typeof part === 'string' ? part.replace(/["\\]/g, '\\$&') : part));
  return `--form ${shellWord(joined(`${name}="`, [...text, `"${settings}`]))}`;
}

/** Returns a unique file name in the current folder for data that a command reads. */
function fileFor(files: SnippetFile[], wish: string, content: Buffer): string {
  const plain =
    wish
      .replace(/^.*[/\\]/s, '')
      .replace(/[^\w.-]+/g, '_')
      .replace(/^[.-]+/, '') || 'file';
  let name = plain;
  for (let number = 2; files.some((file) => file.name === name); number += 1) name = `${number}-${plain}`;
  files.push({ name, content });
  return name;
}

function joined(text: string, parts: readonly TextPart[]): TextPart[] {
  const [first, ...rest] = parts;
  return typeof first === 'string' ? [text + first, ...rest] : [text, ...parts];
}

function command(name: string, words: readonly string[]): string {
  return `${[name, ...words].join(' \\\n  ')}\n`;
}
