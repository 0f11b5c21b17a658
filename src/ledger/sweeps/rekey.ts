import { storable } from '../values';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepReleasedError, UnknownSweepError } from './sweep-errors';
import type { SweepKey } from './sweep-key';

/** Maximum number of users re-encrypted per statement. */
const SLICE = 2_000;

/** Maximum number of ended sweeps returned per call. */
const MAX_FOUND = 100;

/**
 * See `SweepLedger.rekey`.
 *
 * | state | `wrapped_key` | `next_wrapped_key` | rows are encrypted with |
 * |---|---|---|---|
 * | before | first key | null | the first key |
 * | in progress, also after a crash | first key | new key | either; readers try both |
 * | after | new key | null | the new key |
 *
 * The change from the second state to the third is one statement, which also sets `rekeyed_at`. Every process may
 * repeat any part, because all of them encrypt with the one stored new key.
 */
export async function rekey(
  context: SweepContext,
  { sweepId, onProgress }: { sweepId: string; onProgress?: (users: number) => void },
): Promise<void> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const before = await context.inTime(() => begin(context, sweepId));
  if (before === undefined) return;
  const both = context.keys.open(storable(sweepId), before.first, before.next);
  const next = context.keys.open(storable(sweepId), before.next);
  let after = -1;
  for (let users = 0; ;) {
    const rows = await context.inTime(() => readIds(context, sweep, after));
    const last = rows.at(-1);
    if (last === undefined) break;
    await context.inTime(() =>
      context.store.replaceIds(
        context.db,
        sweep,
        rows.flatMap(({ seq, ids }) => encrypted(both, next, seq, ids)),
      ),
    );
    after = last.seq;
    onProgress?.((users += rows.length));
  }
  await context.inTime(() => replaceKey(context, sweep, before, positionUnder(both, next, before.position)));
  context.keys.forget(before.first);
}

/** See `SweepLedger.listEndedUnderFirstKey`. */
export async function listEndedUnderFirstKey({ db }: SweepContext, endedBefore: string): Promise<string[]> {
  const rows = await db
    .selectFrom('sweeps')
    .select('sweep_id')
    .where('wrapped_key', 'is not', null)
    .where('rekeyed_at', 'is', null)
    .where('ended_at', '<', new Date(endedBefore).toISOString())
    .orderBy('number')
    .limit(MAX_FOUND)
    .execute();
  return rows.map(({ sweep_id }) => sweep_id);
}

interface Keys {
  first: string;
  next: string;
  position: string | null;
}

/**
 * Returns the first key and the new one, which is created unless another process has done so. Returns undefined if the
 * sweep is already done.
 */
async function begin(context: SweepContext, sweepId: string): Promise<Keys | undefined> {
  await context.db
    .updateTable('sweeps')
    .set({ next_wrapped_key: context.keys.create(storable(sweepId)) })
    .where('sweep_id', '=', storable(sweepId))
    .where('wrapped_key', 'is not', null)
    .where('next_wrapped_key', 'is', null)
    .where('rekeyed_at', 'is', null)
    .execute();
  const row = await context.db
    .selectFrom('sweeps')
    .select(['wrapped_key', 'next_wrapped_key', 'snapshot_position'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  const { wrapped_key: first, next_wrapped_key: next, snapshot_position: position } = row;
  if (first === null) throw new SweepReleasedError(sweepId);
  return next === null ? undefined : { first, next, position };
}

function readIds({ db }: SweepContext, sweep: number, after: number): Promise<{ seq: number; ids: string }[]> {
  const rows = db.selectFrom('target_ids').select(['seq', 'ids']).where('sweep', '=', sweep).where('seq', '>', after);
  return rows.orderBy('seq').limit(SLICE).execute();
}

/**
 * Re-encrypts one row. A row that neither key decrypts was changed in the database: it stays unchanged, and unreadable.
 */
function encrypted(both: SweepKey, next: SweepKey, seq: number, ids: string): [number, string][] {
  try {
    return [[seq, next.encryptUser(seq, both.decryptUser(seq, ids))]];
  } catch {
    return [];
  }
}

function positionUnder(both: SweepKey, next: SweepKey, position: string | null): string | null {
  if (position === null) return null;
  try {
    return next.encryptPosition(both.decryptPosition(position));
  } catch {
    return null;
  }
}

async function replaceKey(
  context: SweepContext,
  sweep: number,
  { first, next }: Keys,
  position: string | null,
): Promise<void> {
  await context.db
    .updateTable('sweeps')
    .set({
      wrapped_key: next,
      next_wrapped_key: null,
      snapshot_position: position,
      rekeyed_at: new Date().toISOString(),
    })
    .where('number', '=', sweep)
    .where('wrapped_key', '=', first)
    .where('next_wrapped_key', '=', next)
    .execute();
  await context.store.eraseOldVersions(context.db);
}
