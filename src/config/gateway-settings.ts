import { isLoopback, parseOrigin } from './base-url';
import type { Env } from './env';
import { ProblemList } from './problems';
import { Secret } from './secret';
import { readUi, usualUi } from './ui-settings';

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
