import { X509Certificate, createHash, timingSafeEqual, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Refusal } from '../program/errors';
import { printable } from '../terminal/output';
import { localTime } from '../terminal/words';

/** Maximum depth of nesting that is read. */
const MOST_DEPTH = 20;

/** Identifier octets. */
const INTEGER = 0x02;

const OCTET_STRING = 0x04;

const OID = 0x06;

const GENERALIZED_TIME = 0x18;

const SEQUENCE = 0x30;

const SET = 0x31;

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
/** The certificate that signed, by its hash; the first with SHA-1 only. */
const SIGNING_CERTIFICATES = ['1.2.840.113549.1.9.16.2.12', '1.2.840.113549.1.9.16.2.47'];
/** An extended key usage: the certificate is for timestamps; RFC 3161 allows no other usage. */
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';

const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** Ways to sign; `any` where the hash is that of the content. */
const SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.1': 'any',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': 'any',
  '1.3.101.113': 'any',
};

const MOST_ISSUERS = 5;

/** A timestamp that was checked. */
export interface CheckedTimestamp {
  /** ISO 8601, UTC. */
  time: string;
  /** The subject of the certificate that signed it. */
  signedBy: string;
  /** Whether a certificate that was given vouches for the one that signed it. */
  trusted: boolean;
}

/** A timestamp does not prove what it should. The message says why. */
export class TimestampError extends Error {
  override readonly name = 'TimestampError';
}

/**
 * Checks a timestamp (RFC 3161) of a text: what was stamped, the signature, and the certificate as far as one is given that
 * vouches for it. Whether a certificate was revoked is not checked.
 *
 * @param token A response of a timestamping authority, or the token in it, in DER.
 * @param texts One of these must be what was stamped.
 * @throws TimestampError
 */
export function checkTimestamp(
  token: Buffer,
  texts: readonly string[],
  trusted: readonly X509Certificate[],
): CheckedTimestamp {
  try {
    return check(token, texts, trusted);
  } catch (error) {
    if (error instanceof TimestampError) throw error;
    // Also what OpenSSL cannot read.
    throw new TimestampError(`it cannot be read${error instanceof DerError ? `: it ${error.message}` : ''}`);
  }
}

function check(token: Buffer, texts: readonly string[], trusted: readonly X509Certificate[]): CheckedTimestamp {
  const signed = signedDataOf(Der.read(token));
  const content = signed.part(2, SEQUENCE);
  if (content.part(0, 0x06).oid !== TST_INFO) throw new TimestampError('it is not a timestamp');
  const info = content.part(1, context(0)).part(0, OCTET_STRING).content;
  const stamped = Der.read(info);
  const imprint = stamped.part(2, SEQUENCE);
  const hash = hashNamed(imprint.part(0, SEQUENCE));
  const digest = imprint.part(1, OCTET_STRING).content;
  if (!texts.some((text) => isDigest(hash, Buffer.from(text), digest)))
    throw new TimestampError('it is of something else than the checkpoint');
  const time = timeOf(stamped.part(4, GENERALIZED_TIME).content.toString('latin1'));
  const certificates = (signed.find(context(0))?.parts ?? []).map(({ bytes }) => new X509Certificate(bytes));
  const signers = signed.parts.at(-1);
  if (signers?.tag !== SET || signers.parts.length !== 1) throw new TimestampError('it has not exactly one signer');
  const certificate = checkSigner(signers.part(0, SEQUENCE), info, [...certificates, ...trusted]);
  if (certificate.keyUsage?.join() !== TIME_STAMPING) throw new TimestampError('its certificate is not for timestamps');
  if (time < Date.parse(certificate.validFrom) || time > Date.parse(certificate.validTo))
    throw new TimestampError('its certificate was not valid at its time');
  return {
    time: new Date(time).toISOString(),
    signedBy: certificate.subject.replaceAll('\n', ', '),
    trusted: isVouchedFor(certificate, certificates, trusted, time),
  };
}

