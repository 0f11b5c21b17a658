import { PassThrough } from 'node:stream';
import { writeChunksToStdout } from '@temporal-http-tasks/cli/internal/receipts/export-receipts';
import { finalOutcomes } from '@temporal-http-tasks/cli/internal/receipts/show-receipts';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { written } from '../../support/written';

const streams = () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  return {
    io: { stdout, stderr } as unknown as Io,
    read: () => ({ stdout: written(stdout), stderr: written(stderr) }),
  };
};

async function* thenFails(...chunks: string[]): AsyncGenerator<string> {
  yield* chunks;
  await Promise.resolve();
  throw new LedgerUnavailableError('The ledger did not answer.');
}

describe('a text that comes in pieces', () => {
  it('stays unfinished when the ledger goes away in the middle, and the error is not a second document', async () => {
    const { io, read } = streams();
    expect(await writeChunksToStdout(io, thenFails('[', '{}'))).toBe(1);
    expect(read()).toEqual({ stdout: '[{}', stderr: 'The ledger did not answer. The output above is incomplete.\n' });
  });

  it('leaves the error to the command when nothing was written yet', async () => {
    const { io, read } = streams();
    await expect(writeChunksToStdout(io, thenFails(''))).rejects.toThrow(LedgerUnavailableError);
    expect(read()).toEqual({ stdout: '', stderr: '' });
  });
});

describe('a reader that goes away', () => {
  it.each(['before a piece is written', 'while one waits to be read'])('ends the writing %s', async (when) => {
    const { io } = streams();
    io.stdout.on('error', () => undefined);
    async function* endless(): AsyncGenerator<string> {
      for (let pieces = 0; ; pieces += 1) {
        if (pieces === 1 && when.startsWith('before')) io.stdout.destroy(new Error('gone'));
        yield 'x'.repeat(when.startsWith('before') ? 1 : 100_000);
        await Promise.resolve();
      }
    }
    const code = writeChunksToStdout(io, endless());
    await new Promise((resolve) => setImmediate(resolve));
    io.stdout.destroy(new Error('gone'));
    expect(await code).toBe(1);
  });
});

describe('the final outcomes', () => {
  let id = 0;
  const of = (changes: Partial<Receipt>): Receipt => ({
    id: id++,
    workflowId: 'sweep',
    runId: '',
    activityId: '',
    phase: 'settled',
    round: 0,
    attempt: 1,
    seq: 0,
    subject: '',
    step: 'plaid.items',
    task: 'plaid.userItemsRemove',
    service: 'plaid',
    environment: 'sandbox',
    outcome: 'removed',
    at: '2030-01-01T00:00:00.000Z',
    ...changes,
  });

  it('of a user of a sweep are those of each step: settled, else of its last round', () => {
    const receipts = [
      of({ phase: 'outcome', round: 0, outcome: 'failed' }),
      of({ phase: 'outcome', round: 1, outcome: 'removed', attempt: 1 }),
      of({ phase: 'outcome', round: 1, outcome: 'unknown', attempt: 2 }),
      of({ phase: 'outcome', round: 0, outcome: 'failed', step: 'plaid.products' }),
      of({ phase: 'settled', round: 2, outcome: 'removed', step: 'plaid.products' }),
      of({ phase: 'settled', round: 2, outcome: 'held', step: 'hold' }),
      of({ phase: 'outcome', seq: 1, outcome: 'failed' }),
    ];
    expect(finalOutcomes(receipts)).toEqual([receipts[1], receipts[2], receipts[4], receipts[5], receipts[6]]);
  });

  it('of runs are settled, else outcomes, else unknown for a call whose outcome was never recorded', () => {
    const ended = { workflowId: 'offboard-1', runId: 'run-1' };
    const going = { workflowId: 'offboard-2', runId: 'run-2', activityId: '1' };
    const receipts = [
      of({ ...ended, phase: 'intent', outcome: undefined }),
      of({ ...ended, phase: 'settled', step: 'batch.ios', outcome: 'skipped' }),
      of({ ...going, phase: 'intent', outcome: undefined }),
      of({ ...going, phase: 'outcome', outcome: 'failed' }),
      of({ ...going, activityId: '2', phase: 'intent', outcome: undefined }),
    ];
    expect(finalOutcomes(receipts)).toEqual([receipts[1], receipts[3], { ...receipts[4], outcome: 'unknown' }]);
  });
});
