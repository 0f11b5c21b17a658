import type { LogContent, LogLedger } from 'temporal-http-tasks/internal/ledger/log/log-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { checkSignatures, parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { isConsistent, leafHash } from '@temporal-http-tasks/evidence/internal/verifier/proofs';
import type { ExitCode, Io } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import { paint, print, printJson, printable, sayOver } from '../terminal/output';
import { count } from '../sweep/reading-report';
import { printTable } from '../terminal/table';
import { nodeCrypto } from './node-crypto';
import { toVerifierKey } from './verify-file';
import { readCheckpointFile, sealIfAllowed } from './write-bundle';

/** Leaves that are read together. */
const PAGE = 1_000;

const MOST_NAMED = 1_000;

/** Something in the ledger that is not what the log says. */
interface LogDifference {
  /** The place in the log; absent for the log as a whole. */
  number?: number;
  kind: string;
  ref?: string;
  problem: string;
}

/**
 * Compares the ledger with a checkpoint that was kept: the log of then must be the beginning of the log of now, and
 * every row that a leaf is about must be what the leaf says.
 */
export async function verifyLog(
  io: Io,
  { since, keys, json }: { since: string; keys: readonly string[]; json: boolean },
): Promise<ExitCode> {
  const note = await readCheckpointFile(since, 'since');
  return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
    await sealIfAllowed(ledger);
    const kept = parseCheckpoint(note);
    if (kept === undefined) throw new TypeError('The checkpoint was read before.');
    const { origin, size, root } = await ledger.log.state();
    const differences: LogDifference[] = [];
    const verifierKeys = await Promise.all(keys.map((key) => toVerifierKey(key, origin)));
    const { signedBy } = await checkSignatures(nodeCrypto, kept, verifierKeys);
    if (keys.length > 0 && signedBy.length === 0)
      differences.push({ kind: 'checkpoint', problem: 'has no valid signature of a given key' });
    const proof = await consistency(ledger.log, kept, { origin, size, root }, differences);
    for await (const difference of rowDifferences(ledger, size, (leaves) => sayOver(io, `${count(leaves)} leaves`)))
      differences.push(difference);
    const ok = differences.length === 0;
    const document = {
      ok,
      anchored: true,
      since: {
        origin: kept.origin,
        size: kept.size,
        root: kept.root,
        ...(kept.time !== undefined && { time: kept.time }),
        signedBy,
      },
      now: { origin, size, root },
      proof,
      differences: differences.slice(0, MOST_NAMED),
      differenceCount: differences.length,
    };
    if (json) printJson(io, document);
    else print(io, words(io, document));
    return ok ? 0 : 1;
  });
}

/** The proof that the log was only appended to. */
async function consistency(
  log: LogLedger,
  kept: { origin: string; size: number; root: string },
  now: { origin: string; size: number; root: string },
  differences: LogDifference[],
): Promise<string[]> {
  const add = (problem: string) => differences.push({ kind: 'log', problem });
  if (kept.origin !== now.origin) add(`is ${now.origin}; the checkpoint is of ${kept.origin}`);
  if (kept.size > now.size) add(`has ${now.size} leaves; the checkpoint has ${kept.size}`);
  try {
    if ((await log.rootAt(now.size)) !== now.root) add('has leaves that its state does not have: they were changed');
    if (kept.size > now.size) return [];
    const proof = await log.proveConsistency({ from: kept.size, to: now.size });
    const root = await log.rootAt(now.size);
    if (!(await isConsistent(nodeCrypto, { from: kept, to: { size: now.size, root }, proof })))
      add('is not a continuation of the checkpoint: leaves of then were changed or removed');
    return proof;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    add(error.message);
    return [];
  }
}

/** Compares every leaf with its content, and the content with the rows of the ledger. */
async function* rowDifferences(
  { log, sweeps }: Pick<OpenedLedger, 'log' | 'sweeps'>,
  size: number,
  onProgress: (leaves: number) => void,
): AsyncGenerator<LogDifference> {
  for (let from = 0; from < size; from += PAGE) {
    for (const { number, kind, leaf, ref = '', content } of await log.readLeaves({ from, limit: PAGE })) {
      if (content === undefined) continue;
      const about = { number, kind, ref };
      if ((await leafHash(nodeCrypto, content)) !== leaf) {
        yield { ...about, problem: 'its stored content is not what was hashed' };
        continue;
      }
      const problem = await problemOf({ log, sweeps }, { number, kind, ref, content });
      if (problem !== undefined) yield { ...about, problem };
    }
    onProgress(Math.min(size, from + PAGE));
  }
}

async function problemOf(
  { log, sweeps }: Pick<OpenedLedger, 'log' | 'sweeps'>,
  leaf: LogContent,
): Promise<string | undefined> {
  const now = await log.contentNow(leaf);
  if (now !== leaf.content) return now === undefined ? 'its row is gone' : 'its row, or a receipt of it, was changed';
  if (leaf.kind !== 'sweep') return undefined;
  const { ok, differenceCount } = await sweeps.verify({ sweepId: leaf.ref });
  return ok ? undefined : `${differenceCount} of its receipts, or its root, were changed`;
}

interface LogDocument {
  ok: boolean;
  since: { size: number; time?: string; signedBy: string[] };
  now: { origin: string; size: number; root: string };
  differences: LogDifference[];
  differenceCount: number;
}

function words(io: Io, { ok, since, now, differences, differenceCount }: LogDocument): string {
  const rows = differences.map(({ number, kind, ref = '', problem }) => [
    number === undefined ? '' : String(number),
    kind,
    printable(ref),
    problem,
  ]);
  if (rows.length > 0) printTable(io, ['Leaf', 'Kind', 'Of', 'Problem'], rows);
  if (differenceCount > rows.length) print(io, `and ${count(differenceCount - rows.length)} more`);
  print(io, `Checkpoint: ${count(since.size)} leaves${since.time === undefined ? '' : ` of ${printable(since.time)}`}`);
  print(io, `Now:        ${count(now.size)} leaves of ${now.origin}, root ${now.root}`);
  return ok
    ? paint(io, 'green', 'The log was only appended to, and the ledger contains what the log says.')
    : paint(io, 'red', 'The ledger is NOT what the checkpoint and the log say.');
}
