import type { Command } from 'commander';
import { addCommand, literalOption, onRun } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import { addTemporalOptions } from './temporal-options';
import type { TemporalOptions } from './temporal-options';

interface VerifyOptions extends CommonOptions, TemporalOptions {
  root?: string;
  bundle?: string;
}

/** `http-tasks verify SWEEP`: whether the receipts of a sweep are still those that were sealed at its end. */
export function registerVerifyCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'verify [sweep]',
    summary: 'check that the receipts of a sweep are those that were sealed',
    description: [
      "Computes the Merkle root anew from the ledger and compares it with the one in the workflow's result, or with --root;",
      "when Temporal has the result no more, with the ledger's own alone, and says so. Names every receipt that was changed,",
      'added or removed. With --bundle it checks a file of http-tasks receipts SWEEP --bundle FILE instead, and needs neither',
      'ledger nor Temporal. Exits 0 only when nothing differs.',
    ].join(' '),
    examples: [
      'http-tasks verify closed-2030-01',
      'http-tasks verify closed-2030-01 --root 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --json',
      'http-tasks verify --bundle closed-2030-01.jsonl',
    ],
  });
  command
    .addOption(literalOption('--root <hex>', "the root to compare with (else the one in the workflow's result)"))
    .addOption(literalOption('--bundle <file>', 'check this file by itself'));
  addTemporalOptions(command);
  onRun<VerifyOptions>(command, io, async (options, [sweepId]) => {
    const { bundle: file, json = false } = options;
    const expectedRoot = readRoot(options.root);
    if ((sweepId === undefined) === (file === undefined)) throw new Refusal('Usage', 'Name either a sweep or, with --bundle, a file.', sweepId === undefined ? 'sweep' : 'bundle');
    const { verifyFile, verifySweep } = await import('./verify-run.js');
    if (file !== undefined) return verifyFile(io, { file, expectedRoot, json });
    return verifySweep(io, { sweepId: sweepId ?? '', expectedRoot, json, temporal: options });
  });
}

function readRoot(root: string | undefined): string | undefined {
  if (root === undefined || /^[0-9a-f]{64}$/i.test(root)) return root?.toLowerCase();
  throw new Refusal('Usage', '--root must be a Merkle root: 64 hexadecimal digits.', 'root');
}
