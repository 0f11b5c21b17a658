import { sql } from 'kysely';
import type { SqlBool, RawBuilder } from 'kysely';
import { canonicalJson } from '../../policy/canonical-json';
import type { CanonicalValue } from '../../policy/canonical-json';
import { MerkleTree } from '../../policy/merkle';
import { leafOf, sealedColumns, sealedFields, sha256 } from '../sweeps/leaf';
import type { SealableRow, SealedField } from '../sweeps/leaf';
import type { LedgerDatabase } from '../tables';
import type { LeafKind } from './leaf-kind';

/** What a leaf names as the log that it is in, and the keys that sign the log's checkpoints. */
export interface LogIdentity {
  origin: string;
  /** Public keys as verifier keys; empty while there is no seal key. */
  keys: readonly string[];
}

/**
 * Returns the content of a leaf about a row of the ledger, or undefined if there is no such row.
 *
 * @param ref As the triggers of migrations/0017-log.ts write it.
 */
export async function contentOf(
  database: LedgerDatabase,
  { kind, ref }: { kind: LeafKind; ref: string },
  identity: LogIdentity,
): Promise<string | undefined> {
  if (kind === 'run' || kind === 'call') return receiptsContent(database, kind, ref, identity);
  if (kind === 'hold') return holdContent(database, ref);
  if (kind === 'stop') return stopContent(database, ref);
  return undefined;
}

/** A receipt of a run or call, in the order of its tree. */
export interface RunReceipt {
  id: number;
  fields: readonly SealedField[];
  leaf: Uint8Array;
}

/** Reads the receipts of a run, or of one of its calls, in the order in which they were written. */
export async function readRunReceipts({ db, dialect }: LedgerDatabase, ref: string): Promise<RunReceipt[]> {
  const { rows } = await sql<SealableRow>`
    select ${sealedColumns(dialect)} from receipts where ${isOf(ref)} order by id`.execute(db);
  return rows.map(toRunReceipt);
}

function toRunReceipt(row: SealableRow): RunReceipt {
  const fields = sealedFields(row);
  return { id: Number(row.id), fields, leaf: leafOf(fields) };
}

/**
 * Reads the receipts that a leaf of a run or call covers, in the order of its tree.
 *
 * @param content The content of the leaf.
 */
export async function readCoveredReceipts({ db, dialect }: LedgerDatabase, content: string): Promise<RunReceipt[]> {
  const { rows = '' } = JSON.parse(content) as { rows?: string };
  const receipts: RunReceipt[] = [];
  for (const range of rows.split(',')) {
    const [from = 0, to = from] = range.split('-').map(Number);
    const found = await sql<SealableRow>`
      select ${sealedColumns(dialect)} from receipts where id between ${from} and ${to} order by id`.execute(db);
    receipts.push(...found.rows.map(toRunReceipt));
  }
  return receipts;
}

/** Returns the workflow ID, run ID and activity ID of a `ref`. Only the first can contain a line break. */
export function partsOfRef(ref: string): { workflowId: string; runId: string; activityId: string } {
  const [activityId = '', runId = '', ...rest] = ref.split('\n').reverse();
  return { workflowId: rest.reverse().join('\n'), runId, activityId };
}

function isOf(ref: string): RawBuilder<SqlBool> {
  const { workflowId, runId, activityId } = partsOfRef(ref);
  const ofRun = sql<SqlBool>`workflow_id = ${workflowId} and run_id = ${runId}`;
  return activityId === '' ? ofRun : sql<SqlBool>`${ofRun} and activity_id = ${activityId}`;
}

/**
 * Returns what a leaf about this row would contain now; see `LogLedger.contentNow`. Content that comes from no row of
 * the ledger is returned as it is.
 */
