/** Bytes that are not DER, or not what was expected in their place. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** Maximum depth of nesting that is read. */
const MOST_DEPTH = 20;

/** One value in DER (X.690): as much of it as timestamps and certificates need. */
export class Der {
  private constructor(
    /** The identifier octet, for example 0x30 for a SEQUENCE. */
    readonly tag: number,
    readonly content: Buffer,
    /** The whole value, with tag and length. */
    readonly bytes: Buffer,
    private readonly depth: number,
  ) {}

  /** Reads one value that fills the bytes. @throws DerError */
  static read(bytes: Buffer): Der {
    const value = Der.#at(bytes, 0, 0);
    if (value.bytes.length !== bytes.length) throw new DerError('has bytes after its end');
    return value;
  }

  static #at(bytes: Buffer, offset: number, depth: number): Der {
    const [tag, first] = [bytes[offset], bytes[offset + 1]];
    if (tag === undefined || first === undefined || depth > MOST_DEPTH)
      throw new DerError('is truncated or nested too deep');
    // Tags above 30 and lengths that are not known beforehand do not occur.
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if ((tag & 0x1f) === 0x1f || first === 0x80 || lengthBytes > 4) throw new DerError('is not DER');
    const start = offset + 2 + lengthBytes;
    const length =
      lengthBytes === 0 ? first : bytes.subarray(offset + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    if (lengthBytes > 0 && (length < 0x80 || bytes[offset + 2] === 0)) throw new DerError('is not DER');
    if (start + length > bytes.length) throw new DerError('is truncated');
    return new Der(tag, bytes.subarray(start, start + length), bytes.subarray(offset, start + length), depth);
  }

  /** The values in a constructed one. @throws DerError */
  get parts(): Der[] {
    const parts: Der[] = [];
    for (let offset = 0; offset < this.content.length;) {
      const part = Der.#at(this.content, offset, this.depth + 1);
      parts.push(part);
      offset += part.bytes.length;
    }
    return parts;
  }

  /** Returns the value at a place, which must have this tag. @throws DerError */
  part(place: number, tag: number): Der {
    const part = this.parts[place];
    if (part?.tag !== tag) throw new DerError('is not what was expected in its place');
    return part;
  }

  /** Returns the first value with this tag, if there is one. */
  find(tag: number): Der | undefined {
    return this.parts.find((part) => part.tag === tag);
  }

  /** The dotted form of an OBJECT IDENTIFIER. @throws DerError */
  get oid(): string {
    if (this.tag !== OID) throw new DerError('is not what was expected in its place');
    const numbers: number[] = [];
    let number = 0;
    for (const byte of this.content) {
      number = number * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
      if (numbers.length === 0)
        numbers.push(Math.min(2, Math.floor(number / 40)), number - 40 * Math.min(2, Math.floor(number / 40)));
      else numbers.push(number);
      number = 0;
    }
    return numbers.join('.');
  }
}

/** Identifier octets. */
export const INTEGER = 0x02;
export const OCTET_STRING = 0x04;
export const OID = 0x06;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** The identifier octet of a constructed value that is known by its number only. */
export function context(number: number): number {
  return 0xa0 + number;
}
