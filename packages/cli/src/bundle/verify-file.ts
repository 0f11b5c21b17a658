import { createHash, createPublicKey } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { rawPublicKey } from 'temporal-http-tasks/internal/ledger/log/seal-key';
import { parseKey } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { verifyBundle } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import type {
  EvidenceVerification,
  VerifiedSection,
} from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { count, inWords, localTime } from '../terminal/words';
import { paint, print, printJson, printable, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { nodeCrypto } from './node-crypto';
import { checkTimestamps, timestampWords } from './timestamp';
import type { GivenTimestamps, TimestampResult } from './timestamp';
import { readCheckpointFile } from './write-bundle';

/** A bundle to verify, with what is known from outside it. */
export interface VerifyFile extends GivenTimestamps {
  file: string;
  roots: readonly string[];
  /** Files with checkpoints that were kept. */
  checkpoints: readonly string[];
  /** Public keys, or files with them. */
  keys: readonly string[];
  json: boolean;
}

const FIRST_BYTES = 64;

/** Maximum length of the first line, in characters. */
const MOST_OF_HEADER = 4 * 1_024 * 1_024;

/**
 * Returns the version of a bundle.
 *
 * @throws Refusal when the file cannot be read or is not a bundle.
 */
export async function bundleVersion(file: string): Promise<1 | 2> {
  const unreadable = ({ code = 'unknown error' }: NodeJS.ErrnoException): never => {
    throw new Refusal('Usage', `--bundle: ${printable(file)} cannot be read (${code}).`, 'bundle');
  };
  const handle = await open(file).catch(unreadable);
  try {
    // A folder can be opened, too.
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0).catch(unreadable);
    const text = buffer.toString('utf8', 0, bytesRead);
    if (/^\{"bundle":"temporal-http-tasks receipts","version":1\b/.test(text)) return 1;
    if (text.startsWith('{')) return 2;
  } finally {
    await handle.close();
  }
  throw new Refusal(
    'Usage',
    `--bundle: ${printable(file)} is not a bundle of receipts; http-tasks receipts SWEEP --bundle FILE writes one.`,
    'bundle',
  );
}

/** Verifies a bundle of version 2 by itself and prints the differences. */
export async function verifyFile(io: Io, given: VerifyFile): Promise<ExitCode> {
  const { file, roots, json } = given;
  const origin = await originOf(file);
  const keys = await Promise.all(given.keys.map((key) => toVerifierKey(key, origin)));
  const checkpoints = await Promise.all(given.checkpoints.map((name) => readCheckpointFile(name, 'checkpoint')));
  const chunks = createReadStream(file, 'utf8') as AsyncIterable<string>;
  const found = await verifyBundle(chunks, nodeCrypto, { roots, checkpoints, keys });
  const stamps =
    given.timestamps.length === 0 ? [] : await checkTimestamps(given, await checkpointsIn(file, checkpoints));
  const verification = withTimestamps(found, stamps);
  const timestamps = stamps.filter((stamp) => !('problem' in stamp));
  if (json) printJson(io, { ...summaryOf(verification), ...verification, ...(stamps.length > 0 && { timestamps }) });
  else {
    printVerification(io, verification);
    for (const words of timestampWords(stamps)) print(io, `Stamped:      ${printable(words)}`);
  }
  if (!verification.anchored && verification.differenceCount === 0 && checkpoints.length > 0)
    say(
      io,
      'Not verifiable: the checkpoint given has another size than the one in the bundle. Write the bundle with ' +
        'receipts ID --bundle FILE --checkpoint KEPT.',
    );
  else if (!verification.anchored && verification.differenceCount === 0)
    say(
      io,
      'Not verifiable: the author of the bundle could have invented all of it. Give the root that the sweep ' +
        'returned (--root), a checkpoint that you kept (--checkpoint), or the public key of the log (--key).',
    );
  if (verification.ok) return 0;
  return verification.differenceCount > 0 ? 1 : 3;
}

/** Timestamps that prove nothing are differences of the file as a whole. */
function withTimestamps(found: EvidenceVerification, stamps: readonly TimestampResult[]): EvidenceVerification {
  const wrong = stamps.flatMap((stamp) =>
    'problem' in stamp ? [{ line: 0, field: 'timestamp', problem: `${stamp.file}: ${stamp.problem}` }] : [],
  );
  if (wrong.length === 0) return found;
  const differences = [...found.differences, ...wrong];
  return { ...found, ok: false, differences, differenceCount: found.differenceCount + wrong.length };
}

/** Returns the checkpoints in the headers of a bundle, and those that were given. */
async function checkpointsIn(file: string, given: readonly string[]): Promise<string[]> {
  const texts = [...given];
  for await (const line of createInterface({ input: createReadStream(file, 'utf8') })) {
    if (!line.startsWith('{"bundle":')) continue;
    try {
      const { checkpoint } = JSON.parse(line) as { checkpoint?: unknown };
      if (typeof checkpoint === 'string') texts.push(checkpoint);
    } catch {
      // The verification has named the line.
    }
  }
  return texts;
}

/** Returns the most important facts, for the top of the document. */
function summaryOf({ sections, complete }: EvidenceVerification): object {
  const [first] = sections;
  return {
    version: 2,
    ...(first && {
      sweepId: first.head['sweepId'],
      runId: first.head['firstRun'] ?? first.head['runId'],
      merkleRoot: first.merkleRoot,
      receipts: sections.reduce((sum, { receipts }) => sum + receipts, 0),
      leaves: sections.reduce((sum, { sealed }) => sum + sealed, 0),
    }),
    complete,
    proven: PROVEN,
    claimed: CLAIMED,
  };
}

const PROVEN = [
  'each receipt was sealed under the head, at this place, and was not changed since',
  'every field of the head is as it was when it was sealed',
];
const CLAIMED = [
  'that the calls had these outcomes: only the providers can confirm them',
  'reason, requestedBy and unsigned approvals: they are recorded as they were given',
  'the times, which come from the clocks of the machines that recorded them',
];

function printVerification(io: Io, verification: EvidenceVerification): void {
  const { sections, differences, differenceCount, ok } = verification;
  const rows = differences.map(({ line, field, problem }) => [
    line === 0 ? '' : String(line),
    field,
    printable(problem),
  ]);
  if (rows.length > 0) printTable(io, ['Line', 'What', 'Problem'], rows);
  if (differenceCount > rows.length) print(io, `and ${count(differenceCount - rows.length)} more`);
  for (const section of sections) printSection(io, section);
  if (ok) {
    for (const line of PROVEN) print(io, `Proven:       ${line}.`);
    for (const line of CLAIMED) print(io, `Claimed:      ${line}.`);
    print(io, paint(io, 'green', 'Every receipt in it was sealed, and no field was changed.'));
  } else if (differenceCount > 0) print(io, paint(io, 'red', 'The bundle does NOT contain what was sealed.'));
  else print(io, paint(io, 'yellow', 'Not verifiable.'));
}

/** Members of a head that are printed, with their names. */
const SHOWN = [
  ['sweepId', 'Sweep'],
  ['workflowId', 'Workflow'],
  ['firstRun', 'First run'],
  ['runId', 'Run'],
  ['reason', 'Reason'],
  ['request', 'Request'],
  ['requestedBy', 'Requested by'],
  ['receivedAt', 'Received'],
  ['dueAt', 'Due'],
  ['approvedBy', 'Approved by'],
  ['approvals', 'Signatures'],
  ['policy', 'Policy'],
  ['startedAt', 'Started'],
  ['endedAt', 'Ended'],
  ['status', 'Status'],
] as const;

function printSection(
  io: Io,
  { head, merkleRoot, receipts, sealed, complete, anchoredBy, checkpoint }: VerifiedSection,
): void {
  const line = (name: string, text: string) => print(io, `${`${name}:`.padEnd(13)} ${printable(text)}`);
  for (const [member, name] of SHOWN) {
    const text = memberText(head[member], member);
    if (text !== '') line(name, text);
  }
  line('Receipts', `${count(receipts)} of the ${count(sealed)} that were sealed${complete ? '' : '; not complete'}`);
  line('Root', `${merkleRoot}${anchoredBy.includes('root') ? ' (as given)' : ''}`);
  if (!checkpoint) return line('Checkpoint', 'none');
  const { origin, size, time, signedBy } = checkpoint;
  const at = time === undefined ? '' : ` of ${localTime(time)}`;
  const confirmed = anchoredBy.includes('checkpoint')
    ? '; as given'
    : anchoredBy.includes('key')
      ? '; key as given'
      : '';
  const signed = signedBy.length > 0 ? `signed by ${signedBy.join(', ')}` : 'unsigned';
  line('Checkpoint', `${count(size)} leaves of ${origin}${at}; ${signed}${confirmed}`);
}

/** Members with a moment of the ledger. What is received is as it was given, with its own offset from UTC. */
const MOMENTS: ReadonlySet<string> = new Set(['startedAt', 'endedAt', 'dueAt']);

/** Returns a member of a head as one line; empty where it has no value. */
function memberText(value: unknown, member = ''): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return MOMENTS.has(member) ? localTime(value) : value;
  if (typeof value !== 'object') return JSON.stringify(value);
  const { code, note, signed } = value as Record<string, unknown>;
  if (Array.isArray(signed)) return signed.map((one) => memberText((one as Record<string, unknown>)['by'])).join(', ');
  if (code !== undefined)
    return [code, note]
      .map((one) => memberText(one))
      .filter(Boolean)
      .join(': ');
  return Object.entries(value)
    .map(([name, one]) => [inWords(name), memberText(one, name)])
    .flatMap(([name, one]) => (one === '' ? [] : [`${name} ${one}`]))
    .join(', ');
}

