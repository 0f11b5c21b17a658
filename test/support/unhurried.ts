import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** A thread that only wakes up every 10 ms; what it wakes up late, the machine has given to other work. */
const TICKING = `
  const { parentPort, workerData: late } = require('node:worker_threads');
  const EVERY_MS = 10;
  const USUAL_MS = 5;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    const lateMs = now - last - EVERY_MS;
    if (lateMs > USUAL_MS) late[0] += lateMs;
    last = now;
  }, EVERY_MS);
  parentPort.postMessage('ticking');
`;

/**
 * Milliseconds that work takes, without those for which the machine ran something else: a wait that must end in time ends
 * later where the machine is busy. The work's own computing counts, since the clock ticks in another thread.
 */
export async function unhurriedMs(work: () => Promise<unknown>): Promise<number> {
  const late = new Float64Array(new SharedArrayBuffer(8));
  const ticker = new Worker(TICKING, { eval: true, workerData: late });
  await once(ticker, 'message');
  const beganAtMs = performance.now();
  try {
    await work();
    return performance.now() - beganAtMs - (late[0] ?? 0);
  } finally {
    await ticker.terminate();
  }
}