/** Takes a response (a status and a token) or a token. */
function signedDataOf(given: Der): Der {
  const [first, second] = given.parts;
  let token = given;
  if (first?.tag === SEQUENCE) {
    // 0: granted; 1: granted with modifications.
    const status = first.part(0, INTEGER).content;
    if (status.length !== 1 || (status[0] ?? 2) > 1 || second === undefined)
      throw new TimestampError('the authority refused it');
    token = second;
  }
  if (token.part(0, 0x06).oid !== SIGNED_DATA) throw new TimestampError('it is not a timestamp');
  return token.part(1, context(0)).part(0, SEQUENCE);
}

/** Returns the certificate with which it was signed. */
function checkSigner(signer: Der, info: Buffer, certificates: readonly X509Certificate[]): X509Certificate {
  const [, id, algorithm, attributes, signatureAlgorithm, signature] = signer.parts;
  if (!id || !algorithm || attributes?.tag !== context(0) || !signatureAlgorithm || signature?.tag !== OCTET_STRING)
    throw new TimestampError('its signature is incomplete');
  const hash = hashNamed(algorithm);
  const valueOf = (name: string): Der | undefined =>
    attributes.parts.find((attribute) => attribute.part(0, 0x06).oid === name)?.part(1, SET).parts[0];
  if (valueOf(CONTENT_TYPE)?.oid !== TST_INFO || !isDigest(hash, info, valueOf(MESSAGE_DIGEST)?.content))
    throw new TimestampError('its content is not what was signed');
  const named = SIGNING_CERTIFICATES.flatMap((name) => octetStringsIn(valueOf(name)));
  const certificate = certificates.find(
    ({ raw }) =>
      isIssuedAs(raw, id) &&
      named.some((bytes) => ['sha1', 'sha256', 'sha384', 'sha512'].some((one) => isDigest(one, raw, bytes))),
  );
  if (certificate === undefined)
    throw new TimestampError('the certificate that signed it is missing; give it with --tsa');
  const by = SIGNATURES[signatureAlgorithm.part(0, 0x06).oid];
  if (by !== 'any' && by !== hash)
    throw new TimestampError(
      'it is signed in another way than RSA (PKCS #1 v1.5), ECDSA or EdDSA with SHA-256 or longer',
    );
  // What is signed is written as a SET there.
  const text = Buffer.concat([Buffer.from([SET]), attributes.bytes.subarray(1)]);
  const { asymmetricKeyType } = certificate.publicKey;
  const algorithmName = asymmetricKeyType === 'ed25519' || asymmetricKeyType === 'ed448' ? null : hash;
  if (!verify(algorithmName, text, certificate.publicKey, signature.content))
    throw new TimestampError('its signature is wrong');
  return certificate;
}

function hashNamed(algorithm: Der): string {
  const hash = HASHES[algorithm.part(0, 0x06).oid];
  if (hash === undefined) throw new TimestampError('its hash is none of SHA-256, SHA-384 and SHA-512');
  return hash;
}

function isDigest(hash: string, bytes: Buffer, digest: Buffer | undefined): boolean {
  const own = createHash(hash).update(bytes).digest();
  return digest?.length === own.length && timingSafeEqual(own, digest);
}

function octetStringsIn(value: Der | undefined): Buffer[] {
  if (value === undefined) return [];
  if (value.tag === OCTET_STRING) return [value.content];
  return value.tag === SEQUENCE ? value.parts.flatMap(octetStringsIn) : [];
}

/** Whether a certificate has the issuer and serial number that identify a signer. */
function isIssuedAs(certificate: Buffer, id: Der): boolean {
  // By the identifier of its key: the hash of the certificate decides.
  if (id.tag !== SEQUENCE) return true;
  const fields = Der.read(certificate).part(0, SEQUENCE).parts;
  const at = fields[0]?.tag === context(0) ? 1 : 0;
  const [issuer, serial] = id.parts;
  return Boolean(
    issuer && serial && fields[at]?.bytes.equals(serial.bytes) && fields[at + 2]?.bytes.equals(issuer.bytes),
  );
}

