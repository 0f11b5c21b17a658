import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

/** A payload that this client's converter cannot read, say under a key that it does not have. */
export class UnreadablePayloadError extends Error {
  override readonly name = 'UnreadablePayloadError';
}

/** What payloads of Temporal's own API hold, decoded as the client decodes everything else. */
export async function decodePayloads(
  client: Client,
  payloads: readonly object[] | null | undefined,
): Promise<unknown[]> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let decoded: Payload[] = [...(payloads ?? [])];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  return decoded.map((payload) => payloadConverter.fromPayload(payload));
}

/**
 * What a run was started with: the first event of its history tells, so that no copy of it is kept elsewhere.
 *
 * @throws UnreadablePayloadError when this client cannot decode it.
 */
export async function readStartInput(client: Client, run: { workflowId: string; runId?: string }): Promise<unknown> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: run,
    maximumPageSize: 1,
  });
  const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
  try {
    const [input] = await decodePayloads(client, payloads);
    return input;
  } catch (cause) {
    throw new UnreadablePayloadError(`What ${run.workflowId} was started with cannot be read under the keys here.`, {
      cause,
    });
  }
}
