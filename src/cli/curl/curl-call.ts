import type { Env } from '../../config/env';
import { OWN_HEADERS } from '../../http/generic-request';
import { SECRET_HEADER } from '../../http/redact';
import { CATALOGUE, http } from '../../tasks/catalogue';
import type { HttpTask } from '../../tasks/define';
import { readCurlCommand } from './curl-command';
import type { CurlCommand } from './curl-command';
import type { FormPart } from './curl-data';
import { refuseCurl } from './curl-refusal';
import { matchingTask } from './matching-task';
import { parseJsonBody, taskCall } from './task-call';
import type { PreparedCall } from './task-call';

/**
 * Turns a cURL command into a call: of the task among these that it stands for, or of `http.request`. Credentials in it
 * are left out, and neither they nor anything else of the command stand in an error.
 *
 * @throws Refusal when the command cannot be understood, or wants what is never done.
 */
export function callFromCurl(text: string, env: Env, tasks: readonly HttpTask[] = CATALOGUE): PreparedCall {
  const command = readCurlCommand(text);
  const match = matchingTask(command, tasks, env);
  const call = match ? taskCall(match, command, env) : requestCall(command);
  refuseVariables(command, call);
  return call;
}

function requestCall({ method, url, headers, body, form }: CurlCommand): PreparedCall {
  const leftOut: string[] = [];
  const kept: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name === 'accept' || name === 'content-type') continue;
    if (OWN_HEADERS.has(name) || isCredential(name, value)) leftOut.push(name);
    else kept[name] = value;
  }
  const accept = headers.get('accept');
  const sent = form ? multipart(form) : { contentType: headers.get('content-type'), body: bodyOf(headers.get('content-type'), body) };
  const input = {
    uri: url.href,
    method,
    ...(accept !== undefined && { accept }),
    ...(Object.keys(kept).length > 0 && { headers: kept }),
    ...(sent.contentType !== undefined && sent.body !== undefined && { contentType: sent.contentType }),
    ...(sent.body !== undefined && { body: sent.body }),
  };
  return { task: http.request, input, leftOut };
}

function bodyOf(contentType: string | undefined, body: string | undefined): unknown {
  return body !== undefined && isJson(contentType) ? parseJsonBody(body) : body;
}

/** The parts as one text, which `http.request` sends as it is. */
function multipart(form: readonly FormPart[]): { contentType: string; body: string } {
  let boundary = 'http-tasks-form';
  while (form.some(({ value }) => value.includes(boundary))) boundary += '-';
  const parts = form.map(({ name, value, type, filename }) => {
    const disposition = `content-disposition: form-data; name="${inHeader(name)}"${filename === undefined ? '' : `; filename="${inHeader(filename)}"`}`;
    return `--${boundary}\r\n${disposition}\r\n${type === undefined ? '' : `content-type: ${type.replace(/[\r\n]/g, '')}\r\n`}\r\n${value}\r\n`;
  });
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: `${parts.join('')}--${boundary}--\r\n` };
}

/** As HTML escapes a name, so that no quote and no line break of it ends the header. */
function inHeader(text: string): string {
  return text.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

/** A header that signs somebody in, unless it only names the secret that does. */
function isCredential(name: string, value: string): boolean {
  return SECRET_HEADER.test(name) && !/^(\w+ )?\{\{secret:\w+\}\}$/.test(value);
}

function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/([\w.+-]+\+)?json\b/i.test(contentType);
}

function refuseVariables({ variables }: CurlCommand, { input }: PreparedCall): void {
  // In a path, the braces of a variable are percent-encoded.
  const text = JSON.stringify(input).replaceAll('%7B', '{').replaceAll('%7D', '}');
  const variable = [...variables].find((name) => text.includes(name));
  if (variable === undefined) return;
  refuseCurl(`holds the variable ${variable}, which only a shell fills in; write its value, or put the command in double quotes`);
}
