import type { Payload } from '@temporalio/common';

/** The `encoding` of an encrypted payload, as Temporal's own samples and its UI have it. */
export const ENCRYPTED = 'binary/encrypted';

/** Names this package's way of encrypting; a change of anything in it makes another. */
export const FORMAT = 'temporal-http-tasks/1';

/** What stands beside the data of an encrypted payload, where everybody can read it. */
export const METADATA = {
  encoding: 'encoding',
  format: 'encryption-format',
  keyId: 'encryption-key-id',
  nonce: 'encryption-nonce',
} as const;

/** A text of a payload's metadata. */
export function metadataText({ metadata }: Payload, name: string): string | undefined {
  const bytes = metadata?.[name];
  return bytes ? Buffer.from(bytes).toString('utf8') : undefined;
}

/** Whether a payload is encrypted, by this package or by somebody else who says so in the same way. */
export function isEncrypted(payload: Payload): boolean {
  return metadataText(payload, METADATA.encoding) === ENCRYPTED;
}
