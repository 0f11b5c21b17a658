import { defineCommand, flag, literalOption } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';

interface VerifyOptions extends CommonOptions, TemporalOptions {
  root?: string;
  bundle?: string;
  part?: boolean;
}

/** `http-tasks verify SWEEP`: checks that the receipts of a sweep are those that were sealed at its end. */
export const verifyCommand = defineCommand<VerifyOptions>({
  description: [
    "Recomputes the Merkle root from the ledger and compares it with the one in the result of the sweep's own run at Temporal,",
    "or with --root; also compares the sweep's row (status, users, counts, run) with that result. Names every receipt that was",
    'changed, added or removed, and every field that differs. With --bundle it checks a file of http-tasks receipts SWEEP',
    '--bundle FILE against --root instead, and needs neither ledger nor Temporal. What nothing proves is listed as not proven.',
    '\n\nExit codes: 0 nothing differs from a root outside the evidence (ok: true, anchored: true); 1 something differs;',
    '3 not verifiable: there is no such root (Temporal no longer has the result and --root is not given), or a bundle may be',
    'incomplete. Keep the root (merkleRoot of sweep --watch --json) for as long as the receipts.',
  ].join(' '),
  examples: [
    'http-tasks verify closed-2030-01',
    'http-tasks verify closed-2030-01 --root 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --json',
    'http-tasks verify --bundle closed-2030-01.jsonl --root 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ],
  options: [
    literalOption('--root <hex>', "the root to compare with (else the one in the workflow's result)"),
    literalOption('--bundle <file>', 'check this file by itself'),
    flag('--part', 'with --bundle: the file is a part on purpose, so receipts may be missing'),
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options, [sweepId]) => {
    const { bundle: file, part = false, json = false } = options;
    const expectedRoot = readRoot(options.root);
    if ((sweepId === undefined) === (file === undefined))
      throw new Refusal(
        'Usage',
        'Name either a sweep or, with --bundle, a file.',
        sweepId === undefined ? 'sweep' : 'bundle',
      );
    if (part && file === undefined) throw new Refusal('Usage', '--part is for a file that --bundle names.', 'part');
    const { verifyFile, verifySweep } = await import('./run.js');
    if (file !== undefined) return verifyFile(io, { file, expectedRoot, part, json });
    return verifySweep(io, { sweepId: sweepId ?? '', expectedRoot, json, temporal: options });
  },
});

function readRoot(root: string | undefined): string | undefined {
  if (root === undefined || /^[0-9a-f]{64}$/i.test(root)) return root?.toLowerCase();
  throw new Refusal('Usage', '--root must be a Merkle root: 64 hexadecimal digits.', 'root');
}
