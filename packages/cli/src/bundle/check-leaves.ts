import type { LogContent, LogLeaf } from 'temporal-http-tasks/internal/ledger/log/log-ledger';
import { partsOfRef } from 'temporal-http-tasks/internal/ledger/log/contents';
import type { PurgeContent, Purged } from 'temporal-http-tasks/internal/ledger/log/purge-runs';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { leafHash } from '@temporal-http-tasks/evidence/internal/verifier/proofs';
import { headDifferences } from '../verify/compare-row';
import { nodeCrypto } from './node-crypto';

/** Something in the ledger that is not what the log says. */
export interface LogDifference {
  /** The place in the log; absent for the log as a whole and for rows that are in no leaf. */
  number?: number;
  kind: string;
  ref?: string;
  problem: string;
}

/** By how much clocks of machines that write one ledger may differ, in milliseconds. */
const CLOCK_MS = 3_600_000;

const DAY_MS = 86_400_000;

type Content = Record<string, unknown> & { kind?: string; at?: string; endedAt?: string };

type CheckedLedger = Pick<OpenedLedger, 'log' | 'sweeps'>;

/** Compares leaves with what was hashed, and that with the rows of the ledger. */
export class LeafCheck {
  /** Leaves whose receipts were purged. */
  purged = 0;

  private constructor(
    private readonly ledger: CheckedLedger,
    private readonly known: {
      kept: { size: number; time?: string };
      keptDays: number;
      purges: Purged;
    },
  ) {}

  /** @param given.keptDays How many days receipts have to be kept. */
  static async create(
    ledger: CheckedLedger,
    given: { kept: { size: number; time?: string }; keptDays: number },
  ): Promise<LeafCheck> {
    return new LeafCheck(ledger, { ...given, purges: await ledger.log.readPurged() });
  }

  async problemsOf({ number, kind, leaf, ref = '', content }: LogLeaf): Promise<LogDifference[]> {
    const named = (problems: readonly string[]): LogDifference[] =>
      problems.map((problem) => ({ number, kind, ref, problem }));
    if (content === undefined) return named(['what was hashed is gone']);
    if ((await leafHash(nodeCrypto, content)) !== leaf) return named(['its stored content is not what was hashed']);
    const hashed = JSON.parse(content) as Content;
    if (hashed.kind !== kind || !isAbout(hashed, ref)) return named(['it is filed as something else than was hashed']);
    return named([
      ...this.#backdated(number, hashed),
      ...(await this.#problemsNow({ number, kind, ref, content }, hashed)),
    ]);
  }

  /** What was added since the checkpoint cannot be older than it. */
  #backdated(number: number, { at, endedAt }: Content): string[] {
    const { size, time = '' } = this.known.kept;
    const when = at ?? endedAt ?? '';
    if (number < size || !(Date.parse(when) < Date.parse(time) - CLOCK_MS)) return [];
    return [`was added after the checkpoint of ${time}, but says that it is of ${when}`];
  }

  async #problemsNow(leaf: LogContent, hashed: Content): Promise<string[]> {
    if (leaf.kind === 'purge') return this.#problemsOfPurge(hashed);
    if (leaf.kind === 'sweep') return this.#problemsOfSweep(leaf);
    const before = this.#purgedBefore(leaf);
    if (before !== undefined) {
      this.purged += 1;
      return leaf.kind === 'part' || Date.parse(hashed.endedAt ?? '') < Date.parse(before)
        ? []
        : [`its receipts were purged as ones from before ${before}, but it ended at ${hashed.endedAt ?? ''}`];
    }
    const now = await this.ledger.log.contentNow(leaf);
    if (now === undefined) return ['its row is gone, or a receipt in its place is of something else'];
    if (now !== leaf.content) return ['its row, or a receipt of it, was changed or removed'];
    return leaf.kind === 'start' ? this.#problemsOfStart(hashed) : [];
  }

  #purgedBefore({ number, kind, ref }: LogContent): string | undefined {
    const { leaves, sweeps } = this.known.purges;
    return kind === 'part' ? sweeps.get(ref) : leaves.get(number);
  }

  #problemsOfPurge({ before, at }: Content): string[] {
    const purge = { before, at } as PurgeContent;
    const { keptDays } = this.known;
    if (Date.parse(purge.at) > Date.now() + CLOCK_MS) return [`says that it is of ${purge.at}, which is to come`];
    return Date.parse(purge.before) <= Date.parse(purge.at) - keptDays * DAY_MS
      ? []
      : [`deleted at ${purge.at} what ended before ${purge.before}: less than ${keptDays} days after`];
  }

  async #problemsOfSweep(leaf: LogContent): Promise<string[]> {
    const { log, sweeps } = this.ledger;
    const row = await sweeps.read(leaf.ref);
    if (row?.merkleRoot === undefined) return ['the sweep, or its seal, is gone'];
    const problems: string[] = [];
    if ((await log.contentNow(leaf)) !== leaf.content) problems.push('its head was changed');
    for (const { field, found, expected } of headDifferences(row, await sweeps.count(leaf.ref)))
      problems.push(`its ${field} is ${found}, not ${expected}`);
    const purge = this.known.purges.sweeps.get(leaf.ref);
    const { endedAt } = JSON.parse(leaf.content) as Content;
    if (purge !== undefined && !(Date.parse(endedAt ?? '') < Date.parse(purge)))
      problems.push(`its receipts were purged as ones from before ${purge}, but it ended at ${endedAt ?? ''}`);
    problems.push(...(await this.#problemsOfReceipts(leaf.ref, purge !== undefined)));
    return problems;
  }

  async #problemsOfReceipts(sweepId: string, mayBePurged: boolean): Promise<string[]> {
    try {
      const { ok, differenceCount, purged = 0 } = await this.ledger.sweeps.verify({ sweepId });
      if (purged > 0) this.purged += 1;
      if (purged > 0 && !mayBePurged)
        return [`${purged} of its receipts were removed, and no leaf says that it was purged`];
      return ok ? [] : [`${differenceCount} of its receipts, or its root, were changed`];
    } catch (error) {
      if (error instanceof UnknownSweepError) return ['the sweep is gone'];
      throw error;
    }
  }

  async #problemsOfStart({ sweeps }: Content): Promise<string[]> {
    const problems: string[] = [];
    for (const [sweepId, root] of sweeps as [string, string | null][])
      if (root !== null)
        for (const problem of await this.#problemsOfReceipts(sweepId, false))
          problems.push(`sweep ${sweepId}: ${problem}`);
    return problems;
  }
}

/** Whether what was hashed is about the thing under which it is filed. */
function isAbout(content: Content, ref: string): boolean {
  switch (content.kind) {
    case 'sweep':
    case 'part':
    case 'approval':
      return content['sweepId'] === ref;
    case 'run':
    case 'call': {
      const { workflowId, runId, activityId } = partsOfRef(ref);
      return (
        content['workflowId'] === workflowId &&
        content['runId'] === runId &&
        (content.kind === 'run' || content['activityId'] === activityId)
      );
    }
    default:
      return true;
  }
}
