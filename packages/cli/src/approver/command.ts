import { defineGroup, literalOption, subcommand } from '../program/command';
import type { CommonOptions } from '../program/command';

interface KeygenOptions extends CommonOptions {
  out?: string;
}

const KEYGEN = subcommand<KeygenOptions>('keygen', {
  summary: "create an approver's key, and print the public key for the policy",
  description: [
    'Writes an Ed25519 private key as PKCS#8 PEM, readable by you only, and never over an existing file.',
    'Keep it secret; only the public key goes into the policy.',
  ].join(' '),
  examples: ['http-tasks approver keygen --out alice.pem', 'http-tasks approver keygen --out alice.pem --json'],
  options: [literalOption('--out <file>', 'the new file for the private key (required)')],
  run: async (io, options) => (await import('./keygen.js')).makeApproverKey(io, options),
});

/** `http-tasks approver …`: keys for signing approvals of sweeps. */
export const approverCommand = defineGroup(
  'A policy (HTTP_TASKS_POLICY) may name approvers, who sign what a sweep will do before it begins.',
  [KEYGEN],
);
