import { isLoopback, parseOrigin } from './base-url';
import { readText } from './env';
import type { Env } from './env';
import { ProblemList } from './problems';
import { Secret } from './secret';

/** The fewest characters of a gateway's token that are taken. */
const MIN_TOKEN_CHARACTERS = 16;
/** Where the UI of Temporal's own development server listens, seen from the server's port. */
const UI_PORTS_FURTHER = 1_000;
const LAST_PORT = 65_535;

/** What only the gateway needs to know. */
export interface GatewaySettings {
  /** Everybody who uses it has to send it. */
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
  const ui = readUi(env, temporalAddress, problems);
  return problems.finish({ ...(token && { token: token.value }), ...(ui !== undefined && { ui }) });
}

function whyNotToken(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text)) return 'holds a blank or a character outside ASCII.';
  return text.length < MIN_TOKEN_CHARACTERS ? `has ${text.length} characters; at least ${MIN_TOKEN_CHARACTERS} are needed.` : undefined;
}

function readUi(env: Env, temporalAddress: string, problems: ProblemList): string | undefined {
  const given = readText(env, 'HTTP_TASKS_TEMPORAL_UI');
  if (given === undefined) return usualUi(temporalAddress);
  const origin = parseOrigin(given.replace(/\/$/, ''));
  if (typeof origin !== 'string') return origin.origin;
  problems.add('HTTP_TASKS_TEMPORAL_UI', origin);
  return undefined;
}

function usualUi(address: string): string | undefined {
  if (!URL.canParse(`http://${address}`)) return undefined;
  const { hostname, port } = new URL(`http://${address}`);
  return isLoopback(hostname) && port !== '' && Number(port) + UI_PORTS_FURTHER <= LAST_PORT ? `http://${hostname}:${Number(port) + UI_PORTS_FURTHER}` : undefined;
}