/** `20300131120000Z`, with a fraction of a second or without. */
function timeOf(text: string): number {
  const [, year, month, day, hour, minute, second, fraction = ''] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(text) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}Z`);
  if (Number.isNaN(time)) throw new TimestampError('its time cannot be read');
  return time;
}

function isVouchedFor(
  certificate: X509Certificate,
  more: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  time: number,
): boolean {
  const isTrusted = (one: X509Certificate): boolean => trusted.some(({ raw }) => raw.equals(one.raw));
  let current = certificate;
  for (let issuers = 0; issuers < MOST_ISSUERS; issuers += 1) {
    if (isTrusted(current)) return true;
    const issuer = [...trusted, ...more].find(
      (one) =>
        one.ca &&
        current.checkIssued(one) &&
        current.verify(one.publicKey) &&
        time >= Date.parse(one.validFrom) &&
        time <= Date.parse(one.validTo),
    );
    if (issuer === undefined || issuer.raw.equals(current.raw)) return false;
    current = issuer;
  }
  return false;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Timestamps of checkpoints, as files. */
export interface GivenTimestamps {
  timestamps: readonly string[];
  /** Files with certificates that vouch for authorities. */
  authorities: readonly string[];
}

/** A timestamp that was checked, or why it proves nothing. */
export type TimestampResult = { file: string } & (CheckedTimestamp | { problem: string });

/**
 * Checks timestamps of some checkpoints.
 *
 * @param checkpoints As text.
 * @throws Refusal when a file cannot be read.
 */
export async function checkTimestamps(
  { timestamps, authorities }: GivenTimestamps,
  checkpoints: readonly string[],
): Promise<TimestampResult[]> {
  const trusted = (await Promise.all(authorities.map(readCertificates))).flat();
  const results: TimestampResult[] = [];
  for (const file of timestamps) {
    const token = await readTimestamp(file);
    try {
      const checked = checkTimestamp(token, checkpoints, trusted);
      if (trusted.length > 0 && !checked.trusted)
        results.push({ file, problem: 'no certificate of --tsa vouches for the one that signed it' });
      else results.push({ file, ...checked });
    } catch (error) {
      if (!(error instanceof TimestampError)) throw error;
      results.push({ file, problem: error.message });
    }
  }
  return results;
}

/** Says in words what timestamps prove. */
export function timestampWords(results: readonly TimestampResult[]): string[] {
  return results.flatMap((one) =>
    'problem' in one
      ? []
      : [
          `${localTime(one.time)} by ${one.signedBy}` +
            (one.trusted ? '' : ' (not vouched for: give its certificate, or that of its authority, with --tsa)'),
        ],
  );
}

async function readCertificates(file: string): Promise<X509Certificate[]> {
  try {
    const found = ((await readFile(file, 'utf8')).match(PEM) ?? []).map((pem) => new X509Certificate(pem));
    if (found.length > 0) return found;
  } catch {
    // Explained below.
  }
  throw new Refusal('Usage', `--tsa: ${printable(file)} is not a file with certificates in PEM.`, 'tsa');
}

async function readTimestamp(file: string): Promise<Buffer> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    const why = error.code ?? 'unknown error';
    throw new Refusal('Usage', `--timestamp: ${printable(file)} cannot be read (${why}).`, 'timestamp');
  });
}

/** Bytes that are not DER, or not what was expected in their place. */
class DerError extends Error {
  override readonly name = 'DerError';
}

/** One value in DER (X.690): as much of it as timestamps and certificates need. */
class Der {
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

/** The identifier octet of a constructed value that is known by its number only. */
function context(number: number): number {
  return 0xa0 + number;
}
