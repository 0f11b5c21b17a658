import { SpanStatusCode, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { request } from 'undici';
import { observeSender } from 'temporal-http-tasks/internal/activities/observed';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { Metrics } from 'temporal-http-tasks/internal/observability/metrics';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { Provider } from '../unit/http/provider';

// A host that traces all it does, with an instrumentation that puts trace headers into every call of undici. Nothing of
// the package's own is registered here: it uses what the host has.

const CALLS = 6;
const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const instrumentation = new UndiciInstrumentation();
let plaidStandIn: Provider;
let sender: TaskSender;

beforeAll(async () => {
  provider.register();
  instrumentation.setTracerProvider(provider);
  instrumentation.enable();
  plaidStandIn = await Provider.start((response, { body }) => {
    const refused = body.includes('usr_refused');
    response.writeHead(refused ? 400 : 200, { 'content-type': 'application/json' });
    response.end(
      refused
        ? '{"error_type":"INVALID_INPUT","error_code":"USER_NOT_FOUND","request_id":"r2"}'
        : '{"request_id":"r1"}',
    );
  });
  const env = {
    PLAID_BASE_URL: plaidStandIn.origin,
    PLAID_CLIENT_ID: 'client-of-a-test',
    PLAID_SECRET: 'secret-of-a-test',
  };
  // One connection, so that calls wait for one another and leave from the callbacks of earlier ones.
  sender = observeSender(
    createTaskSender(readSenderSettings(env, [plaid.userRemove.service]), { connectionsPerOrigin: 1 }),
    new Metrics(),
  );
});

afterAll(async () => {
  instrumentation.disable();
  await sender.close();
  await plaidStandIn.close();
  await provider.shutdown();
});

beforeEach(() => exporter.reset());

const traceHeaders = (): string[] =>
  plaidStandIn.received.flatMap(({ headers }) => Object.keys(headers).filter((name) => /trace|baggage/i.test(name)));

it('puts no trace header into calls of tasks, and no address into spans, also of calls that waited for a connection', async () => {
  await trace.getTracer('host').startActiveSpan('of the host', async (span) => {
    await Promise.all(
      Array.from({ length: CALLS }, (_, index) => sender.send(plaid.userRemove, { user_id: `usr_${index}` })),
    );
    span.end();
  });
  expect(plaidStandIn.received).toHaveLength(CALLS);
  expect(traceHeaders()).toEqual([]);
  const names = exporter.getFinishedSpans().map(({ name }) => name);
  expect(names).toEqual([...Array.from({ length: CALLS }, () => 'plaid.userRemove'), 'of the host']);
  expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toMatch(
    /usr_|127\.0\.0\.1|secret/,
  );
});

it("would notice such headers: the host's own calls get them", async () => {
  await trace.getTracer('host').startActiveSpan('of the host', async (span) => {
    await (await request(`${plaidStandIn.origin}/own`)).body.dump();
    span.end();
  });
  expect(traceHeaders()).toContain('traceparent');
});

it("makes the span of a call a child of the host's, and says how it ended", async () => {
  const hostSpan = await trace.getTracer('host').startActiveSpan('of the host', async (span) => {
    await expect(sender.send(plaid.userRemove, { user_id: 'usr_refused' })).rejects.toMatchObject({
      type: 'Task.Rejected',
    });
    span.end();
    return span;
  });
  const [call] = exporter.getFinishedSpans();
  expect(call?.parentSpanId).toBe(hostSpan.spanContext().spanId);
  expect(call?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'Task.Rejected' });
  expect(call?.attributes).toEqual({
    'http_tasks.task': 'plaid.userRemove',
    'http_tasks.provider': 'plaid',
    'http_tasks.outcome': 'Task.Rejected',
    'http_tasks.provider_code': 'USER_NOT_FOUND',
    'http.request.method': 'POST',
    'http.response.status_code': 400,
  });
});
