import { existsSync } from 'node:fs';
import { readText } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { DEFAULT_LEDGER_URL, readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { ReceiptLine } from './wire';

/** Maximum number of receipts shown; `http-tasks receipts` reads all of them page by page. */
const MOST_RECEIPTS = 100;

/** Whether the settings contain the key with which receipts are stored. */
export function hasSubjectKey(env: Env): boolean {
  return ['HTTP_TASKS_SUBJECT_KEY', 'HTTP_TASKS_SUBJECT_KEY_FILE'].some((name) => readText(env, name) !== undefined);
}

/** Returns the first receipts of a run or sweep; undefined if the gateway has no ledger or it is unavailable. */
export async function readRunReceipts(env: Env, workflowId: string): Promise<ReceiptLine[] | undefined> {
  if (!hasSubjectKey(env)) return undefined;
  const { url, subjectKey, plaintextAllowed } = readLedgerSettings(env);
  // Opening a missing ledger file would create one that no worker uses.
  if (url === DEFAULT_LEDGER_URL && !existsSync(url.slice('file:'.length))) return undefined;
  try {
    const ledger = await openLedger({ url, subjectKey, plaintextAllowed });
    try {
      const isSweep = (await ledger.sweeps.read(workflowId)) !== undefined;
      const receipts = isSweep
        ? await ledger.sweeps.readReceipts({ sweepId: workflowId, afterSeq: -1, limit: MOST_RECEIPTS })
        : await ledger.readReceipts({ workflowId });
      return receipts
        .filter(({ phase }) => phase !== 'intent')
        .slice(0, MOST_RECEIPTS)
        .map(lineOf);
    } finally {
      await ledger.close();
    }
  } catch (error) {
    if (error instanceof LedgerUnavailableError) return undefined;
    throw error;
  }
}

function lineOf({ at, step, outcome, requestId, token, subject }: Receipt): ReceiptLine {
  return {
    ...{ at, step, subject },
    ...(outcome !== undefined && { outcome }),
    ...(requestId !== undefined && { requestId }),
    ...(token !== undefined && { token }),
  };
}
