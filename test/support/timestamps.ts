import { X509Certificate, createHash, createPrivateKey, sign } from 'node:crypto';
import type { Certified } from './certificates';
import { context, der, integer, oid, sequence, time } from './certificates';

const SHA256 = '2.16.840.1.101.3.4.2.1';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const OCTETS = 0x04;
const SET = 0x31;

const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** Makes a timestamp of a text as an authority would (RFC 3161): the response, in DER. */
export function timestampOf(text: string, { cert, key }: Certified, { atMs = Date.now() } = {}): Buffer {
  const { raw, serialNumber } = new X509Certificate(cert);
  const info = sequence(
    integer(Buffer.from([1])),
    oid('1.2.3'),
    sequence(sequence(oid(SHA256)), der(OCTETS, digestOf(Buffer.from(text)))),
    integer(Buffer.from([7])),
    time(atMs),
  );
  const attributes = Buffer.concat([
    attribute('1.2.840.113549.1.9.3', oid(TST_INFO)),
    attribute('1.2.840.113549.1.9.4', der(OCTETS, digestOf(info))),
    attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(der(OCTETS, digestOf(raw)))))),
  ]);
  const signature = sign('sha256', der(SET, attributes), createPrivateKey(key));
  const signer = sequence(
    integer(Buffer.from([1])),
    sequence(issuerOf(raw), integer(Buffer.from(serialNumber, 'hex'))),
    sequence(oid(SHA256)),
    context(0, attributes),
    sequence(oid(ECDSA_WITH_SHA256)),
    der(OCTETS, signature),
  );
  const signed = sequence(
    integer(Buffer.from([3])),
    der(SET, sequence(oid(SHA256))),
    sequence(oid(TST_INFO), context(0, der(OCTETS, info))),
    context(0, raw),
    der(SET, signer),
  );
  const token = sequence(oid('1.2.840.113549.1.7.2'), context(0, signed));
  return sequence(sequence(integer(Buffer.from([0]))), token);
}

function attribute(name: string, value: Buffer): Buffer {
  return sequence(oid(name), der(SET, value));
}

/** The issuer in a certificate: version, serial number and algorithm come before it. */
function issuerOf(certificate: Buffer): Buffer {
  let rest = inside(inside(certificate));
  for (let before = 0; before < 3; before += 1) rest = rest.subarray(lengthOf(rest));
  return rest.subarray(0, lengthOf(rest));
}

function headOf(bytes: Buffer): { head: number; length: number } {
  const first = bytes[1] ?? 0;
  if (first < 0x80) return { head: 2, length: first };
  const digits = first & 0x7f;
  return { head: 2 + digits, length: bytes.readUIntBE(2, digits) };
}

function inside(bytes: Buffer): Buffer {
  const { head, length } = headOf(bytes);
  return bytes.subarray(head, head + length);
}

function lengthOf(bytes: Buffer): number {
  const { head, length } = headOf(bytes);
  return head + length;
}
