import { defineCommand, flag, literalOption, repeatedOption } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';

interface VerifyOptions extends CommonOptions, TemporalOptions {
  root?: string[];
  bundle?: string;
  since?: string;
  checkpoint?: string[];
  key?: string[];
  timestamp?: string[];
  tsa?: string[];
  part?: boolean;
}

/** `http-tasks verify`: checks that receipts are those that were sealed. */
export const verifyCommand = defineCommand<VerifyOptions>({
  description: [
    "verify SWEEP recomputes the Merkle root from the ledger and compares it with the one in the result of the sweep's own run at",
    "Temporal, or with --root; also compares the sweep's row (status, users, counts, run) with that result. Names every receipt that",
    'was changed, added or removed, and every field that differs.',
    '\n\nverify --bundle FILE checks a file of http-tasks receipts ID --bundle FILE by itself, without ledger and Temporal, against',
    'what you know from elsewhere: --root (what the sweep returned), --checkpoint (one that you kept), --key (the public key of the',
    'log, or of a witness). --timestamp says when a checkpoint existed, by an authority that --tsa vouches for.',
    'A bundle with fewer receipts than were sealed verifies, with complete: false.',
    '\n\nverify --since FILE compares the ledger with a checkpoint that you kept: the log was only appended to, and every row is',
    'what the log says. What was added past the log, removed or backdated is named; what was purged is counted, and reported where',
    'HTTP_TASKS_RECEIPTS_DAYS says that it should still be there.',
    '\n\nExit codes: 0 nothing differs from what is known outside the evidence (ok: true, anchored: true); 1 something differs, and',
    'is named; 3 not verifiable: nothing outside the evidence confirms it.',
  ].join(' '),
  examples: [
    'http-tasks verify closed-2030-01',
    'http-tasks verify closed-2030-01 --root 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --json',
    'http-tasks verify --bundle closed-2030-01.jsonl --root 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'http-tasks verify --bundle usr_1.jsonl --key seal-public-key.pem',
    'http-tasks verify --since kept.checkpoint',
  ],
  options: [
    repeatedOption('--root <hex>', "the root to compare with (else the one in the workflow's result)"),
    literalOption('--bundle <file>', 'check this file by itself'),
    repeatedOption('--checkpoint <file>', 'with --bundle: a checkpoint that you kept'),
    repeatedOption('--key <key>', 'with --bundle or --since: a public key of the log or of a witness, or its file'),
    repeatedOption('--timestamp <file>', 'with --bundle or --since: a timestamp of the checkpoint (RFC 3161, .tsr)'),
    repeatedOption('--tsa <file>', 'with --timestamp: certificates in PEM that vouch for the timestamping authority'),
    literalOption('--since <file>', 'compare the whole ledger with this checkpoint'),
    flag('--part', 'with --bundle of version 0.1.0: the file is intentionally a part, so receipts may be missing'),
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options, [sweepId]) => {
    const { bundle: file, since, part = false, json = false } = options;
    const roots = (options.root ?? []).map(readRoot);
    const { key: keys = [], checkpoint: checkpoints = [], timestamp: timestamps = [], tsa: authorities = [] } = options;
    refuseMixed(options, sweepId);
    if (since !== undefined)
      return (await import('../bundle/verify-log.js')).verifyLog(io, { since, keys, timestamps, authorities, json });
    const { verifyFirstFile, verifySweep } = await import('./run.js');
    if (file === undefined)
      return verifySweep(io, { sweepId: sweepId ?? '', expectedRoot: roots[0], json, temporal: options });
    const { bundleVersion, verifyFile } = await import('../bundle/verify-file.js');
    if ((await bundleVersion(file)) === 2)
      return verifyFile(io, { file, roots, checkpoints, keys, timestamps, authorities, json });
    if (keys.length + checkpoints.length + timestamps.length > 0)
      throw new Refusal('Usage', 'A bundle of version 0.1.0 has no checkpoint; only --root can confirm it.', 'bundle');
    return verifyFirstFile(io, { file, expectedRoot: roots[0], part, json });
  },
});

/** @throws Refusal for options that do not go together. */
function refuseMixed(
  { bundle, since, part, root = [], checkpoint, key, timestamp, tsa }: VerifyOptions,
  sweepId: string | undefined,
): void {
  const refuse = (message: string, field: string): never => {
    throw new Refusal('Usage', message, field);
  };
  if ([sweepId, bundle, since].filter((one) => one !== undefined).length !== 1)
    refuse(
      'Name one: a sweep, a file with --bundle, or a checkpoint with --since.',
      sweepId === undefined ? 'sweep' : 'bundle',
    );
  if (part && bundle === undefined) refuse('--part is for a file that --bundle names.', 'part');
  if (checkpoint && bundle === undefined) refuse('--checkpoint is for a file that --bundle names.', 'checkpoint');
  if (key && bundle === undefined && since === undefined) refuse('--key is for --bundle and --since.', 'key');
  if (timestamp && bundle === undefined && since === undefined)
    refuse('--timestamp is for --bundle and --since.', 'timestamp');
  if (tsa && !timestamp) refuse('--tsa is for the file that --timestamp names.', 'tsa');
  if (since !== undefined && root.length > 0) refuse('Give --root or --since, not both.', 'root');
  if (sweepId !== undefined && root.length > 1) refuse('--root is given twice; give it once.', 'root');
}

function readRoot(root: string): string {
  if (/^[0-9a-f]{64}$/i.test(root)) return root.toLowerCase();
  throw new Refusal('Usage', '--root must be a Merkle root: 64 hexadecimal digits.', 'root');
}