export async function contentNow(
  database: LedgerDatabase,
  { kind, ref, content }: { kind: LeafKind; ref: string; content: string },
): Promise<string | undefined> {
  if (kind === 'hold' || kind === 'stop') return contentOf(database, { kind, ref }, { origin: '', keys: [] });
  if (kind === 'sweep') {
    const query = database.db.selectFrom('sweeps').select('head').where('sweep_id', '=', ref);
    return (await query.executeTakeFirst())?.head ?? undefined;
  }
  if (kind !== 'run' && kind !== 'call') return content;
  const receipts = await readCoveredReceipts(database, content);
  const sealed = JSON.parse(content) as Record<string, CanonicalValue>;
  const { workflowId, runId } = partsOfRef(ref);
  const isOfRun = receipts.every(({ fields }) => fields[0] === workflowId && fields[1] === runId);
  if (!isOfRun) return undefined;
  return canonicalJson({
    ...sealed,
    environments: environmentsIn(receipts),
    startedAt: timeOf(receipts[0]),
    endedAt: timeOf(receipts.at(-1)),
    receipts: receipts.length,
    receiptsRoot: rootOfReceipts(receipts),
  });
}

/** Returns the root of some receipts in hex. */
export function rootOfReceipts(receipts: readonly { leaf: Uint8Array }[]): string {
  const tree = new MerkleTree(sha256);
  for (const { leaf } of receipts) tree.add(leaf);
  return Buffer.from(tree.finish()).toString('hex');
}

async function receiptsContent(
  database: LedgerDatabase,
  kind: 'run' | 'call',
  ref: string,
  { origin, keys }: LogIdentity,
): Promise<string | undefined> {
  const receipts = await readRunReceipts(database, ref);
  if (receipts.length === 0) return undefined;
  const { workflowId, runId, activityId } = partsOfRef(ref);
  const about = await aboutRun(database, { workflowId, runId });
  return canonicalJson({
    v: 1,
    kind,
    workflowId,
    runId,
    ...(kind === 'call' && { activityId }),
    origin,
    keys,
    environments: environmentsIn(receipts),
    ...about,
    startedAt: timeOf(receipts[0]),
    endedAt: timeOf(receipts.at(-1)),
    rows: rangesOf(receipts.map(({ id }) => id)),
    receipts: receipts.length,
    receiptsRoot: rootOfReceipts(receipts),
  });
}

async function aboutRun(
  { db }: LedgerDatabase,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<Readonly<Record<string, CanonicalValue>>> {
  const row = await db
    .selectFrom('run_about')
    .select('about')
    .where('workflow_id', '=', workflowId)
    .where('run_id', '=', runId)
    .executeTakeFirst();
  return row === undefined ? {} : (JSON.parse(row.about) as Record<string, CanonicalValue>);
}

/** Positions in `SEALED_COLUMNS`. */
const SERVICE = 11;
const ENVIRONMENT = 12;
const AT = 22;

/** Returns the environments by service, sorted. Receipts of steps without a call have none. */
function environmentsIn(receipts: readonly RunReceipt[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const { fields } of receipts)
    if (fields[ENVIRONMENT] !== '') found.set(String(fields[SERVICE]), String(fields[ENVIRONMENT]));
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function timeOf(receipt: RunReceipt | undefined): string {
  return String(receipt?.fields[AT] ?? '');
}

/** Writes ascending row IDs as ranges: `4-6,9`. */
function rangesOf(ids: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last !== undefined && id === last[1] + 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

async function holdContent({ db }: LedgerDatabase, ref: string): Promise<string | undefined> {
  const row = await db.selectFrom('hold_log').selectAll().where('id', '=', Number(ref)).executeTakeFirst();
  if (row === undefined) return undefined;
  return canonicalJson({
    v: 1,
    kind: 'hold',
    holdId: row.hold_id,
    change: row.change,
    by: row.changed_by,
    why: row.why,
    reason: row.reason,
    heldSince: row.held_since === null ? null : new Date(row.held_since).toISOString(),
    environments: row.environments,
    subjects: row.subjects,
    at: new Date(row.at).toISOString(),
  });
}

async function stopContent({ db }: LedgerDatabase, ref: string): Promise<string | undefined> {
  const [number = '', change = ''] = ref.split(' ');
  const row = await db.selectFrom('stops').selectAll().where('number', '=', Number(number)).executeTakeFirst();
  if (row === undefined) return undefined;
  const lifted = change === 'lifted' && row.lifted_at !== null;
  return canonicalJson({
    v: 1,
    kind: 'stop',
    change,
    reason: row.reason,
    by: lifted ? row.lifted_by : row.set_by,
    at: new Date(lifted ? (row.lifted_at ?? '') : row.at).toISOString(),
  });
}
