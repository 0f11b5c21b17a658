import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { isKeyedHash } from 'temporal-http-tasks/internal/ledger/subject';
import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { OpenedLedger } from '../ledger/open-ledger';
import { subjectsEverywhere } from '../users/user-subjects';
import type { IdAtService, ServiceAt } from '../users/user-subjects';

/** Pages of receipts in reading order; no page splits a run or a user of a sweep. */
export type ReceiptPages = AsyncIterable<readonly Receipt[]>;

/** What an ID refers to in the ledger. */
export interface FoundReceipts {
  /** Present if the ID is a sweep's. Its receipts may be millions. */
  sweep?: SweepRow;
  pages: ReceiptPages;
}

/** Number of receipts in a page of a sweep. */
const PAGE = 2_000;

/**
 * Finds a sweep with this ID; otherwise runs, users (in every environment) and single calls. Pages are read on demand.
 */
export async function findReceipts(id: string, opened: OpenedLedger, serviceAt?: ServiceAt): Promise<FoundReceipts> {
  if (id === '') return { pages: one([]) };
  const sweep = await opened.ledger.sweeps.read(id);
  if (sweep) return { sweep, pages: pagesOfSweep(opened, id) };
  return { pages: one(await findRuns(opened, id, userHashes(id, opened.hasher, serviceAt))) };
}

/** Finds runs, sweeps and calls about a user, in every environment. */
export async function findReceiptsOf(
  user: readonly IdAtService[],
  { ledger, hasher }: OpenedLedger,
): Promise<FoundReceipts> {
  const subjects = subjectsEverywhere({ more: user }, hasher).map(({ subject }) => subject);
  return { pages: one(await ledger.readReceipts({ subjects })) };
}

/** Finds runs, sweeps and calls about a user, by its ID at Plaid or Batch. */
export async function findReceiptsOfUser(
  id: string,
  { ledger, hasher }: OpenedLedger,
  serviceAt?: ServiceAt,
): Promise<FoundReceipts> {
  return { pages: one(await ledger.readReceipts({ subjects: userHashes(id, hasher, serviceAt) })) };
}

async function* pagesOfSweep({ ledger }: OpenedLedger, sweepId: string): ReceiptPages {
  let afterSeq = -1;
  for (;;) {
    const page = await ledger.sweeps.readReceipts({ sweepId, afterSeq, limit: PAGE });
    if (page.length > 0) yield page;
    if (page.length < PAGE) break;
    afterSeq = page.at(-1)?.seq ?? afterSeq;
  }
  // Calls of the sweep's own workflow, such as its compensation task.
  const ofWorkflow = await ledger.readReceipts({ workflowId: sweepId });
  if (ofWorkflow.length > 0) yield ofWorkflow;
}

// A generator, so that both kinds of pages are read in the same way.
async function* one(receipts: readonly Receipt[]): ReceiptPages {
  if (receipts.length > 0) yield receipts;
}

/** Returns the hashes of the ID as a user's at each service in each environment. */
export function userHashes(id: string, hasher: SubjectHasher, serviceAt?: ServiceAt): string[] {
  return subjectsEverywhere({ plaidUserId: id, batchUserId: id, ...(serviceAt && { serviceAt }) }, hasher).map(
    ({ subject }) => subject,
  );
}

async function findRuns({ ledger }: OpenedLedger, id: string, hashes: readonly string[]): Promise<Receipt[]> {
  const found = await Promise.all([
    ...[id, `offboard-${id}`].map((workflowId) => ledger.readReceipts({ workflowId })),
    // A call outside any workflow is stored under its own run ID alone.
    ledger.readReceipts({ workflowId: '', runId: id }),
    ledger.readReceipts({ subjects: isKeyedHash(id) ? [id, ...hashes] : hashes }),
  ]);
  // A run may be found by its name and by its user.
  const seen = new Set<number>();
  return found.flatMap((receipts) => {
    const fresh = receipts.filter((receipt) => !seen.has(receipt.id));
    for (const receipt of fresh) seen.add(receipt.id);
    return fresh;
  });
}
