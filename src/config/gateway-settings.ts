import type { Env } from './env';
import { ProblemList } from './problems';
import { Secret } from './secret';
import { readUi, usualUi } from './ui-settings';

/** The fewest characters of a gateway's token that are taken. */
const MIN_TOKEN_CHARACTERS = 16;

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
  const ui = readUi(env, problems) ?? usualUi(temporalAddress);
  return problems.finish({ ...(token && { token: token.value }), ...(ui !== undefined && { ui }) });
}

function whyNotToken(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text)) return 'holds a blank or a character outside ASCII.';
  return text.length < MIN_TOKEN_CHARACTERS ? `has ${text.length} characters; at least ${MIN_TOKEN_CHARACTERS} are needed.` : undefined;
}
