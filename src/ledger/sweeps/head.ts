import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import { canonicalJson } from '../../policy/canonical-json';
import type { CanonicalValue } from '../../policy/canonical-json';
import { leafHash } from '../../policy/merkle';
import type { SnapshotReport } from '../../policy/snapshot-report';
import type { OutcomeCounts, SweepStatus } from '../../policy/sweep-result';
import { environmentText, planDigest } from '../../operator-policy/approval';
import { readLogState } from '../log/sealer';
import type { Tables } from '../tables';
import { storable } from '../values';
import { readApprovals } from './approvals';
import { environmentsOf } from './environments';
import { sha256 } from './receipt-leaf';
import { snapshotDigest } from './snapshot-digest';
import type { SweepContext } from './sweep-context';

/** How a sweep ended, as recorded in its head. */
export interface SweepEnd {
  status: SweepStatus;
  counts: OutcomeCounts;
}

type HeadFields = Record<string, CanonicalValue>;

/**
 * Returns the head of a sweep without its receipts: what is sealed besides them. Its hash is the root that the sweep
 * returns, and a leaf of the log.
 */
export async function headOf(context: SweepContext, sweepId: string, end: SweepEnd | undefined): Promise<HeadFields> {
  const { origin } = await context.inTime(() => readLogState(context));
  const row = await context.inTime(() =>
    context.db.selectFrom('sweeps').selectAll().where('sweep_id', '=', storable(sweepId)).executeTakeFirstOrThrow(),
  );
  const { reason, dryRun, request } = requestOf(row);
  const approvals = await context.inTime(() => signedApprovals(context, row));
  return {
    v: 1,
    kind: 'sweep',
    sweepId: row.sweep_id,
    firstRun: row.claimed_by,
    origin,
    keys: context.sealKeys.verifierKeys(origin),
    environments: environmentsOf(row),
    providers: providersOf(row.steps_plan),
    plan: digestOf(row.plan),
    steps: digestOf(row.steps_plan),
    policy: row.policy_digest,
    dryRun,
    source: {
      users: row.total,
      duplicates: row.duplicates,
      rejected: row.rejected,
      digest: await snapshotDigest(context, sweepId),
      ...sourceOf(row.snapshot_report),
    },
    redriveOf: row.redrive_of,
    reason,
    request,
    approvedBy: row.approved_by,
    approvedAt: row.approved_at === null ? null : new Date(row.approved_at).toISOString(),
    ...(approvals && { approvals }),
    startedAt: new Date(row.created_at).toISOString(),
    endedAt: new Date().toISOString(),
    status: end?.status ?? null,
    counts: end === undefined ? null : { ...end.counts },
  };
}

/** Returns the head with the root of its receipts, as text. */
export function headWithReceipts(head: HeadFields, receipts: { count: number; root: string }): string {
  return canonicalJson({ ...head, receipts: receipts.count, receiptsRoot: receipts.root });
}

/** Returns the same for a head that was stored as text. */
export function storedHeadWithReceipts(head: string, receipts: { count: number; root: string }): string {
  return headWithReceipts(JSON.parse(head) as HeadFields, receipts);
}

/** Returns the root of a sweep in hex: the leaf hash of its head. */
export function rootOfHead(head: string): string {
  return Buffer.from(leafHash(sha256, Buffer.from(head))).toString('hex');
}

function requestOf({ plan, about }: Selectable<Tables['sweeps']>): {
  reason: CanonicalValue;
  dryRun: CanonicalValue;
  request: CanonicalValue;
} {
  const { reason = null, dryRun = null } = plan === null ? {} : (JSON.parse(plan) as HeadFields);
  return { reason, dryRun, request: about === null ? null : (JSON.parse(about) as HeadFields) };
}

/** Returns the name of the source, if it is known; sweeps of earlier versions and redrives have none. */
function sourceOf(report: string | null): { name?: string } {
  const { source } = report === null ? {} : (JSON.parse(report) as SnapshotReport);
  return source === undefined ? {} : { name: source };
}

/** Returns the providers whose tasks the steps call, sorted. */
function providersOf(stepsPlan: string | null): string[] | null {
  if (stepsPlan === null) return null;
  const { tasks = {} } = JSON.parse(stepsPlan) as { tasks?: Record<string, unknown> };
  return [...new Set(Object.keys(tasks).map((task) => task.split('.', 1)[0] ?? ''))].sort();
}

/** Returns the signatures of a sweep that needed some, with the digests that they are over; see docs/policy.md. */
async function signedApprovals(
  context: SweepContext,
  row: Selectable<Tables['sweeps']>,
): Promise<HeadFields | undefined> {
  if (row.snapshot_digest === null) return undefined;
  const given = await readApprovals(context, row.sweep_id);
  const { plan, steps_plan: stepsPlan } = row;
  return {
    snapshot: row.snapshot_digest,
    plan: planDigest({ ...(plan !== null && { plan }), ...(stepsPlan !== null && { stepsPlan }) }),
    environment: environmentText(environmentsOf(row)),
    signed: given.map(({ approver, signature }) => ({ by: approver, signature })),
  };
}

function digestOf(text: string | null): string | null {
  return text === null ? null : createHash('sha256').update(text).digest('hex');
}
