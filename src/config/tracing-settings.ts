import { readText } from './env';
import type { Env } from './env';
import { isThisMachine, whyTlsIsNeeded } from '../transport/plaintext';
import { readPlaintext } from './plaintext';
import { ProblemList } from './problems';
import { whyAmbiguousUrl } from '../transport/url-text';

/** How spans are sent. OpenTelemetry's packages read the endpoint, the headers and the sampling themselves. */
export interface TracingSettings {
  protocol: (typeof PROTOCOLS)[number];
}

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const EXPORTERS = ['otlp', 'none'] as const;

/**
 * Reads OpenTelemetry's own settings. Spans are sent if an OTLP endpoint is set or `OTEL_TRACES_EXPORTER` is `otlp`,
 * unless `OTEL_SDK_DISABLED` is `true`.
 */
export function readTracing(env: Env, problems: ProblemList): TracingSettings | undefined {
  if (readText(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  const endpoint = readText(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? readText(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const exporter = readText(env, 'OTEL_TRACES_EXPORTER') ?? (endpoint === undefined ? 'none' : 'otlp');
  if (!EXPORTERS.some((name) => name === exporter)) {
    problems.add('OTEL_TRACES_EXPORTER', `"${exporter}" is not valid; allowed: ${EXPORTERS.join(', ')}.`);
  }
  if (exporter !== 'otlp') return undefined;
  const given =
    readText(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ??
    readText(env, 'OTEL_EXPORTER_OTLP_PROTOCOL') ??
    'http/protobuf';
  const protocol = PROTOCOLS.find((name) => name === given);
  if (!protocol)
    problems.add('OTEL_EXPORTER_OTLP_PROTOCOL', `"${given}" is not valid; allowed: ${PROTOCOLS.join(', ')}.`);
  refuseKeysInClear(env, endpoint, problems);
  return protocol && { protocol };
}

/**
 * Requires TLS for headers, which may carry the collector's keys, unless they stay on this machine or plaintext is
 * allowed.
 */
function refuseKeysInClear(env: Env, endpoint: string | undefined, problems: ProblemList): void {
  if (endpoint === undefined) return;
  const setting =
    readText(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') === undefined
      ? 'OTEL_EXPORTER_OTLP_ENDPOINT'
      : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const ambiguous = whyAmbiguousUrl(endpoint);
  if (ambiguous !== undefined) problems.add(setting, ambiguous);
  else if (URL.canParse(endpoint)) {
    const { protocol, hostname, username, password } = new URL(endpoint);
    const hasKeys = username !== '' || password !== '' || tracingSecrets(env).length > 0;
    if (
      protocol !== 'http:' ||
      !hasKeys ||
      isThisMachine(hostname) ||
      readPlaintext(env, new ProblemList()).allows('otlp')
    )
      return;
    problems.add(setting, whyTlsIsNeeded(hostname, 'otlp', 'Write an https endpoint, or send no headers.'));
  }
}

/** Returns values that must not be logged: those of the headers with which spans are sent. */
export function tracingSecrets(env: Env): string[] {
  const headers = [readText(env, 'OTEL_EXPORTER_OTLP_HEADERS'), readText(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS')];
  return headers
    .flatMap((list) => (list ?? '').split(','))
    .map((entry) => entry.slice(entry.indexOf('=') + 1).trim())
    .filter((value) => value !== '');
}
