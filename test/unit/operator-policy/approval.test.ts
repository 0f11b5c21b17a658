import {
  approvalProblem,
  createApproverKey,
  isSigned,
  signApproval,
  signersOf,
} from 'temporal-http-tasks/internal/operator-policy/approval';
import type { ApprovedSweep } from 'temporal-http-tasks/internal/operator-policy/approval';

const [alice, bob] = [createApproverKey(), createApproverKey()];
const rules = {
  approval: {
    signatures: 2,
    approvers: [
      { name: 'Alice', key: alice.key },
      { name: 'Bob', key: bob.key },
    ],
  },
};
const SWEEP: ApprovedSweep = {
  sweepId: 'closed-2030-01',
  snapshotDigest: 'a'.repeat(64),
  planDigest: 'b'.repeat(64),
  total: 1204,
  environment: 'batch=default,plaid=production',
};
const by = (approver: string, pem: string, sweep = SWEEP) => ({ approver, signature: signApproval(sweep, pem) });

it('a signature counts for exactly this sweep, by the key that the policy names for this approver', () => {
  const given = by('Alice', alice.pem);
  expect(isSigned(rules, SWEEP, given)).toBe(true);
  const others: Partial<ApprovedSweep>[] = [
    { sweepId: 'closed-2030-02' },
    { sweepId: 'closed-2030-01\nusers: 1' },
    { snapshotDigest: 'c'.repeat(64) },
    { planDigest: 'c'.repeat(64) },
    { total: 1205 },
    { environment: 'batch=default,plaid=sandbox' },
  ];
  for (const change of others) expect(isSigned(rules, { ...SWEEP, ...change }, given)).toBe(false);
  expect(isSigned(rules, SWEEP, { ...given, approver: 'Bob' })).toBe(false);
  expect(isSigned(rules, SWEEP, { ...given, approver: 'Mallory' })).toBe(false);
  expect(isSigned({}, SWEEP, given)).toBe(false);
  for (const signature of ['', 'x', `${given.signature}=`, `A${given.signature.slice(1)}`, given.signature.slice(1)])
    expect(isSigned(rules, SWEEP, { approver: 'Alice', signature })).toBe(false);
});

it('two signatures are of two approvers', () => {
  const one = by('Alice', alice.pem);
  expect(signersOf(rules, SWEEP, [one, one])).toEqual(['Alice']);
  expect(approvalProblem(rules, SWEEP, [one, by('Bob', alice.pem)])?.rule).toBe('approval');
  expect(approvalProblem(rules, SWEEP, [one, by('Bob', bob.pem)])).toBeUndefined();
});

it('who asked for the sweep does not count as a signer', () => {
  const both = [by('Alice', alice.pem), by('Bob', bob.pem)];
  expect(signersOf(rules, { ...SWEEP, requestedBy: ' alice' }, both)).toEqual(['Bob']);
  expect(approvalProblem(rules, { ...SWEEP, requestedBy: 'Alice' }, both)?.rule).toBe('approval');
  expect(approvalProblem(rules, { ...SWEEP, requestedBy: 'Carol' }, both)).toBeUndefined();
});

it.each(['', 'no key', `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`])(
  'an invalid key is refused without being repeated: %j',
  (pem) => {
    expect(() => signApproval(SWEEP, pem)).toThrow(/is not an Ed25519 private key/);
  },
);
