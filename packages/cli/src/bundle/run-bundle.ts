import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { CommandFailure } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import { print, printJson, printable, say } from '../terminal/output';
import { findReceipts, findReceiptsOf, findReceiptsOfUser, userHashes } from '../receipts/find-receipts';
import type { ReceiptPages } from '../receipts/find-receipts';
import { subjectsEverywhere } from '../users/user-subjects';
import type { IdAtService } from '../users/user-subjects';
import { sectionOfSweep, sectionsOf } from './sections';
import type { BundleSection } from './sections';
import { readCheckpointFile, sealIfAllowed, writeSections } from './write-bundle';
import { writeFirstBundle } from './write-version-1';

/** What a bundle contains, and where it is written. */
export interface WriteBundle {
  /** A sweep, run or user; see `findReceipts`. */
  id: string;
  /** The user to whom the ID belongs, by IDs at providers. */
  user?: readonly IdAtService[] | undefined;
  /** Whether the ID is one of a user, whatever else has it. */
  isUser: boolean;
  file: string;
  /** The file with a checkpoint that was kept. */
  checkpoint?: string | undefined;
  json: boolean;
}

/**
 * Writes the evidence of a sweep, a run or a user into a new file that is checked without ledger and Temporal
 * (docs/evidence.md). It contains keyed hashes and no IDs of users.
 *
 * @throws Refusal when the file exists or cannot be created.
 * @throws CommandFailure when nothing of it is sealed.
 * @throws SweepConflictError when receipts are not those that were sealed.
 */
export async function writeBundle(io: Io, given: WriteBundle): Promise<ExitCode> {
  const kept = given.checkpoint === undefined ? undefined : await readCheckpointFile(given.checkpoint, 'checkpoint');
  return withWorkersLedger<ExitCode>(io, async (opened) => {
    const { ledger } = opened;
    const sweep = given.isUser || given.user ? undefined : await ledger.sweeps.read(given.id);
    if (sweep?.merkleRoot !== undefined && sweep.head === undefined) return writeOld(io, opened, sweep, given);
    await sealIfAllowed(ledger);
    const { sections, uncovered } = sweep
      ? { sections: [await wholeSweep(opened, sweep)], uncovered: 0 }
      : await sectionsFor(opened, given);
    if (sections.length === 0)
      throw new CommandFailure(
        'NotFound',
        uncovered === 0
          ? `The ledger has no receipt of ${printable(given.id)}.`
          : `None of the ${uncovered} receipts of ${printable(given.id)} is sealed; a sweep is when it ends.`,
      );
    const { receipts, roots, signed } = await writeSections(ledger, sections, { file: given.file, kept });
    if (given.json) {
      printJson(io, {
        id: given.id,
        file: given.file,
        receipts,
        merkleRoot: roots[0],
        merkleRoots: roots,
        signed,
        uncovered,
      });
      return 0;
    }
    print(io, `Wrote ${receipts} receipts with their proofs into ${printable(given.file)}.`);
    if (uncovered > 0) say(io, `Left out: ${uncovered} receipts that are not sealed.`);
    if (!signed)
      say(
        io,
        'Its checkpoint is unsigned or missing: set HTTP_TASKS_SEAL_KEY where workers run. It is made by: http-tasks seal keygen',
      );
    const options = roots.map((root) => ` --root ${root}`).join('');
    say(io, `Check it with: http-tasks verify --bundle ${printable(given.file)}${options}`);
    return 0;
  });
}

async function wholeSweep({ ledger }: OpenedLedger, row: SweepRow): Promise<BundleSection> {
  const { sweepId, status, head } = row;
  if (head !== undefined) return sectionOfSweep(ledger, { ...row, head });
  throw new CommandFailure(
    'Conflict',
    `The sweep ${printable(sweepId)} is not sealed yet (${status}); it is sealed when it ends.`,
  );
}

async function sectionsFor(opened: OpenedLedger, { id, user, isUser }: WriteBundle) {
  const { ledger, hasher } = opened;
  const hashes = user
    ? subjectsEverywhere({ more: user }, hasher).map(({ subject }) => subject)
    : userHashes(id, hasher);
  const receipts = user
    ? await all((await findReceiptsOf(user, opened)).pages)
    : isUser
      ? await all((await findReceiptsOfUser(id, opened)).pages)
      : await all((await findReceipts(id, opened)).pages);
  const isOfUser = receipts.some(({ subject }) => hashes.includes(subject));
  return sectionsOf(ledger, receipts, isOfUser ? new Set(hashes) : undefined);
}

async function all(pages: ReceiptPages): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for await (const page of pages) receipts.push(...page);
  return receipts;
}

async function writeOld(
  io: Io,
  { ledger }: OpenedLedger,
  sweep: SweepRow,
  { file, json }: WriteBundle,
): Promise<ExitCode> {
  const { sweepId, merkleRoot = '' } = sweep;
  const receipts = await writeFirstBundle(ledger.sweeps, sweep, file);
  if (json) printJson(io, { sweepId, file, receipts, merkleRoot });
  else
    print(
      io,
      `Wrote ${receipts} receipts with their proofs into ${printable(file)}, in the form of version 0.1.0, which ` +
        `sealed them. Check them with: http-tasks verify --bundle ${printable(file)} --root ${merkleRoot}`,
    );
  return 0;
}
