import { createHash, randomUUID } from 'node:crypto';
import { GatewayRefusal } from './http-error';

/** Maximum size of a file in bytes; larger ones are for the command line. */
export const MOST_UPLOAD_BYTES = 64 * 1_024 * 1_024;
/** Files kept at a time. */
const MOST_UPLOADS = 4;
/** How long a file is kept, in milliseconds. */
const KEPT_MS = 3_600_000;

/** A file of users that a person uploaded. */
interface Upload {
  id: string;
  name: string;
  format: 'csv' | 'jsonl';
  bytes: Uint8Array;
  /** SHA-256, in hex. */
  digest: string;
}

/** Files of users, in memory only: on disk their IDs could outlive the gateway. */
export class Uploads {
  readonly #kept = new Map<string, { upload: Upload; until: number }>();

  /** @throws GatewayRefusal for a name from which no format follows, and for an empty file. */
  add(name: string, bytes: Uint8Array): Upload {
    const ending = /\.(csv|jsonl|ndjson)(?:\.gz)?$/i.exec(name)?.[1]?.toLowerCase();
    if (ending === undefined)
      throw new GatewayRefusal(
        400,
        'Upload',
        'The name of the file must end in .csv, .jsonl or .ndjson (or that and .gz).',
        {
          field: 'name',
        },
      );
    if (bytes.length === 0)
      throw new GatewayRefusal(400, 'Upload', 'The file is empty; an empty file never means all users.');
    this.#forget();
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= MOST_UPLOADS) this.#kept.delete(oldest);
    const upload: Upload = {
      id: randomUUID(),
      name,
      format: ending === 'csv' ? 'csv' : 'jsonl',
      bytes,
      digest: createHash('sha256').update(bytes).digest('hex'),
    };
    this.#kept.set(upload.id, { upload, until: Date.now() + KEPT_MS });
    return upload;
  }

  /** @throws GatewayRefusal if the file is not kept any more. */
  get(id: unknown): Upload {
    this.#forget();
    const kept = typeof id === 'string' ? this.#kept.get(id) : undefined;
    if (kept) return kept.upload;
    throw new GatewayRefusal(404, 'NotFound', 'The gateway does not have this file any more; choose it again.');
  }

  #forget(): void {
    for (const [id, { until }] of this.#kept) if (until < Date.now()) this.#kept.delete(id);
  }
}
