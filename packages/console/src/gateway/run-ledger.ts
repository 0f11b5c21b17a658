import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readText, SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import {
  DEFAULT_LEDGER_URL,
  readLedgerSettings,
  readLedgerUrl,
} from 'temporal-http-tasks/internal/config/database-settings';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { countUsersOfLedger, openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import { readFailedSteps } from 'temporal-http-tasks/internal/attention/failed-steps';
import type { SweepCounts, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { inOrder } from 'temporal-http-tasks/internal/policy/user-ids';
import { stepInAccount } from 'temporal-http-tasks/internal/tasks/accounts';
import { runForStream, runForText, runJson } from './commands';
import type { GatewayParts } from './parts';
import type { RateKeyLine, ReceiptLine, RunLine, RunPage } from './wire';

/** Maximum number of receipts shown; the download and `http-tasks receipts` have all of them. */
const MOST_RECEIPTS = 100;
/** Maximum number of failed steps shown; `http-tasks sweep results ID --failed` has all of them. */
const MOST_FAILED = 200;

/** Whether the settings contain the key with which receipts are stored. */
export function hasSubjectKey(env: Env): boolean {
  return ['HTTP_TASKS_SUBJECT_KEY', 'HTTP_TASKS_SUBJECT_KEY_FILE'].some((name) => readText(env, name) !== undefined);
}

/** What the ledger has about a run. */
export interface LedgerView {
  /** The first receipts, and of a sweep the steps of its users that need attention. */
  page: Pick<RunPage, 'receipts' | 'failed' | 'moreFailed' | 'rateKeys' | 'evidence'>;
  /** The users of a sweep. */
  users?: RunLine['progress'];
  /** Where the users of a sweep come from: `file:` and the file's name, or `query:NAME` and the like. */
  source?: string;
}

/** Returns what the ledger has about a run or sweep. Empty if the gateway has no ledger or it is unavailable. */
export async function readRunLedger(env: Env, workflowId: string): Promise<LedgerView> {
  try {
    const ledger = await ledgerOf(env);
    if (!ledger) return { page: {} };
    try {
      const sweep = await ledger.sweeps.read(workflowId);
      const receipts = sweep
        ? await ledger.sweeps.readReceipts({ sweepId: workflowId, afterSeq: -1, limit: MOST_RECEIPTS })
        : await ledger.readReceipts({ workflowId });
      const shown = receipts
        .filter(({ phase }) => phase !== 'intent')
        .slice(0, MOST_RECEIPTS)
        .map(lineOf);
      if (!sweep) return { page: { receipts: shown } };
      return {
        page: {
          receipts: shown,
          ...(await failedIn(ledger, workflowId)),
          ...(await rateKeysOf(ledger, sweep)),
          ...evidenceOf(sweep),
        },
        users: progressOf(await ledger.sweeps.count(workflowId)),
        ...(sweep.report?.source !== undefined && { source: sweep.report.source }),
      };
    } finally {
      await ledger.close();
    }
  } catch (error) {
    if (error instanceof LedgerUnavailableError) return { page: {} };
    throw error;
  }
}

/** Returns the users of sweeps as the ledger counts them; none if the gateway has no ledger or it cannot be read. */
export async function countUsers(env: Env, sweepIds: readonly string[]): Promise<Map<string, RunLine['progress']>> {
  if (sweepIds.length === 0) return new Map();
  try {
    const { url = DEFAULT_LEDGER_URL, plaintextAllowed } = readLedgerUrl(env);
    const users = await countUsersOfLedger({ url, plaintextAllowed }, sweepIds);
    return new Map([...users].map(([sweepId, { counts, dryRun }]) => [sweepId, progressOf(counts, dryRun)]));
  } catch (error) {
    if (NOT_READABLE.some((one) => error instanceof one)) return new Map();
    throw error;
  }
}

const NOT_READABLE = [LedgerSettingError, LedgerUnavailableError, SettingsError];

function progressOf(
  { total, pending, open, waitingForBulk, ...outcomes }: SweepCounts,
  dryRun = false,
): RunLine['progress'] {
  return {
    total,
    counts: { pending: pending + open + waitingForBulk, ...outcomes },
    ...(waitingForBulk > 0 && { waitingForBulk }),
    ...(dryRun && { dryRun }),
  };
}

/** What was sealed at the end of a sweep. */
function evidenceOf({ merkleRoot, head, leaves }: SweepRow): Pick<RunPage, 'evidence'> {
  if (merkleRoot === undefined) return {};
  return {
    evidence: {
      merkleRoot,
      ...(leaves !== undefined && { leaves }),
      ...(head !== undefined && { head: JSON.parse(head) as Record<string, unknown> }),
    },
  };
}

/** The keys that the workers have at the services of a sweep. */
async function rateKeysOf({ workers }: OpenedLedger, { environments }: SweepRow): Promise<Pick<RunPage, 'rateKeys'>> {
  const services = inOrder(Object.keys(environments));
  if (services.length === 0) return {};
  const recorded = await workers.readServices();
  const rateKeys = services.flatMap((service): RateKeyLine[] => {
    const slots = recorded.filter((one) => one.service === service).flatMap(({ keySlots }) => keySlots);
    return slots.length === 0 ? [{ service }] : [...new Set(slots)].map((keySlot) => ({ service, keySlot }));
  });
  return { rateKeys };
}

async function failedIn(ledger: OpenedLedger, sweepId: string): Promise<Pick<RunPage, 'failed' | 'moreFailed'>> {
  const failed: NonNullable<RunPage['failed']> = [];
  for await (const step of readFailedSteps(ledger.sweeps, sweepId)) {
    if (failed.length === MOST_FAILED) return { failed, moreFailed: true };
    failed.push(step);
  }
  return { failed };
}

/** The formats of a download, as options of `http-tasks receipts`, and their media types. */
export const RECEIPT_FORMATS: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
};

/**
 * Returns the receipts of a run or sweep as `http-tasks receipts ID --csv` or `--jsonl` prints them. They contain keyed
 * hashes of users, no IDs.
 */
export function receiptsFile(parts: GatewayParts, workflowId: string, format: string): Promise<ReadableStream> {
  return runForStream(parts, { command: ['receipts'], options: { [format]: true }, operands: [workflowId] });
}

/** Returns undefined if the gateway has no ledger. */
async function ledgerOf(env: Env): Promise<OpenedLedger | undefined> {
  if (!hasSubjectKey(env)) return undefined;
  const { url, subjectKey, plaintextAllowed } = readLedgerSettings(env);
  // Opening a missing ledger file would create one that no worker uses.
  if (url === DEFAULT_LEDGER_URL && !existsSync(url.slice('file:'.length))) return undefined;
  return openLedger({ url, subjectKey, plaintextAllowed });
}

function lineOf({ at, step, service, outcome, requestId, token, subject }: Receipt): ReceiptLine {
  return {
    ...{ at, step: stepInAccount({ step, service }), subject },
    ...(outcome !== undefined && { outcome }),
    ...(requestId !== undefined && { requestId }),
    ...(token !== undefined && { token }),
  };
}

/** Returns the report on a sweep as one HTML page. */
export function readReport(parts: GatewayParts, workflowId: string): Promise<string> {
  return runForText(parts, { command: ['receipts'], options: { html: true }, operands: [workflowId] });
}

/** Returns the evidence of a sweep or run with its proofs; it contains keyed hashes and no IDs of users. */
export async function readBundle(parts: GatewayParts, workflowId: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-bundle-'));
  try {
    const bundle = join(folder, 'bundle.jsonl');
    await runJson(parts, { command: ['receipts'], options: { bundle }, operands: [workflowId] });
    return await readFile(bundle, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
