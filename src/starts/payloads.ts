import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

/** A payload that this client's converter cannot read, for example because it lacks the encryption key. */
export class UnreadablePayloadError extends Error {
  override readonly name = 'UnreadablePayloadError';
}

/** Decodes payloads from Temporal's API with the client's data converter. */
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
 * Returns the input a run was started with. It is read from the first event of the history, so that no copy has to be
 * kept elsewhere.
 *
 * @throws UnreadablePayloadError if this client cannot decode it.
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
    throw new UnreadablePayloadError(
      `The input of ${run.workflowId} cannot be decrypted with the keys configured here.`,
      {
        cause,
      },
    );
  }
}
