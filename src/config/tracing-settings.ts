import { readText } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';

/** How spans are sent. Where to, with which headers and how many of them, OpenTelemetry's packages read by themselves. */
export interface TracingSettings {
  protocol: (typeof PROTOCOLS)[number];
}

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const EXPORTERS = ['otlp', 'none'] as const;

/**
 * Reads OpenTelemetry's own settings. Spans are sent once an OTLP endpoint is set, or `OTEL_TRACES_EXPORTER` is `otlp`,
 * unless `OTEL_SDK_DISABLED` is `true`.
 */
export function readTracing(env: Env, problems: ProblemList): TracingSettings | undefined {
  if (readText(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  const endpoint = readText(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? readText(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const exporter = readText(env, 'OTEL_TRACES_EXPORTER') ?? (endpoint === undefined ? 'none' : 'otlp');
  if (!EXPORTERS.some((name) => name === exporter)) {
    problems.add('OTEL_TRACES_EXPORTER', `"${exporter}" is not possible; allowed: ${EXPORTERS.join(', ')}.`);
  }
  if (exporter !== 'otlp') return undefined;
  const given = readText(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? readText(env, 'OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  const protocol = PROTOCOLS.find((name) => name === given);
  if (!protocol) problems.add('OTEL_EXPORTER_OTLP_PROTOCOL', `"${given}" is not possible; allowed: ${PROTOCOLS.join(', ')}.`);
  return protocol && { protocol };
}

/** What must stand in no log: values of the headers with which spans are sent. */
export function tracingSecrets(env: Env): string[] {
  const headers = [readText(env, 'OTEL_EXPORTER_OTLP_HEADERS'), readText(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS')];
  return headers
    .flatMap((list) => (list ?? '').split(','))
    .map((entry) => entry.slice(entry.indexOf('=') + 1).trim())
    .filter((value) => value !== '');
}
