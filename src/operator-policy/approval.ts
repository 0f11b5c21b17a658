import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { ApprovalTerms } from '../policy/sweep-result';
import type { Violation } from './rules';
import { isSamePerson } from './same-person';
import type { PolicyRules } from './schema';

/** What an approver signs. */
export interface ApprovedSweep extends Pick<ApprovalTerms, 'snapshotDigest' | 'planDigest' | 'environment'> {
  sweepId: string;
  total: number;
}

/** Who asked for a sweep: a claim. */
export interface Requested {
  requestedBy?: string | undefined;
}

/** An approval as stored in the ledger. */
export interface GivenApproval {
  approver: string;
  /** Base64url. */
  signature: string;
}

/** Returns the text that an approver signs: version 1, one field in each line. */
export function approvalText({ sweepId, snapshotDigest, planDigest, total, environment }: ApprovedSweep): string {
  return [
    'http-tasks sweep approval v1',
    `sweep: ${JSON.stringify(sweepId)}`,
    `snapshot: ${snapshotDigest}`,
    `plan: ${planDigest}`,
    `users: ${total}`,
    `environment: ${environment}`,
    '',
  ].join('\n');
}

/** Returns the SHA-256 of what is done for every user of a sweep, in hex. */
export function planDigest({ plan, stepsPlan }: { plan?: string; stepsPlan?: string }): string {
  return createHash('sha256')
    .update(`${plan ?? ''}\n${stepsPlan ?? ''}`)
    .digest('hex');
}

/** Returns the environments in which a sweep deletes: `batch=default,plaid=production`. */
export function environmentText(environments: Readonly<Record<string, string>>): string {
  return Object.entries(environments)
    .map(([provider, environment]) => `${provider}=${environment}`)
    .sort()
    .join(',');
}

/** Why a private key cannot be used. */
export class ApproverKeyError extends Error {
  override readonly name = 'ApproverKeyError';
}

/** Creates an approver's key: the private key as PKCS#8 PEM, and the public key as a policy names it. */
export function createApproverKey(): { pem: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return { pem: String(privateKey.export({ format: 'pem', type: 'pkcs8' })), key: `ed25519:${x}` };
}

/**
 * Signs an approval.
 *
 * @returns The signature as base64url.
 * @throws ApproverKeyError unless the key is an Ed25519 private key as PEM.
 */
export function signApproval(sweep: ApprovedSweep, pem: string): string {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519')
      return sign(null, Buffer.from(approvalText(sweep)), key).toString('base64url');
  } catch {
    // The error could repeat parts of the key.
  }
  throw new ApproverKeyError('is not an Ed25519 private key in PEM (PKCS#8), as http-tasks approver keygen writes it');
}

/** Returns whether this approver of the policy signed exactly this sweep. */
export function isSigned(
  { approval }: Pick<PolicyRules, 'approval'>,
  sweep: ApprovedSweep,
  { approver, signature }: GivenApproval,
): boolean {
  const known = approval?.approvers.find(({ name }) => name === approver);
  const bytes = Buffer.from(signature, 'base64url');
  // Another spelling of the same bytes is not the signature.
  if (!known || bytes.toString('base64url') !== signature) return false;
  try {
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: known.key.slice('ed25519:'.length) },
      format: 'jwk',
    });
    return verify(null, Buffer.from(approvalText(sweep)), key, bytes);
  } catch {
    return false;
  }
}

/**
 * Returns the approvers of the policy who signed this sweep, each once. The person who asked for it, as claimed, is not
 * one of them.
 */
export function signersOf(
  rules: Pick<PolicyRules, 'approval'>,
  sweep: ApprovedSweep & Requested,
  given: readonly GivenApproval[],
): string[] {
  const { requestedBy } = sweep;
  const others = given.filter(({ approver }) => requestedBy === undefined || !isSamePerson(approver, requestedBy));
  return [...new Set(others.filter((one) => isSigned(rules, sweep, one)).map(({ approver }) => approver))];
}

/** Returns how many different approvers have to sign. */
export function signaturesNeeded({ approval }: Pick<PolicyRules, 'approval'>): number {
  return approval?.signatures ?? 1;
}

/** Returns why a sweep that has to be approved may not begin, or undefined. */
export function approvalProblem(
  rules: Pick<PolicyRules, 'approval'>,
  sweep: ApprovedSweep & Requested,
  given: readonly GivenApproval[],
): Violation | undefined {
  const [needed, signed] = [signaturesNeeded(rules), signersOf(rules, sweep, given)];
  if (signed.length >= needed) return undefined;
  const names = rules.approval?.approvers.map(({ name }) => name).join(', ') ?? '';
  return {
    rule: 'approval',
    message: `the sweep needs ${needed} signed ${needed === 1 ? 'approval' : 'approvals'} and has ${signed.length}; approvers: ${names}`,
  };
}
