/** Hashes and signatures of the platform. */
export interface EvidenceCrypto {
  sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Whether an Ed25519 signature (64 bytes) of this public key (32 bytes) is valid. */
  verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

/** Returns the crypto of a browser, or of Node.js, through WebCrypto. */
export function webCrypto(): EvidenceCrypto {
  const { subtle } = globalThis.crypto;
  return {
    sha256: async (bytes) => new Uint8Array(await subtle.digest('SHA-256', bytes)),
    async verifyEd25519(key, message, signature) {
      const [raw, text, sig] = [key, message, signature].map((bytes) => bytes as Uint8Array<ArrayBuffer>);
      if (!raw || !text || !sig) return false;
      return subtle.verify('Ed25519', await subtle.importKey('raw', raw, 'Ed25519', false, ['verify']), sig, text);
    },
  };
}

/** Returns the only spelling of a value in a bundle: JSON without spaces, in ASCII. */
export function canonical(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Maximum number of objects and arrays around a value. */
const MOST_LEVELS = 64;

/** Returns whether JSON libraries agree on a value: whole numbers, names that are not numbers, and not too many levels. */
export function isPlain(value: unknown, level = 1): boolean {
  if (typeof value === 'number') return isWhole(value);
  if (typeof value !== 'object' || value === null) return true;
  const isNamed = Array.isArray(value) || !Object.keys(value).some((name) => /^[0-9]+$/.test(name));
  return isNamed && level <= MOST_LEVELS && Object.values(value).every((inner) => isPlain(inner, level + 1));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Returns undefined for anything but the only spelling of base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return btoa(String.fromCharCode(...bytes)) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}
