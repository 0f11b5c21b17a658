import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { SqlBool, RawBuilder } from 'kysely';
import { canonicalJson } from '../../policy/canonical-json';
import type { CanonicalValue } from '../../policy/canonical-json';
import { MerkleTree } from '../../policy/merkle';
import { leafOf, sealedColumns, sealedFields, sha256 } from '../sweeps/receipt-leaf';
import type { SealableRow, SealedField } from '../sweeps/receipt-leaf';
import type { LedgerDatabase } from '../store';
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
 * @param ref As the triggers of migrations/0017-log.sql write it.
 */
export async function contentOf(
  database: LedgerDatabase,
  { kind, ref }: { kind: LeafKind; ref: string },
  identity: LogIdentity,
): Promise<string | undefined> {
  if (kind === 'run' || kind === 'call') return receiptsContent(database, kind, ref, identity);
  if (kind === 'hold') return holdContent(database, ref);
  if (kind === 'stop') return stopContent(database, ref);
  if (kind === 'sweep') return sweepContent(database, ref);
  return undefined;
}

/** A receipt of a run or call, in the order of its tree. */
export interface RunReceipt {
  id: number;
  fields: readonly SealedField[];
  leaf: Uint8Array;
}

/** Reads the receipts of a run, or of one of its calls, in the order in which they were written. */
export async function readRunReceipts({ db, store }: LedgerDatabase, ref: string): Promise<RunReceipt[]> {
  const { rows } = await sql<SealableRow>`
    select ${sealedColumns(store)} from receipts where ${isOf(ref)} order by id`.execute(db);
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
export async function readCoveredReceipts({ db, store }: LedgerDatabase, content: string): Promise<RunReceipt[]> {
  const { rows = '' } = JSON.parse(content) as { rows?: string };
  const receipts: RunReceipt[] = [];
  for (const range of rows.split(',')) {
    const [from = 0, to = from] = range.split('-').map(Number);
    const found = await sql<SealableRow>`
      select ${sealedColumns(store)} from receipts where id between ${from} and ${to} order by id`.execute(db);
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
 * the ledger is returned as it is. For parts see `partNow`.
 */
export async function contentNow(
  database: LedgerDatabase,
  { kind, ref, content }: { kind: LeafKind; ref: string; content: string },
): Promise<string | undefined> {
  if (kind === 'hold' || kind === 'stop' || kind === 'sweep')
    return contentOf(database, { kind, ref }, { origin: '', keys: [] });
  if (kind === 'approval') return approvalNow(database, content);
  if (kind === 'policy') return policyNow(database, content);
  if (kind === 'start') return startNow(database, content);
  if (kind === 'purge') return content;
  const receipts = await readCoveredReceipts(database, content);
  const sealed = JSON.parse(content) as Record<string, CanonicalValue>;
  const { workflowId, runId } = partsOfRef(ref);
  const isOfRun = receipts.every(({ fields }) => fields[WORKFLOW_ID] === workflowId && fields[RUN_ID] === runId);
  if (!isOfRun) return undefined;
  const { compensations: _sealed, ...others } = sealed;
  // Of a call, who asked may be known only later.
  const rest =
    kind === 'call' ? others : { ...ownMembers(others), ...(await aboutRun(database, { workflowId, runId })) };
  return canonicalJson({
    ...inOrderOf(sealed, rest),
    environments: environmentsIn(receipts),
    startedAt: timeOf(receipts[0]),
    endedAt: timeOf(receipts.at(-1)),
    receipts: receipts.length,
    receiptsRoot: rootOfReceipts(receipts),
    ...(kind === 'run' && (await compensationsOf(database, { workflowId, runId }))),
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
    ...(kind === 'run' && (await compensationsOf(database, { workflowId, runId }))),
  });
}

/** Members of the content of a run besides those of `run_about`. */
const OWN = 'v kind workflowId runId activityId origin keys environments startedAt endedAt rows receipts receiptsRoot';

function ownMembers(content: Readonly<Record<string, CanonicalValue>>): Record<string, CanonicalValue> {
  return Object.fromEntries(Object.entries(content).filter(([name]) => OWN.split(' ').includes(name)));
}

function inOrderOf(
  order: object,
  members: Readonly<Record<string, CanonicalValue>>,
): Readonly<Record<string, CanonicalValue>> {
  const names = [...new Set([...Object.keys(order), ...Object.keys(members)])].filter((name) => name in members);
  return Object.fromEntries(names.map((name) => [name, members[name]]));
}

/** Returns how many lines the compensation log has of a run, and their digest; nothing for a run without any. */
async function compensationsOf(
  { db }: LedgerDatabase,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<{ compensations?: { lines: number; digest: string } }> {
  const rows = await db
    .selectFrom('compensation_log')
    .select(['position', 'environment', 'subject', 'step', 'outcome', 'remedy', 'evidence', 'at'])
    .where('workflow_id', '=', workflowId)
    .where('run_id', '=', runId)
    .orderBy('position')
    .execute();
  if (rows.length === 0) return {};
  const hash = createHash('sha256');
  for (const { position, environment, subject, step, outcome, remedy, evidence, at } of rows) {
    const fields = [position, environment, subject, step, outcome, remedy, evidence, new Date(at).toISOString()];
    hash.update(`${canonicalJson(fields)}\n`);
  }
  return { compensations: { lines: rows.length, digest: hash.digest('hex') } };
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
const WORKFLOW_ID = 0;
const RUN_ID = 1;
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
export function rangesOf(ids: readonly number[]): string {
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
    ...(row.subjects_digest !== null && { subjectsDigest: row.subjects_digest }),
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

/** Returns the head of a sealed sweep; of one that an earlier version sealed, its root. */
async function sweepContent({ db }: LedgerDatabase, ref: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('sweeps')
    .select(['head', 'about', 'merkle_root'])
    .where('sweep_id', '=', ref)
    .executeTakeFirst();
  if (row === undefined || row.merkle_root === null) return undefined;
  if (row.head === null) return canonicalJson({ v: 1, kind: 'sweep', sweepId: ref, merkleRoot: row.merkle_root });
  const request = row.about === null ? null : (JSON.parse(row.about) as CanonicalValue);
  return canonicalJson({ ...(JSON.parse(row.head) as Record<string, CanonicalValue>), request });
}

async function approvalNow({ db }: LedgerDatabase, content: string): Promise<string | undefined> {
  const { sweepId, by, signature } = JSON.parse(content) as { sweepId: string; by: string; signature?: string };
  const sweep = await db
    .selectFrom('sweeps')
    .select(['total', 'approved_by', 'approved_at'])
    .where('sweep_id', '=', sweepId)
    .executeTakeFirst();
  if (sweep === undefined) return undefined;
  const shared = { v: 1, kind: 'approval', sweepId, total: sweep.total };
  if (signature === undefined) {
    if (sweep.approved_at === null) return undefined;
    return canonicalJson({ ...shared, by: sweep.approved_by, at: new Date(sweep.approved_at).toISOString() });
  }
  const signed = await db
    .selectFrom('sweep_approvals')
    .select(['signature', 'at'])
    .where('sweep_id', '=', sweepId)
    .where('approver', '=', by)
    .executeTakeFirst();
  return signed && canonicalJson({ ...shared, by, signature: signed.signature, at: new Date(signed.at).toISOString() });
}

async function policyNow({ db }: LedgerDatabase, content: string): Promise<string | undefined> {
  const sealed = JSON.parse(content) as Record<'namespace' | 'taskQueue' | 'worker' | 'at', string> & {
    digest: string | null;
    rules?: string | null;
  };
  const rows = await db
    .selectFrom('policy_log')
    .select(['digest', 'rules', 'worker'])
    .where('namespace', '=', sealed.namespace)
    .where('task_queue', '=', sealed.taskQueue)
    .where('at', '=', sealed.at)
    .execute();
  // Two workers that start at the same moment may write the same change.
  const row = rows.find(({ digest, worker }) => digest === sealed.digest && worker === sealed.worker);
  return row && canonicalJson({ ...sealed, ...(sealed.rules !== undefined && { rules: digestOfRules(row.rules) }) });
}

/** Returns the digest of the rules of a policy as a leaf has it. */
export function digestOfRules(rules: string | null): string | null {
  return rules === null ? null : createHash('sha256').update(rules).digest('hex');
}

/** Sweeps that were sealed before the log existed must have their root still. */
async function startNow({ db }: LedgerDatabase, content: string): Promise<string> {
  const sealed = JSON.parse(content) as Record<string, CanonicalValue> & { sweeps: [string, string | null][] };
  const sweeps: [string, string | null][] = [];
  for (const [sweepId, root] of sealed.sweeps) {
    const query = db.selectFrom('sweeps').select('merkle_root').where('sweep_id', '=', sweepId);
    const row = await query.executeTakeFirst();
    sweeps.push([sweepId, root === null && row !== undefined ? null : (row?.merkle_root ?? 'missing')]);
  }
  return canonicalJson({ ...sealed, sweeps });
}
