import { whyAmbiguousUrl } from '../transport/url-text';
import { isLoopback, parseOrigin } from './origins';
import { ProblemList, readText, Secret } from './env';
import type { Env } from './env';

/** The setting with the URL of the Temporal UI. */
const UI = 'HTTP_TASKS_TEMPORAL_UI';

/** Distance of the UI's port from the server's port in Temporal's development server. */
const UI_PORTS_FURTHER = 1_000;
const LAST_PORT = 65_535;

/**
 * Reads the URL of the Temporal UI, and nothing else. If it is not set, a server on this machine is assumed to have its
 * UI at the port that Temporal's development server uses; for other servers it is undefined.
 *
 * @throws SettingsError if it is not the URL of a web page.
 */
export function readUiSettings(env: Env, temporalAddress: string): string | undefined {
  const problems = new ProblemList();
  const ui = readUi(env, problems);
  problems.finish({});
  return ui ?? usualUi(temporalAddress);
}

/** Reads the configured URL of the Temporal UI; if it is invalid, adds to `problems` and returns undefined. */
export function readUi(env: Env, problems: ProblemList): string | undefined {
  const given = readText(env, UI);
  const read = given === undefined ? undefined : parseUi(given);
  if (read?.why !== undefined) problems.add(UI, read.why);
  return read?.ui;
}

/** Parses the URL of a UI as copied from a browser; returns what is wrong with it as `why`. */
export function parseUi(text: string): { ui: string; why?: undefined } | { ui?: undefined; why: string } {
  const form =
    'write for example https://temporal.example.com, with the path under which the UI is served and nothing after it.';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return { why: ambiguous };
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return { why: `is not the URL of a web page; ${form}` };
  if (url.username !== '' || url.password !== '') return { why: `contains a user name or a password; ${form}` };
  if (url.search !== '' || url.hash !== '') return { why: `contains a query or a fragment; ${form}` };
  return { ui: `${url.origin}${url.pathname.replace(/\/(namespaces(\/.*)?)?$/, '')}` };
}

/** Returns the likely UI address of a server on this machine. */
export function usualUi(address: string): string | undefined {
  if (!URL.canParse(`http://${address}`)) return undefined;
  const { hostname, port } = new URL(`http://${address}`);
  return isLoopback(hostname) && port !== '' && Number(port) + UI_PORTS_FURTHER <= LAST_PORT
    ? `http://${hostname}:${Number(port) + UI_PORTS_FURTHER}`
    : undefined;
}

/** Minimum length of the gateway's token, in characters. */
const MIN_TOKEN_CHARACTERS = 16;

/** The settings that only the gateway needs. */
export interface GatewaySettings {
  /** Required of every caller. If absent, a token is generated for the run. */
  token?: string;
  /** URL of the Temporal UI. */
  ui?: string;
}

/**
 * Reads `HTTP_TASKS_CONSOLE_TOKEN` and `HTTP_TASKS_TEMPORAL_UI`. If the UI is not set and the server is on this
 * machine, the UI is assumed at the port that Temporal's development server uses.
 *
 * @throws SettingsError that lists every problem.
 */
export function readGatewaySettings(env: Env, temporalAddress: string): GatewaySettings {
  const problems = new ProblemList();
  const token = Secret.read(env, 'HTTP_TASKS_CONSOLE_TOKEN', problems, { required: false, check: whyNotToken });
  const ui = readUi(env, problems) ?? usualUi(temporalAddress);
  return problems.finish({ ...(token && { token: token.value }), ...(ui !== undefined && { ui }) });
}

function whyNotToken(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text)) return 'contains a space or a character outside ASCII.';
  return text.length < MIN_TOKEN_CHARACTERS
    ? `has ${text.length} characters; at least ${MIN_TOKEN_CHARACTERS} are required.`
    : undefined;
}

/**
 * Parses the origin of another gateway; returns what is wrong with it as a string. The page sends a token and provider
 * keys to that gateway, so beyond this machine it has to be https.
 */
export function parseGatewayOrigin(text: string): URL | string {
  const origin = parseOrigin(text.replace(/\/$/, ''));
  if (typeof origin === 'string') return origin;
  // The origin becomes part of a header and of the page. A content security policy cannot contain IPv6 addresses.
  if (!/^[a-z0-9.-]+$/.test(origin.hostname))
    return 'must name a host, or an IPv4 address; for this machine write 127.0.0.1.';
  if (origin.protocol === 'http:' && !isLoopback(origin.hostname)) {
    return `is http to ${origin.hostname}: the token and the keys entered on the page would be sent in cleartext. Use https.`;
  }
  return origin;
}
