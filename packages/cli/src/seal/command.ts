import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { resolve } from 'node:path';
import { rawPublicKey } from 'temporal-http-tasks/internal/ledger/log/seal-key';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { defineGroup, literalOption, subcommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import type { ExitCode } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import { printExactly, printJson, printable, say } from '../terminal/output';
import { writePrivateKey } from '../terminal/output-file';

const KEYGEN = subcommand<CommonOptions & { out?: string }>('keygen', {
  summary: 'make a key for HTTP_TASKS_SEAL_KEY',
  description:
    'Writes an Ed25519 key as PKCS#8 PEM into a new file that only you can read, for HTTP_TASKS_SEAL_KEY_FILE of the workers, ' +
    'and prints its public key, which auditors need for verify --key. To replace a key, put the new one before the old one in ' +
    'the file, and keep both there as long as checkpoints of the old one are used: both sign.',
  examples: ['http-tasks seal keygen --out seal-key.pem'],
  options: [literalOption('--out <file>', 'the new file for the private key (required)')],
  run: async (io, { out, json }) => {
    if (out === undefined) throw new Refusal('Usage', '--out is required: name a new file for the private key.', 'out');
    const { privateKey } = generateKeyPairSync('ed25519');
    const privatePem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await writePrivateKey(out, privatePem);
    const publicKey = createPublicKey(createPrivateKey(privatePem));
    const key = rawPublicKey(publicKey).toString('base64');
    const pem = String(publicKey.export({ format: 'pem', type: 'spki' }));
    if (json) printJson(io, { file: out, publicKey: key, pem });
    else {
      printExactly(io, pem);
      say(io, `The private key is in ${printable(out)}. The public key, for verify --key: ${key}`);
      say(io, `For the workers: HTTP_TASKS_SEAL_KEY_FILE=${quoted(resolve(out))}`);
    }
    return 0;
  },
});

const CHECKPOINT = subcommand<CommonOptions>('checkpoint', {
  summary: 'bring the log up to date and print its latest checkpoint',
  description:
    'The checkpoint is a signed note (C2SP): the name of the log, its size, its root, and signatures of HTTP_TASKS_SEAL_KEY, or the ' +
    'line "unsigned". It covers what running sweeps have recorded so far. Keep it where people who can change the ledger ' +
    'cannot change it; verify --since compares the ledger with it later.',
  examples: ['http-tasks seal checkpoint > kept.checkpoint', 'http-tasks verify --since kept.checkpoint'],
  run: async (io, { json }) =>
    withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      const { checkpoint } = await ledger.log.seal({ parts: true });
      const { origin, keys } = await ledger.log.state();
      if (json) printJson(io, { origin, keys, ...checkpoint });
      else printExactly(io, checkpoint.note);
      return 0;
    }),
});

/** `http-tasks seal …`: the key that signs checkpoints of the log, and the latest checkpoint. */
export const sealCommand = defineGroup(
  'The log of the ledger: its key and its checkpoints. Workers write and export checkpoints by themselves.',
  [KEYGEN, CHECKPOINT],
);
