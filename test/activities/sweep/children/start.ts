import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ChunkPlan, ChunkResult } from 'temporal-http-tasks/internal/activities/sweep/contract';

/** The part of a sweep that a process works through: chunks that begin from one seq to another. */
export interface ChunkWork {
  sweepId: string;
  plan: ChunkPlan;
  chunkSize: number;
  from: number;
  to: number;
}

/** What the process says of its chunks. */
export type Said =
  { did: 'began'; from: number } | { did: 'ended'; from: number; result: ChunkResult } | { did: 'finished' };

/** A worker of chunks as a process of its own. */
export interface ChunkProcess {
  child: ChildProcess;
  said: Said[];
  /** Resolves when it has said that, or is gone. */
  until(did: Said['did']): Promise<void>;
  gone: Promise<unknown>;
}

/** Starts a process that works through a part of a sweep. */
export function startChunks(work: ChunkWork, env: Record<string, string>): ChunkProcess {
  const register = path.join(__dirname, '../../../ledger/children/register-typescript.cjs');
  const script = path.join(__dirname, 'run-chunks.ts');
  const child = spawn(process.execPath, ['--require', register, script, JSON.stringify(work)], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: Said[] = [];
  const waiting: { did: Said['did']; resolve: () => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const one = JSON.parse(line) as Said;
    said.push(one);
    for (const { did, resolve } of waiting) if (did === one.did) resolve();
  });
  const gone = once(child, 'exit');
  return {
    child,
    said,
    gone,
    until: async (did) => {
      if (said.some((one) => one.did === did)) return;
      await Promise.race([new Promise<void>((resolve) => waiting.push({ did, resolve })), gone]);
    },
  };
}
