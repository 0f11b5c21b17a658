// Takes a chunk over and works through it wave by wave, saying after each write that it was acknowledged.
import { createInterface } from 'node:readline';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepFencedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { settled } from '../users';
import type { Said } from './start';

const [, , url = '', subjectKey = '', sweepId = '', users = '', mode = ''] = process.argv;

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function workThroughChunk(): Promise<void> {
  const { sweeps } = await openLedger({ url, subjectKey });
  const fence = await sweeps.takeFence({ sweepId, chunkId: 'c' });
  const chunk = { sweepId, chunkId: 'c', fence };
  const orders = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  for (let wave = 1; ; wave++) {
    const opened = await sweeps.openWave({ ...chunk, range: { from: 0, to: Number(users) - 1 }, wave, limit: 20 });
    const seqs = opened.map(({ seq }) => seq);
    say({ did: 'opened', seqs, fence });
    if (opened.length === 0) return say({ did: 'finished' });
    if (mode === 'pause') await orders.next();
    await sweeps.flushWave({ ...chunk, users: opened.map((user) => settled(user)) });
    say({ did: 'flushed', seqs, fence });
  }
}

workThroughChunk()
  .catch((error: unknown) => {
    if (!(error instanceof SweepFencedError)) throw error;
    say({ did: 'fenced' });
  })
  // What was said is written; `process.exit()` would wait for the database's own thread, which now and then never ends.
  .finally(() => process.kill(process.pid, 'SIGKILL'));
