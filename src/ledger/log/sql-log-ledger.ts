import { consistencyProof, rangeRoot } from '../../policy/merkle-consistency';
import { MerkleLevels } from '../../policy/merkle-levels';
import { rootOfPeaks } from '../../policy/merkle-peaks';
import { inTimeBy } from '../sql-calls';
import type { CallLimits } from '../sql-calls';
import { sha256 } from '../sweeps/receipt-leaf';
import type { LedgerDatabase } from '../store';
import { coveringCheckpoint, latestCheckpoint, writeCheckpoint } from './checkpoints';
import { contentNow, readCoveredReceipts } from './contents';
import type { LogLeaf, LogLedger } from './log-ledger';
import { findOutside } from './not-in-log';
import { partNow, queueParts } from './parts';
import { purgeRuns, readPurged } from './purge-runs';
import type { SealKeys } from './seal-key';
import { numberQueue, readLogState } from './sealer';

/** Leaves that are read with one statement. */
const PAGE = 5_000;

const HASH_BYTES = 32;

/** Creates the log part of a ledger over an open database. Each statement ends within `deadlineMs`. */
export function createSqlLogLedger(
  database: LedgerDatabase,
  { keys, ...limits }: CallLimits & { keys: SealKeys },
): LogLedger {
  const inTime = inTimeBy(limits);
  const readLeaves = ({ from, limit }: { from: number; limit: number }): Promise<LogLeaf[]> =>
    inTime(() => readPage(database, from, limit));
  const hashes = (size: number): Promise<Uint8Array> => readHashes(readLeaves, size);
  return {
    async seal({ parts = false } = {}) {
      await queueParts(database, { now: parts, inTime });
      const { origin } = await inTime(() => readLogState(database));
      const identity = { origin, keys: keys.verifierKeys(origin) };
      let added = 0;
      for (let more = true; more;) {
        const numbered = await inTime(() => numberQueue(database, identity));
        added += numbered.added;
        more = numbered.more;
      }
      return { added, ...(await inTime(() => writeCheckpoint(database, keys))) };
    },
    async state() {
      const state = await inTime(() => readLogState(database));
      const queued = await inTime(() => database.db.selectFrom('log_queue').select('id').limit(1).executeTakeFirst());
      return {
        origin: state.origin,
        size: state.size,
        root: hex(rootOfPeaks(sha256, state)),
        keys: keys.verifierKeys(state.origin),
        queued: queued !== undefined,
      };
    },
    latest: () => inTime(() => latestCheckpoint(database)),
    covering: (number) => inTime(() => coveringCheckpoint(database, number)),
    find: ({ kind, ref }) =>
      inTime(async () => {
        const query = database.db.selectFrom('log_contents').selectAll();
        const rows = await query.where('kind', '=', kind).where('ref', '=', ref).orderBy('number').execute();
        return rows.map((row) => ({ ...row, number: Number(row.number) }));
      }),
    async proveInclusion({ number, size }) {
      return new MerkleLevels(sha256, await hashes(size)).path(number).map(hex);
    },
    async rootAt(size) {
      return hex(rangeRoot(sha256, await hashes(size), { start: 0, end: size }));
    },
    async proveConsistency({ from, to }) {
      return consistencyProof(sha256, await hashes(to), { from, to }).map(hex);
    },
    readCovered: (content) => inTime(() => readCoveredReceipts(database, content)),
    contentNow: (leaf) =>
      leaf.kind === 'part' ? partNow(database, leaf, inTime) : inTime(() => contentNow(database, leaf)),
    findOutside: () => findOutside(database, { inTime }),
    readPurged: () => inTime(() => readPurged(database)),
    purgeRuns: ({ before }) => purgeRuns(database, { before, inTime }),
    readLeaves,
  };
}

async function readPage({ db }: LedgerDatabase, from: number, limit: number): Promise<LogLeaf[]> {
  const rows = await db
    .selectFrom('log_leaves')
    .leftJoin('log_contents', 'log_contents.number', 'log_leaves.number')
    .select(['log_leaves.number', 'log_leaves.kind', 'log_contents.kind as filedAs', 'leaf', 'ref', 'content'])
    .where('log_leaves.number', '>=', from)
    .orderBy('log_leaves.number')
    .limit(limit)
    .execute();
  return rows.map(({ number, kind, filedAs, leaf, ref, content }) => ({
    number: Number(number),
    kind: filedAs ?? kind,
    leaf,
    ...(ref !== null && { ref }),
    ...(content !== null && { content }),
  }));
}

async function readHashes(readLeaves: LogLedger['readLeaves'], size: number): Promise<Uint8Array> {
  const all = Buffer.alloc(size * HASH_BYTES);
  for (let from = 0; from < size; from += PAGE) {
    const leaves = await readLeaves({ from, limit: Math.min(PAGE, size - from) });
    leaves.forEach(({ number, leaf }, position) => {
      if (number !== from + position) throw new RangeError(`The log has no leaf ${from + position}; it was changed.`);
      all.write(leaf, number * HASH_BYTES, 'hex');
    });
    if (leaves.length < Math.min(PAGE, size - from))
      throw new RangeError(`The log has fewer than ${size} leaves; it was changed.`);
  }
  return all;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
