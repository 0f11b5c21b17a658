import type { Command } from 'commander';
import type { Ledger, Receipt } from '../ledger/ledger';
import { isKeyedHash } from '../ledger/subject';
import type { SubjectHasher } from '../ledger/subject';
import { userSubjects } from '../ledger/user-subjects';
import { addCommand, literalOption, onRun } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { ExitCode, Io } from './io';
import { withWorkersLedger } from './open-ledger';
import { printJson, printTable, say } from './output';
import { plaidEnvironment } from './user-options';

interface ReceiptsOptions extends CommonOptions {
  attempts?: boolean;
  bundle?: string;
}

/** `http-tasks receipts ID`: what the ledger knows about one run, one user or one call. Changes nothing. */
export function registerReceiptsCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'receipts <id>',
    summary: 'show the receipts of a run, of a user, or of a single call',
    description:
      'ID is a workflow id, its part behind "offboard-", the id of a user at Plaid or Batch (for every run and call about that user), or the run id that http-tasks call printed. Exits 1 when the ledger has no receipt of it.',
    examples: ['http-tasks receipts offboard-J2VYv4bBqYkM6a5kK1GZsD4x', 'http-tasks receipts usr_1 --attempts --json', 'http-tasks receipts closed-2030-01 --bundle closed-2030-01.jsonl'],
  });
  command.option('--attempts', 'show every intent and outcome, not only the last word on each step');
  command.addOption(literalOption('--bundle <file>', 'write the root of a sweep and the proof of each receipt into this new file; http-tasks verify --bundle checks it'));
  onRun<ReceiptsOptions>(command, io, async ({ json, attempts, bundle }, [id = '']) => {
    if (bundle !== undefined) {
      if (attempts) throw new Refusal('Usage', 'Give --attempts or --bundle, not both: a bundle holds every receipt.', 'attempts');
      const { writeBundle } = await import('./receipt-bundle.js');
      return writeBundle(io, { sweepId: id, file: bundle, json: json ?? false });
    }
    return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
      const all = await findReceipts(ledger, id, userHashes(io, id, hasher));
      const receipts = attempts ? all : lastWords(all);
      if (json) printJson(io, receipts.map(attempts ? attemptLine : lastWordLine));
      else if (receipts.length > 0) printReceipts(io, receipts);
      if (receipts.length > 0) return 0;
      say(io, 'The ledger has no receipt under this id. Is HTTP_TASKS_LEDGER_URL the one that the worker uses?');
      return 1;
    });
  });
}

/** What the id would be as a user's: the hashes under which receipts stand. */
function userHashes(io: Io, id: string, hasher: SubjectHasher): string[] {
  if (id === '') return [];
  return userSubjects({ plaidUserId: id, batchUserId: id }, plaidEnvironment(io.env), hasher);
}

async function findReceipts(ledger: Ledger, id: string, hashes: readonly string[]): Promise<Receipt[]> {
  if (id === '') return [];
  const found = await Promise.all([
    ...[id, `offboard-${id}`].map((workflowId) => ledger.readReceipts({ workflowId })),
    // A call outside any workflow stands under its own run id alone.
    ledger.readReceipts({ workflowId: '', runId: id }),
    ledger.readReceipts({ subjects: isKeyedHash(id) ? [id, ...hashes] : hashes }),
  ]);
  // A run may be found by its name and by its user.
  const seen = new Set<string>();
  return found.flatMap((receipts) => {
    const fresh = receipts.filter(({ runId }) => !seen.has(runId));
    for (const { runId } of fresh) seen.add(runId);
    return fresh;
  });
}

/**
 * The settled receipts of each run. Of a run or call without any (under way, terminated, outside a workflow) its
 * outcomes, and the calls that have none: nobody knows yet, or ever, what became of them.
 */
function lastWords(receipts: readonly Receipt[]): Receipt[] {
  const settledRuns = new Set(receipts.filter(({ phase }) => phase === 'settled').map(({ runId }) => runId));
  const answered = new Set(receipts.filter(({ phase }) => phase === 'outcome').map(callOf));
  return receipts.flatMap((receipt) => {
    if (settledRuns.has(receipt.runId)) return receipt.phase === 'settled' ? [receipt] : [];
    if (receipt.phase === 'outcome') return [receipt];
    return answered.has(callOf(receipt)) ? [] : [{ ...receipt, outcome: 'unknown' as const }];
  });
}

/** What an intent and its outcome have in common. */
function callOf({ runId, activityId, subject, task }: Receipt): string {
  return JSON.stringify([runId, activityId, subject, task]);
}

function lastWordLine({ subject, step, task, outcome, requestId, token, at, workflowId }: Receipt): object {
  return { subject, step, task, outcome, ...(requestId && { requestId }), ...(token && { token }), at, workflowId };
}

function attemptLine(receipt: Receipt): object {
  const { runId, phase, attempt, failureType, status, code, reason } = receipt;
  return { ...lastWordLine(receipt), runId, phase, attempt, failureType, status, code, reason };
}

function printReceipts(io: Io, receipts: readonly Receipt[]): void {
  const rows = receipts.map(({ at, step, task, phase, attempt, outcome = '', reason, requestId, token, code }) => [
    at,
    step,
    task,
    `${phase} ${attempt}`,
    reason === undefined ? outcome : `${outcome} (${reason})`,
    [requestId && `request_id=${requestId}`, token && `token=${token}`, code && `code=${code}`].filter(Boolean).join('\n'),
  ]);
  printTable(io, ['At', 'Step', 'Task', 'Phase', 'Outcome', 'Evidence'], rows);
}
