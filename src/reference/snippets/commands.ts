import { CATALOGUE } from '../../tasks/catalogue';
import type { HttpTask } from '../../tasks/define';
import type { TextPart } from '../secret-names';
import type { RequestParts } from '../shown-request';
import { shellText, shellWord } from './shell';
import type { TemporalPlace } from './typescript';

const DEFAULT_ADDRESS = /^(localhost|127\.0\.0\.1):7233$/;

/** Temporal's own command line, for a worker that runs already. */
export function temporalSnippet(task: HttpTask, input: unknown, { taskQueue, address, namespace }: TemporalPlace): string {
  return command('temporal workflow execute', [
    ...(DEFAULT_ADDRESS.test(address) ? [] : [`--address ${shellText(address)}`]),
    ...(namespace === 'default' ? [] : [`--namespace ${shellText(namespace)}`]),
    `--task-queue ${shellText(taskQueue)} --type runHttpTask`,
    `--input ${shellText(JSON.stringify({ task: task.name, input }))}`,
  ]);
}

/** Our own command line; it shows the call and asks before anything irreversible. */
export function callSnippet(task: HttpTask, input: unknown, documentOptions: readonly string[] = []): string {
  const document = CATALOGUE.includes(task) ? [] : documentOptions;
  return command(`http-tasks call ${task.name}`, [...(document.length > 0 ? [document.map(shellText).join(' ')] : []), `--input ${shellText(JSON.stringify(input))}`]);
}

/** The call to the provider itself, with variables for the secrets. No worker, ledger or hold knows of it. */
export function curlSnippet({ method, url, headers, body, bodyBytes }: RequestParts): string {
  const literalUrl = url.filter((part) => typeof part === 'string').join('');
  return command('curl', [
    ...(method === 'HEAD' ? ['--head'] : method === 'GET' ? [] : [`--request ${method}`]),
    // curl would take them for lists and ranges.
    ...(/[[\]{}]/.test(literalUrl) ? ['--globoff'] : []),
    shellWord(url),
    ...headers.map(([name, value]) => `--header ${shellWord(joined(`${name}: `, value))}`),
    ...(body === undefined ? [] : [`--data-raw ${shellWord(body)}`]),
    ...(bodyBytes === undefined ? [] : ['--data-binary @body']),
  ]);
}

function joined(text: string, parts: readonly TextPart[]): TextPart[] {
  const [first, ...rest] = parts;
  return typeof first === 'string' ? [text + first, ...rest] : [text, ...parts];
}

function command(name: string, words: readonly string[]): string {
  return `${[name, ...words].join(' \\\n  ')}\n`;
}
