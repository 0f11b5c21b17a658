import type { Env } from '../../config/env';
import { OWN_HEADERS } from '../../http/generic-request';
import { SECRET_HEADER } from '../../http/redact';
import { http } from '../../tasks/catalogue';
import { Refusal } from '../errors';
import { catalogueCall, parseJsonBody } from './catalogue-call';
import type { PreparedCall } from './catalogue-call';
import { readCurlCommand } from './curl-command';
import type { CurlCommand } from './curl-command';

/**
 * Turns a cURL command into a call: of the catalogue's task that it stands for, or of `http.request`. Credentials in it
 * are left out, and neither they nor anything else of the command stand in an error.
 *
 * @throws Refusal when the command cannot be understood, or wants what is never done.
 */
export function callFromCurl(text: string, env: Env): PreparedCall {
  const command = readCurlCommand(text);
  const call = catalogueCall(command, env) ?? requestCall(command);
  refuseVariables(command, call);
  return call;
}

function requestCall({ method, url, headers, body }: CurlCommand): PreparedCall {
  const leftOut: string[] = [];
  const kept: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name === 'accept' || name === 'content-type') continue;
    if (OWN_HEADERS.has(name) || name === 'user-agent' || isCredential(name, value)) leftOut.push(name);
    else kept[name] = value;
  }
  const accept = headers.get('accept');
  const contentType = headers.get('content-type');
  const input = {
    uri: url.href,
    method,
    ...(accept !== undefined && { accept }),
    ...(Object.keys(kept).length > 0 && { headers: kept }),
    ...(contentType !== undefined && body !== undefined && { contentType }),
    ...(body !== undefined && { body: isJson(contentType) ? parseJsonBody(body) : body }),
  };
  return { task: http.request, input, leftOut };
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
  throw new Refusal('Usage', `--curl: the command holds the variable ${variable}, which only a shell fills in; write its value, or put the command in double quotes.`, 'curl');
}
