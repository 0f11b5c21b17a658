import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Below the ports that Linux gives to whatever process asks for any, which usually begin at 32,768. */
const FIRST_PORT = 20_000;

/** How many of them each of jest's workers has to itself, and how many workers that is. */
const PORTS_OF_WORKER = 1_000;
const WORKERS = 12;

// Begun anywhere, since another run of the tests may use the same ports.
let nextPort = Math.floor(Math.random() * PORTS_OF_WORKER);

/** A port of this machine on which nothing listens now, and which no other process gets before it is used. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS_OF_WORKER; tries += 1) {
    const worker = Number(process.env['JEST_WORKER_ID'] ?? '1') % WORKERS;
    const port = FIRST_PORT + worker * PORTS_OF_WORKER + (nextPort++ % PORTS_OF_WORKER);
    if (await isFree(port)) return port;
  }
  throw new Error('No port of this worker is free.');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** One line of a metrics page. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** What Prometheus would read from a worker. */
export async function scrape(port: number): Promise<{ text: string; samples: Sample[] }> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  const samples = [...text.matchAll(/^([a-z_A-Z]+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(/([a-z_A-Z]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', content = '']) => [
          label,
          content,
        ]),
      ),
      value: Number(value),
    }),
  );
  return { text, samples };
}

/** The sum over all samples of this name with these labels. */
export function valueOf(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples
    .filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([label, content]) => sample.labels[label] === content),
    )
    .reduce((sum, { value }) => sum + value, 0);
}

/** A span as OTLP writes it. */
export interface Span {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Record<string, unknown>;
}

/** Takes spans from a process, as a collector of OpenTelemetry does. */
export interface Collector {
  url: string;
  spans(): Span[];
  /** Everything it was sent: headers and bodies. */
  received(): string;
  close(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(`${request.headers['content-type']} ${Buffer.concat(chunks).toString('utf8')}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () =>
      bodies
        .filter((body) => body.startsWith('application/json '))
        .flatMap((body) => spansIn(JSON.parse(body.slice(body.indexOf(' '))) as OtlpTraces)),
    received: () => bodies.join('\n'),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface OtlpTraces {
  resourceSpans: {
    resource: { attributes: OtlpAttribute[] };
    scopeSpans: { spans: (Omit<Span, 'attributes'> & { attributes: OtlpAttribute[] })[] }[];
  }[];
}

interface OtlpAttribute {
  key: string;
  value: Record<string, unknown>;
}

function spansIn({ resourceSpans }: OtlpTraces): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, attributes: valuesOf([...resource.attributes, ...span.attributes]) })),
    ),
  );
}

function valuesOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
