import { fromBase64, toHex, utf8 } from './encoding';
import type { EvidenceCrypto } from './encoding';

/** A parsed checkpoint (C2SP tlog-checkpoint). */
export interface ParsedCheckpoint {
  origin: string;
  size: number;
  /** In hex. */
  root: string;
  time?: string;
  /** The signed text. */
  body: string;
  signatures: readonly { name: string; id: string; bytes: Uint8Array }[];
}

/** Parses a checkpoint, which must have its only valid spelling. Returns undefined for anything else. */
export function parseCheckpoint(note: string): ParsedCheckpoint | undefined {
  const end = note.indexOf('\n\n');
  if (end < 0) return undefined;
  const body = note.slice(0, end + 1);
  const [origin = '', size = '', root = '', ...more] = body.slice(0, -1).split('\n');
  const hash = fromBase64(root);
  if (origin === '' || !/^(0|[1-9][0-9]{0,15})$/.test(size) || hash?.length !== 32) return undefined;
  const lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '') return undefined;
  const signatures = lines.map((line) => {
    const [, name = '', text = ''] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = fromBase64(text);
    return { name, id: toHex((bytes ?? new Uint8Array()).subarray(0, 4)), bytes: bytes ?? new Uint8Array() };
  });
  if (signatures.some(({ name, bytes }) => name === '' || bytes.length < 5)) return undefined;
  const time = more.find((line) => line.startsWith('time '))?.slice(5);
  return { origin, size: Number(size), root: toHex(hash), ...(time !== undefined && { time }), body, signatures };
}

/**
 * Returns which of these keys have signed a checkpoint, and which have a signature that is wrong. Signatures of other
 * keys are ignored.
 */
export async function checkSignatures(
  crypto: EvidenceCrypto,
  { body, signatures }: ParsedCheckpoint,
  keys: readonly string[],
): Promise<{ signedBy: string[]; wrong: string[] }> {
  const [signedBy, wrong]: [string[], string[]] = [[], []];
  for (const key of new Set(keys)) {
    const { name, id, algorithm, raw } = parseKey(key) ?? {};
    for (const { bytes } of signatures.filter((one) => one.name === name && one.id === id)) {
      // An Ed25519 signature of the text (1), or a witness's of a time and the text (4); see C2SP tlog-cosignature.
      const isCosignature = algorithm === 4;
      const signature = bytes.subarray(isCosignature ? 12 : 4);
      const time = isCosignature ? bytes.subarray(4, 12).reduce((sum, byte) => sum * 256 + byte, 0) : 0;
      const message = isCosignature ? `cosignature/v1\ntime ${time}\n${body}` : body;
      const isValid =
        raw !== undefined && signature.length === 64 && (await crypto.verifyEd25519(raw, utf8(message), signature));
      (isValid ? signedBy : wrong).push(key);
    }
  }
  return { signedBy, wrong };
}

/** Parses a verifier key of a signed note. Whether its ID belongs to it is not checked. */
export function parseKey(key: string): { name: string; id: string; algorithm: number; raw: Uint8Array } | undefined {
  const [, name = '', id = '', text = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/.exec(key) ?? [];
  const bytes = fromBase64(text);
  if (bytes?.length !== 33) return undefined;
  return { name, id, algorithm: bytes[0] ?? 0, raw: bytes.subarray(1) };
}
