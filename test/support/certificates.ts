import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A certificate of a test with its key, both in PEM. */
export interface Certified {
  cert: string;
  key: string;
}

/** An authority that lives as long as a test. */
export interface Authority extends Certified {
  /**
   * Certifies a new key for these DNS names; `ended` makes a certificate whose time is over, `stampsTime` one for
   * timestamps.
   */
  certify(name: string, options?: { dnsNames?: readonly string[]; ended?: boolean; stampsTime?: boolean }): Certified;
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const ALTERNATIVE_NAMES = '2.5.29.17';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const DAY_MS = 86_400_000;

/** Makes an authority; X.509 as RFC 5280 writes it, as much of it as a TLS handshake reads. */
export function createAuthority(name: string): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issued = (subject: string, publicKey: KeyObject, endsMs: number, extensions: Buffer[]): string => {
    const signature = sequence(oid(ECDSA_WITH_SHA256));
    const body = sequence(
      context(0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      signature,
      named(name),
      sequence(time(endsMs - 400 * DAY_MS), time(endsMs)),
      named(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      context(3, sequence(...extensions)),
    );
    return pem('CERTIFICATE', sequence(body, signature, bits(sign('sha256', body, own.privateKey))));
  };
  const cert = issued(name, own.publicKey, Date.now() + 30 * DAY_MS, [
    extension(BASIC_CONSTRAINTS, sequence(der(0x01, Buffer.from([0xff])))),
  ]);
  return {
    cert,
    key: keyText(own.privateKey),
    certify: (subject, { dnsNames = [], ended = false, stampsTime = false } = {}) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names =
        dnsNames.length === 0
          ? []
          : [extension(ALTERNATIVE_NAMES, sequence(...dnsNames.map((dns) => der(0x82, Buffer.from(dns)))))];
      const constraints = extension(BASIC_CONSTRAINTS, sequence());
      const usage = stampsTime ? [extension(EXTENDED_KEY_USAGE, sequence(oid(TIME_STAMPING)))] : [];
      const extensions = [constraints, ...names, ...usage];
      return {
        cert: issued(subject, publicKey, Date.now() + (ended ? -DAY_MS : 30 * DAY_MS), extensions),
        key: keyText(privateKey),
      };
    },
  };
}

function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

export function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

export function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

export function context(number: number, content: Buffer): Buffer {
  return der(0xa0 + number, content);
}

export function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function bits(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function named(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, Buffer.from(commonName)))));
}

/** `20260102030405Z`; as RFC 5280 wants it from 2050 on, and every reader accepts it before. */
export function time(atMs: number): Buffer {
  return der(0x18, Buffer.from(`${new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, '')}`));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value));
}

function pem(label: string, bytes: Buffer): string {
  return `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`;
}
