import { parsePostgresUrl } from '../transport/postgres-url';
import type { LedgerSettings } from './ledger-settings';
import type { Settings } from './settings';
import { databaseFile } from './source-settings';

/** The effective setup of a worker, for its log; contains no credentials. */
export interface SetupLine {
  taskQueue: string;
  /** Environment of each configured service. */
  environments: Readonly<Record<string, string>>;
  ledger: string;
  encryption: string;
  /** Names that `source.query` may use. */
  sources: readonly string[];
  /** Connections that may leave this machine without TLS. */
  allowedPlaintext: readonly string[];
  off: readonly string[];
}

/**
 * Returns the setup of a worker with these settings, and which protections and services are off.
 *
 * @param known Names of the services that the worker could serve.
 * @param own What a worker in a host's process decides itself. @default the settings
 */
export function setupLine(
  settings: Settings,
  known: readonly string[],
  own: { taskQueue?: string; encryption?: string; workflows?: boolean } = {},
): SetupLine {
  const { sender, ledger, encryption, sources, allowedPlaintext } = settings;
  const {
    taskQueue = settings.taskQueue,
    encryption: encrypted = encryption ? `on, plain-text inputs: ${encryption.plaintext}` : 'off',
    workflows = true,
  } = own;
  const services = [...sender.services.values()];
  const environments = Object.fromEntries(services.map(({ service, environment }) => [service, environment]));
  const off = [
    ...(encrypted === 'off' ? ['encryption'] : []),
    ...(encrypted === 'on, plain-text inputs: accept' ? ['refusal of plain-text inputs'] : []),
    ...allowedPlaintext.map((item) => `TLS for ${item}`),
    ...known.filter((service) => !sender.services.has(service)).map((service) => `service ${service}`),
    ...(settings.searchAttributes ? [] : ['search attributes']),
    ...(settings.nexus ? [] : ['Nexus']),
    ...(workflows ? [] : ['workflows (this worker has activities only)']),
  ];
  return {
    taskQueue,
    environments,
    ledger: ledgerText(ledger),
    encryption: encrypted,
    sources: sources.queryNames,
    allowedPlaintext,
    off,
  };
}

/** Formats the setup as one sentence, for a host's log. */
export function setupText({ taskQueue, environments, ledger, encryption, sources, off }: SetupLine): string {
  const services = Object.entries(environments).map(([service, environment]) => `${service} (${environment})`);
  const parts = [
    `task queue ${taskQueue}`,
    `services ${services.join(', ')}`,
    `ledger ${ledger}`,
    `encryption ${encryption}`,
    `sources ${sources.join(', ') || 'none'}`,
    `off: ${off.join(', ') || 'nothing'}`,
  ];
  return `HTTP tasks: ${parts.join('; ')}.`;
}

const VERIFIED = {
  full: 'TLS, server verified',
  ca: 'TLS, authority verified',
  none: 'TLS, server not verified',
} as const;

function ledgerText({ url, plaintextAllowed }: LedgerSettings): string {
  if (url.startsWith('file:')) return `file:${databaseFile(url) ?? ''}`;
  const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });
  return typeof target === 'string'
    ? 'unusable'
    : `${target.label} (${target.tls ? VERIFIED[target.tls.verify] : 'no TLS'})`;
}
