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
export async function readStartInput(client: Client, run: { workflowId: string; runId?: string }): Promise<unknown> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: run,
    maximumPageSize: 1,
  });
  const [input] = await decodePayloads(client, history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads);
  return input;
}
