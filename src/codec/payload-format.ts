import type { Payload } from '@temporalio/common';

/** The `encoding` of an encrypted payload, as in Temporal's samples and UI. */
export const ENCRYPTED = 'binary/encrypted';

/** Identifies this package's encryption format. Any change to the format needs another name. */
export const FORMAT = 'temporal-http-tasks/1';

/** Metadata keys of an encrypted payload, which are not encrypted. */
export const METADATA = {
  encoding: 'encoding',
  format: 'encryption-format',
  keyId: 'encryption-key-id',
  nonce: 'encryption-nonce',
} as const;

/** Returns a metadata value of a payload as text. */
export function metadataText({ metadata }: Payload, name: string): string | undefined {
  const bytes = metadata?.[name];
  return bytes ? Buffer.from(bytes).toString('utf8') : undefined;
}

/** Returns whether a payload is marked as encrypted, by this package or another codec. */
export function isEncrypted(payload: Payload): boolean {
  return metadataText(payload, METADATA.encoding) === ENCRYPTED;
}