async function originOf(file: string): Promise<string> {
  let start = '';
  for await (const chunk of createReadStream(file, 'utf8') as AsyncIterable<string>) {
    start += chunk;
    if (chunk.includes('\n') || start.length > MOST_OF_HEADER) break;
  }
  try {
    const { head } = JSON.parse(start.slice(0, start.indexOf('\n'))) as { head?: { origin?: unknown } };
    return String(head?.origin);
  } catch {
    return '';
  }
}

/**
 * Returns a public key as a verifier key of signed notes. Takes one, or a file with one; or a PEM public key or its 32
 * bytes in base64, for the log of this name.
 *
 * @throws Refusal
 */
export async function toVerifierKey(given: string, origin: string): Promise<string> {
  const text = (await parseKey(nodeCrypto, given))
    ? given
    : ((await readFile(given, 'utf8').catch(() => undefined)) ?? given).trim();
  if (await parseKey(nodeCrypto, text)) return text;
  const raw = rawKeyOf(text);
  if (raw?.length !== 32)
    throw new Refusal(
      'Usage',
      '--key must be a public key as http-tasks seal keygen prints it (NAME+ID+KEY, PEM or base64), or a file with one.',
      'key',
    );
  const tagged = Buffer.concat([Buffer.from([1]), raw]);
  const id = createHash('sha256').update(`${origin}\n`).update(tagged).digest().subarray(0, 4).toString('hex');
  return `${origin}+${id}+${tagged.toString('base64')}`;
}

function rawKeyOf(text: string): Buffer | undefined {
  if (!text.startsWith('-----BEGIN PUBLIC KEY-----')) return Buffer.from(text, 'base64');
  try {
    const key = createPublicKey(text);
    return key.asymmetricKeyType === 'ed25519' ? rawPublicKey(key) : undefined;
  } catch {
    return undefined;
  }
}
