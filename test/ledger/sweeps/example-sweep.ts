import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type {
  ChunkFence,
  OpenUser,
  SettledUser,
  StepReceipt,
  SweepTerms,
} from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { resetClock, setClock } from './at-time';
import { receiptOf, rowsOf, settled, settledFully } from './users';

/** What an example sweep is like. */
export interface ExampleSweep {
  sweepId: string;
  /** A multiple of 100. */
  users: number;
  /** Is in the refusals of some users. */
  code?: string;
  /** @default true */
  ends?: boolean;
  /** What the run was started with. */
  terms?: SweepTerms;
}

const START = Date.parse('2030-01-31T10:00:00.000Z');
const WAVE = 50;
const WAVE_MS = 20_000;
const LATER_MS = 45 * 60_000;

/** Of a hundred users, the one with this number at its end is special. */
const SPECIAL = {
  held: 5,
  failed: 7,
  deferred: 13,
  unknown: 31,
  notFound: 53,
  alreadyGone: 71,
  nothingToDo: 83,
  productsFailed: 91,
} as const;

/**
 * Writes a sweep as a chunk would: waves of users twenty seconds apart, some deferred for three quarters of an hour, and
 * among each hundred one for each way in which a user can end.
 */
export async function writeExampleSweep({ sweeps, ...ledger }: OpenedLedger, example: ExampleSweep): Promise<void> {
  const { sweepId, users, ends = true } = example;
  try {
    setClock(new Date(START).toISOString());
    await sweeps.create({ sweepId, claimedBy: OWNER, ...(example.terms && { terms: example.terms }) });
    const rows = rowsOf(0, users);
    await sweeps.appendTargets({
      sweepId,
      version: 0,
      rows: [...rows, ...rows.slice(0, 3)],
      position: 'end',
      rejected: 2,
      report: { source: 'file:closed.csv', rejectedRows: [], idsInManyRows: 0 },
      complete: true,
    });
    for (let seq = SPECIAL.held; seq < users; seq += 100)
      await ledger.addHold({ holdId: `${sweepId} ${seq}`, subjects: rows[seq]?.subjects ?? [] });
    const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
    for (let wave = 0; wave * WAVE < users; wave++) {
      setClock(new Date(START + 60_000 + wave * WAVE_MS).toISOString());
      await doWave({ sweeps }, chunk, { wave, range: { from: wave * WAVE, to: wave * WAVE + WAVE - 1 } }, example);
    }
    setClock(new Date(START + LATER_MS).toISOString());
    if (!ends) return;
    await doWave({ sweeps }, chunk, { wave: 1_000_000, range: { from: 0, to: users } }, example);
    await sweeps.seal({ sweepId });
    await sweeps.setStatus({ sweepId, status: 'partial' });
  } finally {
    resetClock();
  }
}

/** The run that works on the example. */
const OWNER = 'run-of-the-example';

async function doWave(
  { sweeps }: Pick<OpenedLedger, 'sweeps'>,
  chunk: ChunkFence,
  wave: { wave: number; range: { from: number; to: number } },
  { code = 'ITEM_LOCKED' }: ExampleSweep,
): Promise<void> {
  const opened = await sweeps.openWave({ ...chunk, ...wave, claimedBy: OWNER, limit: 250 });
  await sweeps.flushWave({
    ...chunk,
    users: opened.map((user) => {
      if (user.seq % 100 !== SPECIAL.deferred || user.round > 0) return endOf(user, code);
      const slowDown = receiptOf(user, {
        outcome: 'failed',
        failureType: 'Task.RateLimited',
        status: 429,
        code: 'RATE_LIMIT',
      });
      return {
        kind: 'deferred',
        seq: user.seq,
        round: 0,
        receipts: [slowDown],
        notBefore: new Date(START + LATER_MS - 1).toISOString(),
        unsettled: false,
      };
    }),
  });
}

function endOf(user: OpenUser, code: string): SettledUser {
  const full = settledFully(user);
  const instead = (changes: Partial<StepReceipt>, step = 0): SettledUser => ({
    ...full,
    receipts: full.receipts.map((receipt, index) =>
      index === step ? { ...receipt, requestId: undefined, ...changes } : receipt,
    ),
  });
  switch (user.seq % 100) {
    case SPECIAL.failed:
      return instead({
        outcome: 'failed',
        failureType: 'Task.Rejected',
        status: 400,
        code: 'ITEM_NOT_FOUND',
        requestId: `refused-${user.seq}`,
      });
    case SPECIAL.unknown:
      return instead({ outcome: 'unknown', failureType: 'Task.OutcomeUnknown' });
    case SPECIAL.notFound:
      return instead({ outcome: 'notFound', failureType: 'Task.Rejected', status: 400, code: 'USER_NOT_FOUND' });
    case SPECIAL.productsFailed:
      return instead(
        {
          outcome: 'failed',
          failureType: 'Task.Rejected',
          status: 400,
          code,
          reason: code,
          requestId: code,
          token: code,
        },
        1,
      );
    case SPECIAL.alreadyGone:
      return settled(user, 'alreadyGone');
    case SPECIAL.nothingToDo:
      return settled(user, 'skipped', {
        receipts: [receiptOf(user, { outcome: 'skipped', reason: 'noItems', requestId: undefined })],
      });
    default:
      return full;
  }
}
