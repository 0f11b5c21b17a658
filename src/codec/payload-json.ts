import type { Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { z } from 'zod';

const { Payload: PayloadMessage } = temporal.api.common.v1;

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

/** A payload as JSON; other fields (references to external storage) are kept. */
const payloadJson = z.looseObject({ metadata: z.record(z.string(), base64).optional(), data: base64.optional() });

const payloadsJson = z.looseObject({ payloads: z.array(payloadJson) });

/** A payload in the JSON form of Temporal's protocol: bytes are base64. */
export type PayloadJson = z.output<typeof payloadJson>;

/** Parses the body of a call to a codec server. Returns undefined for an invalid body. */
export function readPayloads(body: string): PayloadJson[] | undefined {
  try {
    return payloadsJson.safeParse(JSON.parse(body)).data?.payloads;
  } catch {
    return undefined;
  }
}

export function payloadFromJson(json: PayloadJson): Payload {
  return PayloadMessage.fromObject(json);
}

export function payloadToJson(payload: Payload): PayloadJson {
  // `bytes: String` gives base64.
  return PayloadMessage.toObject(PayloadMessage.fromObject(payload), { bytes: String, longs: String });
}
