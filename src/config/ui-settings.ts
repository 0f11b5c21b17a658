import { isLoopback } from './base-url';
import { readText } from './env';
import type { Env } from './env';
import { ProblemList } from './problems';
import { whyAmbiguousUrl } from '../transport/url-text';

/** The setting that tells where people find the Temporal UI. */
const UI = 'HTTP_TASKS_TEMPORAL_UI';

/** Where the UI of Temporal's own development server listens, seen from the server's port. */
const UI_PORTS_FURTHER = 1_000;
const LAST_PORT = 65_535;

/**
 * Reads where the Temporal UI is, and nothing else. A server on this machine has its UI at the port that Temporal's
 * development server gives it, when nobody says otherwise; of any other it is undefined then.
 *
 * @throws SettingsError when it is no address of a page.
 */
export function readUiSettings(env: Env, temporalAddress: string): string | undefined {
  const problems = new ProblemList();
  const ui = readUi(env, problems);
  problems.finish({});
  return ui ?? usualUi(temporalAddress);
}

/** Reads where the Temporal UI is said to be; adds to `problems` and answers undefined when it cannot be used. */
export function readUi(env: Env, problems: ProblemList): string | undefined {
  const given = readText(env, UI);
  const read = given === undefined ? undefined : parseUi(given);
  if (read?.why !== undefined) problems.add(UI, read.why);
  return read?.ui;
}

/** Takes the address of a UI as a person copies it from a browser; answers what is wrong with it as text. */
export function parseUi(text: string): { ui: string; why?: undefined } | { ui?: undefined; why: string } {
  const form =
    'write for example https://temporal.example.com, with the path under which the UI is served and nothing behind it.';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return { why: ambiguous };
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return { why: `is no address of a web page; ${form}` };
  if (url.username !== '' || url.password !== '') return { why: `holds a user name or a password; ${form}` };
  if (url.search !== '' || url.hash !== '') return { why: `holds a query or a fragment; ${form}` };
  return { ui: `${url.origin}${url.pathname.replace(/\/(namespaces(\/.*)?)?$/, '')}` };
}

/** Where a server on this machine most likely has its UI. */
export function usualUi(address: string): string | undefined {
  if (!URL.canParse(`http://${address}`)) return undefined;
  const { hostname, port } = new URL(`http://${address}`);
  return isLoopback(hostname) && port !== '' && Number(port) + UI_PORTS_FURTHER <= LAST_PORT
    ? `http://${hostname}:${Number(port) + UI_PORTS_FURTHER}`
    : undefined;
}
