import type { Selectable } from 'kysely';
import { rootOfPeaks } from '../../policy/merkle-peaks';
import { sha256 } from '../sweeps/receipt-leaf';
import type { LedgerDatabase } from '../store';
import type { Tables } from '../tables';
import type { Checkpoint } from './log-ledger';
import { readLogState } from './sealer';
import type { LogState } from './sealer';
import type { SealKeys } from './seal-key';

/** A checkpoint is written at least this often, in milliseconds, so that a missing one is noticed. */
const OLDEST_MS = 3_600_000;

/** The first character of a signature line of a note. */
const SIGNATURE = '\u2014 ';

/** Writes a checkpoint if the log has grown, the keys have changed, or the last one is too old. */
export async function writeCheckpoint(
  { db, store }: LedgerDatabase,
  keys: SealKeys,
): Promise<{ checkpoint: Checkpoint; written: boolean }> {
  // Usually there is nothing to do, which needs no lock.
  const current = await latestCheckpoint({ db });
  if (current !== undefined && isCurrent(current, await readLogState({ db }), keys))
    return { checkpoint: current, written: false };
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'log');
    const state = await readLogState({ db: transaction });
    const last = await latestCheckpoint({ db: transaction });
    if (last !== undefined && isCurrent(last, state, keys)) return { checkpoint: last, written: false };
    const at = new Date().toISOString();
    const root = Buffer.from(rootOfPeaks(sha256, state));
    const note = noteOf({ origin: state.origin, size: state.size, root, at }, keys);
    await transaction
      .insertInto('log_checkpoints')
      .values({ size: state.size, root: root.toString('hex'), note, at })
      .execute();
    return {
      checkpoint: { size: state.size, root: root.toString('hex'), note, signed: !keys.isEmpty, at },
      written: true,
    };
  });
}

/** See `LogLedger.latest`. */
export async function latestCheckpoint({ db }: Pick<LedgerDatabase, 'db'>): Promise<Checkpoint | undefined> {
  const row = await db.selectFrom('log_checkpoints').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row && toCheckpoint(row);
}

/** See `LogLedger.covering`. */
export async function coveringCheckpoint({ db }: LedgerDatabase, number: number): Promise<Checkpoint | undefined> {
  const covering = db.selectFrom('log_checkpoints').selectAll().where('size', '>', number).orderBy('id').limit(1);
  const row =
    (await covering.where('note', 'like', `%\n\n${SIGNATURE}%`).executeTakeFirst()) ??
    (await covering.executeTakeFirst());
  return row && toCheckpoint(row);
}

/** Returns the text of a checkpoint (C2SP tlog-checkpoint) with its signatures. */
function noteOf(
  { origin, size, root, at }: { origin: string; size: number; root: Buffer; at: string },
  keys: SealKeys,
): string {
  const lines = [origin, String(size), root.toString('base64'), `time ${at}`, ...(keys.isEmpty ? ['unsigned'] : [])];
  const body = `${lines.join('\n')}\n`;
  return `${body}\n${keys.signatureLines(origin, body)}`;
}

function isCurrent(last: Checkpoint, { origin, size }: LogState, keys: SealKeys): boolean {
  if (last.size !== size || Date.now() - Date.parse(last.at) >= OLDEST_MS) return false;
  const signers = last.note.split('\n').filter((line) => line.startsWith(SIGNATURE));
  const ids = keys.verifierKeys(origin).map((key) => key.split('+')[1]);
  return (
    signers.length === ids.length &&
    signers.every((line) => {
      const signature = Buffer.from(line.split(' ')[2] ?? '', 'base64');
      return ids.includes(signature.subarray(0, 4).toString('hex'));
    })
  );
}

function toCheckpoint(row: Selectable<Tables['log_checkpoints']>): Checkpoint {
  return {
    size: Number(row.size),
    root: row.root,
    note: row.note,
    signed: row.note.includes(`\n\n${SIGNATURE}`),
    at: new Date(row.at).toISOString(),
  };
}
