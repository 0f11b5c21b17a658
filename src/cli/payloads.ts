import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

/** What payloads of Temporal's own API hold, decoded as the client decodes everything else. */
export async function decodePayloads(client: Client, payloads: readonly object[] | null | undefined): Promise<unknown[]> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let decoded: Payload[] = [...(payloads ?? [])];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  return decoded.map((payload) => payloadConverter.fromPayload(payload));
}

/** What a run was started with: the first event of its history tells, so that no copy of it is kept elsewhere. */
export async function readStart(
  client: Client,
  run: { workflowId: string; runId?: string },
): Promise<{ input: unknown; firstRunId?: string }> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: run,
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const [input] = await decodePayloads(client, started?.input?.payloads);
  const firstRunId = started?.firstExecutionRunId;
  return { input, ...(firstRunId && { firstRunId }) };
}
