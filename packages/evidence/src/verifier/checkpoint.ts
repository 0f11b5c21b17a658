import { concat, fromBase64, isWhole, toHex, utf8 } from './encoding';
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
  if (end < 0 || /\p{Surrogate}/u.test(note)) return undefined;
  const body = note.slice(0, end + 1);
  const [origin = '', size = '', root = '', ...more] = body.slice(0, -1).split('\n');
  const hash = fromBase64(root);
  if (origin === '' || !/^(0|[1-9][0-9]*)$/.test(size) || !isWhole(Number(size)) || hash?.length !== 32)
    return undefined;
  const lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '') return undefined;
  const signatures = lines.map((line) => {
    const [, name = '', text = ''] = /^\u2014 ([^\s\x1c-\x1f\x85]+) (\S+)$/.exec(line) ?? [];
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
    const { name, id, algorithm, raw } = (await parseKey(crypto, key)) ?? {};
    for (const { bytes } of signatures.filter((one) => one.name === name && one.id === id)) {
      // An Ed25519 signature of the text (1), or a witness's of a time and the text (4); see C2SP tlog-cosignature.
      const isCosignature = algorithm === 4;
      const signature = bytes.subarray(isCosignature ? 12 : 4);
      const time = isCosignature ? bytes.subarray(4, 12).reduce((sum, byte) => sum * 256 + byte, 0) : 0;
      const message = isCosignature ? `cosignature/v1\ntime ${time}\n${body}` : body;
      const isUsual =
        raw !== undefined && signature.length === 64 && isUsualPoint(raw) && isUsualPoint(signature.subarray(0, 32));
      const isValid = isUsual && isWhole(time) && (await crypto.verifyEd25519(raw, utf8(message), signature));
      (isValid ? signedBy : wrong).push(key);
    }
  }
  return { signedBy: [...new Set(signedBy)], wrong };
}

/** Parses a verifier key of a signed note. Returns undefined for a key of another kind, and for one whose ID is not its own. */
export async function parseKey(
  crypto: EvidenceCrypto,
  key: string,
): Promise<{ name: string; id: string; algorithm: number; raw: Uint8Array } | undefined> {
  const [, name = '', id = '', text = ''] = /^([^\s+\x1c-\x1f\x85]+)\+([0-9a-f]{8})\+(.+)$/.exec(key) ?? [];
  const bytes = fromBase64(text);
  if (bytes?.length !== 33 || (bytes[0] !== 1 && bytes[0] !== 4)) return undefined;
  const own = toHex(await crypto.sha256(concat(utf8(`${name}\n`), bytes))).slice(0, 8);
  return own === id ? { name, id, algorithm: bytes[0], raw: bytes.subarray(1) } : undefined;
}

/** The points of small order by their encodings without the sign: y is 0, 1, -1, or one of two values of order 8. */
const SMALL = [
  /^0[01](00){31}$|^ec(ff){30}7f$/,
  /^26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05$/,
  /^c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a$/,
];

/** Returns false for encodings on which implementations of Ed25519 differ: of small order, or y not below the prime. */
function isUsualPoint(bytes: Uint8Array): boolean {
  const y = toHex(bytes.map((byte, at) => (at === 31 ? byte & 127 : byte)));
  return !SMALL.some((one) => one.test(y)) && !/^(e[d-f]|f.)(ff){30}7f$/.test(y);
}
