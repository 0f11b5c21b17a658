import type { Ledger } from 'temporal-http-tasks/internal/ledger/ledger';
import type { LogLedger } from 'temporal-http-tasks/internal/ledger/log/log-ledger';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { isSigned } from 'temporal-http-tasks/internal/operator-policy/approval';
import type { PolicyRules } from 'temporal-http-tasks/internal/operator-policy/schema';

/** Policies of workers that are looked through for the one under which a sweep was opened. */
const MOST_POLICIES = 1_000;

/** The head of a sweep, as reports and results quote it. Only signatures are checked; the rest is what was recorded. */
export interface HeadFacts {
  /** The leaf hash of the head: the root of the sweep. */
  root: string;
  reason?: string;
  requestedBy?: string;
  receivedAt?: string;
  dueAt?: string;
  law?: string;
  /** Who approved it: by a signature that the policy's public key verifies, or as a claim. */
  approvedBy: { name: string; verified: boolean }[];
  /** SHA-256 of the operator's policy; absent without one. */
  policy?: string;
  /** `name`: `file:` and the file's name, or `query:NAME` and the like; absent for a redrive. */
  source: { name?: string; users: number; duplicates: number; rejected: number; digest?: string };
  startedAt: string;
  endedAt: string;
  receipts: number;
  /** The first checkpoint that covers the head; absent while there is none. */
  checkpoint?: { origin: string; size: number; signed: boolean; at: string };
}

/** What the facts are read from. */
export type HeadLedger = Pick<Ledger, 'listPolicies'> & {
  readonly log: Pick<LogLedger, 'find' | 'covering' | 'state'>;
};

/** The members of a head that are quoted. */
interface Head {
  reason?: { code?: string; note?: string } | null;
  request?: Record<'requestedBy' | 'receivedAt' | 'dueAt' | 'law', unknown> | null;
  approvedBy?: string | null;
  approvals?: { snapshot: string; plan: string; environment: string; signed: { by: string; signature: string }[] };
  policy?: string | null;
  source: { users: number; duplicates: number; rejected: number; digest: string | null; name?: string };
  startedAt: string;
  endedAt: string;
  receipts: number;
}

/** Reads the head of a sealed sweep; undefined for one that is not sealed, or that an earlier version sealed. */
export async function readHeadFacts(ledger: HeadLedger, row: SweepRow): Promise<HeadFacts | undefined> {
  if (row.head === undefined || row.merkleRoot === undefined) return undefined;
  const head = JSON.parse(row.head) as Head;
  const { reason, request, policy, source, startedAt, endedAt, receipts } = head;
  const given = (name: 'requestedBy' | 'receivedAt' | 'dueAt' | 'law'): object => {
    const value = request?.[name];
    return typeof value === 'string' ? { [name]: value } : {};
  };
  const checkpoint = await checkpointOf(ledger, row);
  const why = [reason?.code, reason?.note].filter((part) => part !== undefined && part !== '').join(': ');
  return {
    root: row.merkleRoot,
    ...(why !== '' && { reason: why }),
    ...given('requestedBy'),
    ...given('receivedAt'),
    ...given('dueAt'),
    ...given('law'),
    approvedBy: await approversOf(ledger, row, head),
    ...(typeof policy === 'string' && { policy }),
    source: {
      ...(source.name !== undefined && { name: source.name }),
      users: source.users,
      duplicates: source.duplicates,
      rejected: source.rejected,
      ...(source.digest !== null && { digest: source.digest }),
    },
    startedAt,
    endedAt,
    receipts,
    ...(checkpoint && { checkpoint }),
  };
}

async function checkpointOf({ log }: HeadLedger, { sweepId, head }: SweepRow): Promise<HeadFacts['checkpoint']> {
  const leaf = (await log.find({ kind: 'sweep', ref: sweepId })).find(({ content }) => content === head);
  const covering = leaf && (await log.covering(leaf.number));
  if (covering === undefined) return undefined;
  const { size, signed, at } = covering;
  return { origin: (await log.state()).origin, size, signed, at };
}

async function approversOf(ledger: HeadLedger, row: SweepRow, head: Head): Promise<HeadFacts['approvedBy']> {
  const { approvals, approvedBy } = head;
  const rules = approvals && (await rulesOf(ledger, row.policyDigest));
  const approvers = (approvals?.signed ?? []).map(({ by, signature }) => ({
    name: by,
    verified:
      approvals !== undefined &&
      rules !== undefined &&
      isSigned(
        rules,
        {
          sweepId: row.sweepId,
          snapshotDigest: approvals.snapshot,
          planDigest: approvals.plan,
          total: head.source.users,
          environment: approvals.environment,
        },
        { approver: by, signature },
      ),
  }));
  if (typeof approvedBy === 'string' && !approvers.some(({ name }) => name === approvedBy))
    approvers.push({ name: approvedBy, verified: false });
  return approvers;
}

/** The rules that the ledger has under this digest. */
async function rulesOf(ledger: HeadLedger, digest: string | undefined): Promise<PolicyRules | undefined> {
  if (digest === undefined) return undefined;
  const policies = await ledger.listPolicies({ limit: MOST_POLICIES });
  const found = policies.find((policy) => policy.digest === digest && policy.rules !== undefined);
  return found?.rules === undefined ? undefined : (JSON.parse(found.rules) as PolicyRules);
}

/**
 * The facts in words, as pairs of name and value.
 *
 * @param shown How moments are written. @default as they were recorded: ISO 8601 in UTC
 */
export function headWords(
  facts: HeadFacts,
  shown: (moment: string) => string = (moment) => moment,
): (readonly [name: string, value: string])[] {
  const { reason, requestedBy, receivedAt, dueAt, law, approvedBy, policy, source, checkpoint } = facts;
  const approvers = approvedBy.map(
    ({ name, verified }) => `${name} (${verified ? 'signature verified' : 'not verified'})`,
  );
  const signed = checkpoint?.signed === true ? 'signed' : 'unsigned';
  const lines: (readonly [string, string | undefined])[] = [
    ['Requested by', requestedBy === undefined ? undefined : `${requestedBy} (not verified)`],
    ['Received', receivedAt],
    ['Due', dueAt === undefined ? undefined : shown(dueAt) + (law === undefined ? '' : ` (${law})`)],
    ['Reason', reason],
    ['Approved by', approvers.length === 0 ? undefined : approvers.join(', ')],
    ['Policy', policy],
    [
      'Source',
      (source.name === undefined ? '' : `${source.name}, `) +
        [
          counted(source.users, 'user', 'users'),
          counted(source.duplicates, 'duplicate', 'duplicates'),
          counted(source.rejected, 'invalid row', 'invalid rows'),
        ].join(', '),
    ],
    ['Source digest', source.digest],
    ['Started', shown(facts.startedAt)],
    ['Ended', shown(facts.endedAt)],
    ['Receipts', String(facts.receipts)],
    ['Root', facts.root],
    [
      'Checkpoint',
      checkpoint === undefined
        ? 'none yet'
        : `${checkpoint.size} leaves of ${checkpoint.origin}, ${shown(checkpoint.at)}, ${signed}`,
    ],
  ];
  return lines.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function counted(number: number, one: string, many: string): string {
  return `${number === 0 ? 'no' : number.toLocaleString('en-US')} ${number === 1 ? one : many}`;
}
