import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { TextPart } from '../secret-names';
import type { FormPart, RequestParts } from '../shown-request';
import type { TemporalPlace } from './typescript';

const PLAIN = /^[\w./:@%+=,-]+$/;
/** Text without characters that have a meaning inside double quotes. */
const FIT_FOR_DOUBLE_QUOTES = /^[^"$`\\!]*$/;

/** Formats a word of a POSIX shell's command line, with variables in place of secrets. */
export function shellWord(parts: readonly TextPart[]): string {
  const literal = parts.filter((part) => typeof part === 'string').join('');
  if (parts.every((part) => typeof part === 'string')) return PLAIN.test(literal) ? literal : singleQuoted(literal);
  if (FIT_FOR_DOUBLE_QUOTES.test(literal))
    return `"${parts.map((part, index) => (typeof part === 'string' ? part : variable(part, parts[index + 1]))).join('')}"`;
  return parts.map((part) => (typeof part === 'string' ? singleQuoted(part) : `"${variable(part)}"`)).join('');
}

/** Formats a word without secrets. */
export function shellText(text: string): string {
  return shellWord(text === '' ? [] : [text]) || "''";
}

function variable({ variable: name, encoding }: Exclude<TextPart, string>, next?: TextPart): string {
  if (encoding === 'base64') return `$(printf %s "$${name}" | base64 | tr -d '\\n')`;
  return typeof next === 'string' && /^\w/.test(next) ? `\${${name}}` : `$${name}`;
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const DEFAULT_ADDRESS = /^(localhost|127\.0\.0\.1):7233$/;

/** Returns a command of Temporal's own CLI, for a worker that is already running. */
export function temporalSnippet(
  task: HttpTask,
  input: unknown,
  { taskQueue, address, namespace }: TemporalPlace,
): string {
  return command('temporal workflow execute', [
    ...(DEFAULT_ADDRESS.test(address) ? [] : [`--address ${shellText(address)}`]),
    ...(namespace === 'default' ? [] : [`--namespace ${shellText(namespace)}`]),
    `--task-queue ${shellText(taskQueue)} --type runHttpTask`,
    `--input ${shellText(JSON.stringify({ task: task.name, input }))}`,
  ]);
}

/** Returns a command of this package's CLI, which shows the call and asks before anything irreversible. */
export function callSnippet(task: HttpTask, input: unknown, documentOptions: readonly string[] = []): string {
  const document = CATALOGUE.includes(task) ? [] : documentOptions;
  return command(`http-tasks call ${task.name}`, [
    ...(document.length > 0 ? [document.map(shellText).join(' ')] : []),
    `--input ${shellText(JSON.stringify(input))}`,
  ]);
}

/** A command and the files that it reads, which the user has to provide. */
export interface CurlSnippet {
  code: string;
  files: readonly SnippetFile[];
}

/** A file that a command reads. */
export interface SnippetFile {
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
