#!/usr/bin/env python3
"""Verifies an RFC 3161 timestamp of a checkpoint (see ../evidence.md) with Python's standard library alone.
    timestamp.py CHECKPOINT RESPONSE [--tsa PEM]...
Prints one JSON document. Exits 0 when a certificate of --tsa vouches for it, 1 when it proves nothing, 3 without --tsa.
Keys may be RSA (PKCS #1 v1.5) or ECDSA (P-256, P-384). Revocation, name constraints and path lengths are not checked.
"""
import base64, hashlib, json, re, sys
from datetime import datetime, timezone

INTEGER, OCTETS, OID, UTC_TIME, TIME, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x17, 0x18, 0x30, 0x31
SIGNED_DATA, TST_INFO, TIME_STAMPING = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4", "1.3.6.1.5.5.7.3.8"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATES = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
HASHES = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}
SIGNED_WITH = {"1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}
IN_CMS = {**SIGNED_WITH, "1.2.840.113549.1.1.1": None}  # rsaEncryption: the hash is the one of the content
CURVES = {  # name: the prime, b, the order, and both coordinates of the generator; a is -3
    "1.2.840.10045.3.1.7": (2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5),
    "1.3.132.0.34": (2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F),
}

class Wrong(Exception):
    """The timestamp does not prove what it should."""

def need(condition, what="it is not what was expected in its place"):
    if not condition:
        raise Wrong(what)

class Der:
    """One value in DER: its tag, content, and all of its bytes."""
    def __init__(self, data, whole=True):
        need(len(data) >= 2 and data[0] & 31 != 31 and data[1] != 0x80 and data[1] <= 0x84, "it is not DER")
        more = data[1] - 0x80 if data[1] > 0x80 else 0
        size = int.from_bytes(data[2 : 2 + more], "big") if more else data[1]
        need(not more or (size > 127 and data[2]), "it is not DER")
        self.tag, self.bytes, self.content = data[0], data[: 2 + more + size], data[2 + more : 2 + more + size]
        need(len(self.content) == size and (not whole or len(self.bytes) == len(data)), "it is cut off, or has more after it")

    @property
    def parts(self):
        parts, rest = [], self.content
        while rest:
            parts.append(Der(rest, whole=False))
            rest = rest[len(parts[-1].bytes) :]
        return parts

    def part(self, place, tag):
        need(place < len(self.parts) and self.parts[place].tag == tag)
        return self.parts[place]

    @property
    def oid(self):
        need(self.tag == OID)
        numbers, number = [], 0
        for byte in self.content:
            number = number * 128 + (byte & 127)
            if byte < 128:
                first = min(2, number // 40)
                numbers, number = numbers + ([number] if numbers else [first, number - 40 * first]), 0
        return ".".join(map(str, numbers))

    @property
    def time(self):
        parts = re.fullmatch(rb"(\d\d)?(\d\d)(\d{10})(\.\d+)?Z", self.content)
        need(parts and self.tag in (UTC_TIME, TIME) and (parts[1] is None) == (self.tag == UTC_TIME), "a time cannot be read")
        century = parts[1] or (b"20" if parts[2] < b"50" else b"19")
        when = datetime.strptime((century + parts[2] + parts[3]).decode(), "%Y%m%d%H%M%S")
        return when.replace(tzinfo=timezone.utc, microsecond=int(((parts[4] or b".")[1:] + b"000000")[:6]))

class Certificate:
    def __init__(self, raw):
        body, self.algorithm, self.signature = Der(raw).parts
        fields = body.parts[1:] if body.parts[0].tag == 0xA0 else body.parts
        self.raw, self.body, self.serial, inner, self.issuer, validity, self.subject, self.key = raw, body.bytes, *fields[:6]
        need(inner.bytes == self.algorithm.bytes, "a certificate names two algorithms")
        self.since, self.until = (one.time for one in validity.parts)
        lists = [field for field in fields[6:] if field.tag == 0xA3]
        self.extensions = {one.parts[0].oid: Der(one.parts[-1].content) for one in (lists[0].parts[0].parts if lists else [])}

    def extension(self, name):
        return self.extensions[name].parts if name in self.extensions else []

    def is_signed_by(self, issuer):
        name = SIGNED_WITH.get(self.algorithm.parts[0].oid)
        is_authority = [one.bytes for one in issuer.extension("2.5.29.19")[:1]] == [b"\x01\x01\xff"]
        fits = name and is_authority and self.issuer.bytes == issuer.subject.bytes
        return bool(fits and is_signed(issuer.key, name, self.body, self.signature.content[1:]))

def is_signed(key, name, text, signature):
    algorithm, bits = key.parts
    kind, raw, digest = algorithm.parts[0].oid, bits.content[1:], hashlib.new(name, text).digest()
    if kind == "1.2.840.113549.1.1.1":
        modulus, exponent = (int.from_bytes(one.content, "big") for one in Der(raw).parts)
        size = (modulus.bit_length() + 7) // 8
        last = {"sha256": 1, "sha384": 2, "sha512": 3}[name]
        info = bytes.fromhex("30%02x300d06096086480165030402%02x050004%02x" % (17 + len(digest), last, len(digest)))
        whole = b"\0\1" + b"\xff" * (size - 3 - len(info) - len(digest)) + b"\0" + info + digest
        return len(signature) == size and pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == whole
    need(kind == "1.2.840.10045.2.1" and algorithm.parts[1].oid in CURVES, "it is signed with another kind of key")
    return is_ecdsa(CURVES[algorithm.parts[1].oid], raw, digest, Der(signature))

def is_ecdsa(curve, raw, digest, signature):
    prime, b, order, *base = curve
    size = (prime.bit_length() + 7) // 8
    key = int.from_bytes(raw[1 : 1 + size], "big"), int.from_bytes(raw[1 + size :], "big")
    r, s = (int.from_bytes(signature.part(at, INTEGER).content, "big") for at in (0, 1))
    is_curve = signature.tag == SEQUENCE and raw[0] == 4 and max(key) < prime and (key[1] ** 2 - key[0] ** 3 + 3 * key[0] - b) % prime == 0
    if not is_curve or not 0 < r < order or not 0 < s < order:
        return False
    def add(p, q):
        if p is None or q is None or (p[0] == q[0] and (p[1] + q[1]) % prime == 0):
            return (p or q) if p is None or q is None else None
        rise, run = (3 * p[0] ** 2 - 3, 2 * p[1]) if p == q else (q[1] - p[1], q[0] - p[0])
        slope = rise * pow(run, -1, prime) % prime
        x = (slope**2 - p[0] - q[0]) % prime
        return x, (slope * (p[0] - x) - p[1]) % prime
    def times(number, point):
        half = times(number // 2, point) if number > 1 else None
        return add(add(half, half), point if number % 2 else None)

    number, inverse = int.from_bytes(digest, "big") >> max(0, len(digest) * 8 - order.bit_length()), pow(s, -1, order)
    point = add(times(number * inverse % order, tuple(base)), times(r * inverse % order, key))
    return point is not None and point[0] % order == r

def octets_in(value):
    return [value.content] if value.tag == OCTETS else sum(map(octets_in, value.parts if value.tag == SEQUENCE else []), [])

def is_vouched_for(certificate, more, trusted, at):
    for _ in range(6):
        if any(certificate.raw == one.raw for one in trusted):
            return True
        fits = [one for one in trusted + more if one.since <= at <= one.until and certificate.is_signed_by(one)]
        if not fits or fits[0].raw == certificate.raw:
            return False
        certificate = fits[0]
    return False

def check(response, text, trusted):
    """The time of a timestamp, who signed it, and whether one of these certificates vouches for it. Raises Wrong."""
    token = Der(response)
    if token.parts[0].tag == SEQUENCE:
        need(token.parts[0].part(0, INTEGER).content in (b"\0", b"\1") and len(token.parts) == 2, "the authority refused it")
        token = token.parts[1]
    signed = token.part(1, 0xA0).part(0, SEQUENCE)
    content = signed.part(2, SEQUENCE)
    need((token.part(0, OID).oid, content.part(0, OID).oid) == (SIGNED_DATA, TST_INFO), "it is not a timestamp")
    info = content.part(1, 0xA0).part(0, OCTETS).content
    stamp = Der(info)
    imprint = stamp.part(2, SEQUENCE)
    name = HASHES.get(imprint.part(0, SEQUENCE).part(0, OID).oid)
    need(name, "its hash is none of SHA-256, SHA-384 and SHA-512")
    need(imprint.part(1, OCTETS).content == hashlib.new(name, text).digest(), "it is of something else than the checkpoint")
    at = stamp.part(4, TIME).time
    included = [Certificate(one.bytes) for part in signed.parts[3:] if part.tag == 0xA0 for one in part.parts]
    need(signed.parts[-1].tag == SET and len(signed.parts[-1].parts) == 1, "it has not exactly one signer")
    _, identity, algorithm, attributes, how, signature = signed.parts[-1].part(0, SEQUENCE).parts[:6]
    name, kind = HASHES.get(algorithm.part(0, OID).oid), how.part(0, OID).oid
    is_known = name and attributes.tag == 0xA0 and signature.tag == OCTETS and kind in IN_CMS and IN_CMS[kind] in (None, name)
    need(is_known, "it is signed in another way than RSA (PKCS #1 v1.5) or ECDSA with SHA-256, SHA-384 or SHA-512")
    values = {one.part(0, OID).oid: one.part(1, SET).parts[0] for one in attributes.parts}
    is_content = CONTENT_TYPE in values and values[CONTENT_TYPE].oid == TST_INFO
    digest = values.get(MESSAGE_DIGEST)
    need(is_content and digest and digest.content == hashlib.new(name, info).digest(), "its content is not what was signed")
    named = [one for way in SIGNING_CERTIFICATES if way in values for one in octets_in(values[way])]
    is_named = lambda raw: any(hashlib.new(way, raw).digest() in named for way in ("sha1", "sha256", "sha384", "sha512"))
    place = [part.bytes for part in identity.parts] if identity.tag == SEQUENCE else None
    is_there = lambda one: place is None or place == [one.issuer.bytes, one.serial.bytes]
    signer = next((one for one in included + trusted if is_there(one) and is_named(one.raw)), None)
    need(signer, "the certificate that signed it is missing")
    need(is_signed(signer.key, name, bytes([SET]) + attributes.bytes[1:], signature.content), "its signature is wrong")
    need([one.oid for one in signer.extension("2.5.29.37")] == [TIME_STAMPING], "its certificate is not for timestamps")
    need(signer.since <= at <= signer.until, "its certificate was not valid at its time")
    return {"time": at.isoformat().replace("+00:00", "Z"), "trusted": is_vouched_for(signer, included, trusted, at)}

def verify(response, text, pems=()):
    found = [base64.b64decode(one) for pem in pems for one in re.findall("-----BEGIN CERTIFICATE-----([^-]+)-----END", pem)]
    try:
        result = check(response, text, [Certificate(raw) for raw in found])
        wrong = "no given certificate vouches for the one that signed it" if found and not result["trusted"] else None
        return {"exit": 1 if wrong else 0 if result["trusted"] else 3, **result, **({"problem": wrong} if wrong else {})}
    except (Wrong, ValueError, IndexError, TypeError) as error:  # the others: bytes that are no certificate or number
        return {"exit": 1, "problem": str(error) if isinstance(error, Wrong) else "it cannot be read"}

def main(args):
    if len(args) < 3 or len(args) % 2 == 0 or any(option != "--tsa" for option in args[3::2]):
        sys.exit(__doc__)
    pems = [open(name, encoding="ascii", errors="replace").read() for name in args[4::2]]
    result = verify(open(args[2], "rb").read(), open(args[1], "rb").read(), pems)
    sys.exit(print(json.dumps(result, indent=2)) or result["exit"])

if __name__ == "__main__":
    main(sys.argv)
