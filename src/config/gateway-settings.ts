import { isLoopback, parseOrigin } from './base-url';
import type { Env } from './env';
import { ProblemList } from './problems';
import { Secret } from './secret';
import { readUi, usualUi } from './ui-settings';

/** The fewest characters of a gateway's token that are taken. */
const MIN_TOKEN_CHARACTERS = 16;

/** What only the gateway needs to know. */
export interface GatewaySettings {
  /** Required of every caller. Absent where no setting names one: then one is made for the run. */
  token?: string;
  /** The address of the Temporal UI. */
  ui?: string;
}

/**
 * Reads `HTTP_TASKS_CONSOLE_TOKEN` and `HTTP_TASKS_TEMPORAL_UI`. A server on this machine has its UI at the port that
 * Temporal's development server gives it, when nobody says otherwise.
 *
 * @throws SettingsError with every problem at once.
 */
export function readGatewaySettings(env: Env, temporalAddress: string): GatewaySettings {
  const problems = new ProblemList();
  const token = Secret.read(env, 'HTTP_TASKS_CONSOLE_TOKEN', problems, { required: false, check: whyNotToken });
  const ui = readUi(env, problems) ?? usualUi(temporalAddress);
  return problems.finish({ ...(token && { token: token.value }), ...(ui !== undefined && { ui }) });
}

function whyNotToken(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text)) return 'holds a blank or a character outside ASCII.';
  return text.length < MIN_TOKEN_CHARACTERS
    ? `has ${text.length} characters; at least ${MIN_TOKEN_CHARACTERS} are needed.`
    : undefined;
}

/**
 * Takes apart the origin of another gateway; returns what is wrong with it as text. The page sends that gateway a token and
 * provider keys, so beyond this machine it has to be https.
 */
export function parseGatewayOrigin(text: string): URL | string {
  const origin = parseOrigin(text.replace(/\/$/, ''));
  if (typeof origin === 'string') return origin;
  // The origin becomes a part of a header and of the page. A content security policy has no form for IPv6 addresses.
  if (!/^[a-z0-9.-]+$/.test(origin.hostname))
    return 'must name a host, or an IPv4 address; for this machine write 127.0.0.1.';
  if (origin.protocol === 'http:' && !isLoopback(origin.hostname)) {
    return `is http to ${origin.hostname}: the token and keys typed on the page would travel in clear text. Use https.`;
  }
  return origin;
}
