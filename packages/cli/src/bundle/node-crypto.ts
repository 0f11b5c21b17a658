import { createHash, createPublicKey, verify } from 'node:crypto';
import type { EvidenceCrypto } from '@temporal-http-tasks/evidence/internal/verifier/encoding';

/** Hashes and signatures of Node.js, which are faster than WebCrypto. */
export const nodeCrypto: EvidenceCrypto = {
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
  verifyEd25519(key, message, signature) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') };
    return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature);
  },
};
