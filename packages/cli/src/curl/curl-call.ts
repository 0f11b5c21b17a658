import type { Env } from 'temporal-http-tasks/internal/config/env';
import { OWN_HEADERS } from 'temporal-http-tasks/internal/http/generic-request';
import { SECRET_HEADER } from 'temporal-http-tasks/internal/http/redact';
import { CATALOGUE, http } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { readCurlCommand } from './curl-command';
import type { CurlCommand } from './curl-command';
import type { FormPart } from './curl-data';
import { refuseCurl } from './curl-data';
import { matchingTask } from './matching-task';
import { parseJsonBody, taskCall, utf8 } from './task-call';
import type { PreparedCall } from './task-call';

/**
 * Turns a cURL command into a call of the matching task, or of `http.request`. Credentials in it are left out. Errors
 * repeat nothing of the command, except names of files.
 *
 * @throws Refusal when the command cannot be parsed, or requests something that is never done.
 */
export function callFromCurl(text: string, env: Env, tasks: readonly HttpTask[] = CATALOGUE): PreparedCall {
  const command = readCurlCommand(text);
  refuseOtherHost(command);
  const match = matchingTask(command, tasks, env);
  const call = match ? taskCall(match, command, env) : requestCall(command);
  refuseVariables(command, call);
  return { ...call, notes: [...call.notes, ...unusedNotes(command)] };
}

/** A header `host` of another name would reach another server behind the same address. */
function refuseOtherHost({ headers, url }: CurlCommand): void {
  const host = headers.find(([name]) => name === 'host')?.[1];
  if (host !== undefined && host.toLowerCase() !== url.host)
    refuseCurl(
      'has a header host that is not the host of its URL; a call goes to the address in its URL and nowhere else',
    );
}

function unusedNotes({ unused }: CurlCommand): string[] {
  if (unused.length === 0) return [];
  const byReason = new Map<string, string[]>();
  for (const { name, why } of unused) byReason.set(why, [...(byReason.get(why) ?? []), name]);
  return [
    `without effect here: ${[...byReason].map(([why, names]) => `${names.join(', ')}${why === '' ? '' : ` (${why})`}`).join('; ')}`,
  ];
}

function requestCall({ method, url, headers, cookies, removed, body, form }: CurlCommand): PreparedCall {
  const leftOut: string[] = cookies.length > 0 ? ['cookie'] : [];
  const notes: string[] = [];
  const kept = new Map<string, string>();
  for (const [name, value] of headers) {
    if (name === 'content-type') continue;
    if (OWN_HEADERS.has(name)) notes.push(`decided by the sender: ${name}`);
    else if (isCredential(name, value)) leftOut.push(name);
    // Lines of one name mean the same as one line with commas.
    else kept.set(name, kept.has(name) ? `${kept.get(name)}, ${value}` : value);
  }
  const accept = kept.get('accept');
  kept.delete('accept');
  const contentType = headers.find(([name]) => name === 'content-type')?.[1];
  if (body && (removed.has('content-type') || contentType === ''))
    refuseCurl(
      'removes the header content-type, but http.request sends one with every body; give the type of the body',
    );
  const sent = form ? multipart(form) : { contentType, body: body && bodyOf(contentType, utf8(body)) };
  const input = {
    uri: url.href,
    method,
    ...(accept !== undefined && { accept }),
    ...(kept.size > 0 && { headers: Object.fromEntries(kept) }),
    ...(sent.contentType !== undefined && sent.body !== undefined && { contentType: sent.contentType }),
    ...(sent.body !== undefined && { body: sent.body }),
  };
  return { task: http.request, input, leftOut: [...new Set(leftOut)], notes };
}

function bodyOf(contentType: string | undefined, body: string): unknown {
  return isJson(contentType) ? parseJsonBody(body) : body;
}

/** The parts as one text, which `http.request` sends as it is. */
function multipart(form: readonly FormPart[]): { contentType: string; body: string } {
  let boundary = 'http-tasks-form';
  while (form.some(({ value }) => value.includes(boundary))) boundary += '-';
  const parts = form.map(({ name, value: bytes, type, filename }) => {
    const value = utf8(bytes);
    const file = filename === undefined ? '' : `; filename="${inHeader(filename)}"`;
    const disposition = `content-disposition: form-data; name="${inHeader(name)}"${file}`;
    const contentType = type === undefined ? '' : `content-type: ${type.replace(/[\r\n]/g, '')}\r\n`;
    return `--${boundary}\r\n${disposition}\r\n${contentType}\r\n${value}\r\n`;
  });
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: `${parts.join('')}--${boundary}--\r\n` };
}

/** Escapes a name as HTML does, so that no quote and no line break in it ends the header. */
function inHeader(text: string): string {
  return text.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

/** A header with a credential, unless it only names the secret. */
function isCredential(name: string, value: string): boolean {
  return (
    SECRET_HEADER.test(name) && !/^(?:x-)?idempotency-key$/.test(name) && !/^(\w+ )?\{\{secret:\w+\}\}$/.test(value)
  );
}

function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/([\w.+-]+\+)?json\b/i.test(contentType);
}

function refuseVariables({ variables }: CurlCommand, { input }: PreparedCall): void {
  // In a path, the braces of a variable are percent-encoded.
  const text = JSON.stringify(input).replaceAll('%7B', '{').replaceAll('%7D', '}');
  const variable = [...variables].find((name) => text.includes(name));
  if (variable === undefined) return;
  refuseCurl(
    `contains the variable ${variable}, which only a shell expands; write its value, or put the command in double quotes`,
  );
}
