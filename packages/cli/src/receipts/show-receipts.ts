import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { stepInAccount } from 'temporal-http-tasks/internal/tasks/accounts';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import { paint, printJson, printLines, printable, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { checkOutputFile } from '../terminal/output-file';
import { inWords, localTime } from '../terminal/words';
import { counting, growingNumber, writeChunksToFile, writeChunksToStdout } from './export-receipts';
import type { IdAtService, ServiceAt } from '../users/user-subjects';
import { findReceipts, findReceiptsOf, findReceiptsOfUser } from './find-receipts';
import type { FoundReceipts, ReceiptPages } from './find-receipts';
import { markReceipts } from './mark-receipts';
import type { MarkedPages, MarkedReceipt } from './mark-receipts';
import { attemptLine, finalOutcomeLine } from './receipt-columns';
import { csv, jsonArray, jsonLines } from './receipt-formats';
import type { ReceiptFormat } from './receipt-formats';
import type { Wanted } from './receipt-options';

/** Maximum number of receipts of a sweep in a table; more are for files. */
const SHOWN = 50;

/** Shows or writes the receipts of an ID, or of a user by IDs at providers. */
export async function showReceipts(
  io: Io,
  id: string,
  wanted: Wanted,
  {
    user,
    isUser,
    serviceAt,
  }: { user?: readonly IdAtService[] | undefined; isUser: boolean; serviceAt?: ServiceAt | undefined },
): Promise<ExitCode> {
  if (wanted.file) await checkOutputFile(wanted.file);
  if (wanted.format === 'html' && !wanted.file && io.stdout.isTTY) {
    throw new Refusal('Usage', '--html is a page for a browser; name a file for it with --out.', 'html');
  }
  return withWorkersLedger<ExitCode>(io, async (opened) => {
    const found = user
      ? await findReceiptsOf(user, opened)
      : isUser
        ? await findReceiptsOfUser(id, opened, serviceAt)
        : await findReceipts(id, opened, serviceAt);
    if (wanted.format === 'html') return showReport(io, id, opened, found, wanted);
    const pages = markReceipts(opened.ledger.sweeps, wanted.attempts ? found.pages : finalOutcomesOf(found.pages));
    if (wanted.format === 'table')
      return showTable(io, id, pages, { isSweep: found.sweep !== undefined, attempts: wanted.attempts });
    return exportAs(io, id, pages, wanted);
  });
}

async function* finalOutcomesOf(pages: ReceiptPages): ReceiptPages {
  for await (const page of pages) yield finalOutcomes(page);
}

async function showReport(
  io: Io,
  id: string,
  { ledger }: OpenedLedger,
  { sweep }: FoundReceipts,
  wanted: Wanted,
): Promise<ExitCode> {
  if (!sweep) {
    throw new Refusal(
      'Usage',
      `--html reports on a sweep, and this ledger has no sweep with the ID ${printable(id)}.`,
      'html',
    );
  }
  const { reportOnSweep } = await import('@temporal-http-tasks/evidence/internal/report/sweep-report');
  if (!wanted.file)
    return writeChunksToStdout(
      io,
      reportOnSweep(ledger, sweep, () => undefined),
    );
  const progress = growingNumber(io, 'users');
  await writeChunksToFile(wanted.file, reportOnSweep(ledger, sweep, progress.show)).finally(progress.stop);
  sayWritten(io, wanted, { format: 'html' }, `The report is in ${wanted.file.path}.`);
  return 0;
}

async function exportAs(io: Io, id: string, pages: MarkedPages, wanted: Wanted): Promise<ExitCode> {
  const iterator = pages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) {
    if (wanted.format === 'json') printJson(io, []);
    else if (wanted.json) printJson(io, { format: wanted.format, receipts: 0 });
    return sayNone(io);
  }
  const all = from(first.value, iterator);
  const format = formatOf(wanted);
  if (!wanted.file) return writeChunksToStdout(io, format(all));
  let receipts = 0;
  const progress = growingNumber(io, 'receipts');
  const counted = counting(all, (sofar) => progress.show((receipts = sofar)));
  await writeChunksToFile(wanted.file, format(counted)).finally(progress.stop);
  sayWritten(
    io,
    wanted,
    { format: wanted.format, receipts },
    `${receipts} receipts of ${id} are in ${wanted.file.path}.`,
  );
  return 0;
}

async function* from(first: readonly MarkedReceipt[], rest: AsyncIterator<readonly MarkedReceipt[]>): MarkedPages {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function formatOf({ format, attempts }: Wanted): ReceiptFormat {
  if (format === 'csv') return csv;
  if (format === 'jsonl') return jsonLines;
  return jsonArray(attempts ? attemptLine : finalOutcomeLine);
}

function sayWritten(io: Io, { file, json }: Wanted, document: object, sentence: string): void {
  if (json) printJson(io, { file: file?.path, ...document });
  else say(io, printable(sentence));
}

function sayNone(io: Io): ExitCode {
  say(io, 'The ledger has no receipt for this ID. Check that HTTP_TASKS_LEDGER_URL is the ledger of the worker.');
  return 1;
}

async function showTable(
  io: Io,
  id: string,
  pages: MarkedPages,
  { isSweep, attempts }: { isSweep: boolean; attempts: boolean },
): Promise<ExitCode> {
  const shown: MarkedReceipt[] = [];
  for await (const page of pages) {
    shown.push(...page);
    if (isSweep && shown.length > SHOWN) break;
  }
  if (shown.length === 0) return sayNone(io);
  printReceipts(io, isSweep ? shown.slice(0, SHOWN) : shown, { isSweep, attempts });
  if (isSweep && shown.length > SHOWN) {
    say(io, `These are the first ${SHOWN}. All of them: http-tasks receipts ${quoted(id)} --csv --out receipts.csv`);
  }
  if (isSweep) say(io, `A report to view: http-tasks receipts ${quoted(id)} --html --out report.html`);
  return 0;
}

/** Prints a table for each run, or each user of a sweep. */
function printReceipts(
  io: Io,
  receipts: readonly MarkedReceipt[],
  { isSweep, attempts }: { isSweep: boolean; attempts: boolean },
): void {
  const groups = new Map<string, MarkedReceipt[]>();
  for (const receipt of receipts) {
    const { workflowId, runId, seq } = receipt;
    const key = JSON.stringify(isOfSweep(receipt) ? [workflowId, seq] : [workflowId, runId]);
    groups.set(key, [...(groups.get(key) ?? []), receipt]);
  }
  for (const [index, group] of [...groups.values()].entries()) {
    printLines(io, `${index === 0 ? '' : '\n'}${paint(io, 'bold', titleOf(group, isSweep))}`);
    printTable(
      io,
      attempts ? ['At', 'Step', 'Phase', 'Task', 'Outcome', 'Evidence'] : ['Step', 'Outcome', 'Evidence'],
      group.map((receipt) => cells(receipt, attempts)),
    );
  }
}

/** Receipts of a sweep have neither run nor activity. */
function isOfSweep({ runId }: Receipt): boolean {
  return runId === '';
}

/** Users are numbered from 1 here; `seq` in files starts at 0. */
function titleOf(group: readonly MarkedReceipt[], isSweep: boolean): string {
  const [first] = group;
  const last = group.at(-1);
  if (!first || !last) return '';
  const user = `user ${first.seq + 1}${first.reference === undefined ? '' : ` (${first.reference})`}`;
  const environments = [...new Set(group.map(({ environment }) => environment))];
  const parts = [
    isSweep ? `U${user.slice(1)}` : isOfSweep(first) ? `${first.workflowId}, ${user}` : first.workflowId || first.runId,
    localTime(last.at),
    environments.join(', '),
    ...(isSweep && group.some(({ sealed }) => !sealed) ? ['not sealed'] : []),
  ];
  // A user on hold was not looked up at any provider.
  return printable(parts.filter((part) => part !== '').join(' · '));
}

function cells(receipt: MarkedReceipt, attempts: boolean): string[] {
  const { at, step, service, task, phase, attempt, outcome, reason, requestId, token, code } = receipt;
  const became = inWords(reason === undefined ? (outcome ?? '') : `${outcome} (${reason})`);
  const evidence = [requestId && `request_id=${requestId}`, token && `token=${token}`, code && `code=${code}`];
  const name = stepInAccount({ step, service });
  return [
    ...(attempts ? [localTime(at), name, `${phase} ${attempt}`, task] : [name]),
    became,
    evidence.filter(Boolean).join('\n'),
  ];
}

/**
 * Returns the final outcome of each step according to the ledger.
 *
 * - Of a run that has ended: its settled receipts, which have an outcome of every step.
 * - Of another run, or a call outside a workflow: its outcomes, and the calls without one, whose result is unknown.
 * - Of a user of a sweep: of each step its settled receipts, else those of the last round that reached it.
 *
 * @param receipts Whole runs, and whole users of sweeps.
 */
export function finalOutcomes(receipts: readonly Receipt[]): Receipt[] {
  const settled = new Set(receipts.filter(({ phase }) => phase === 'settled').map(whole));
  const responded = new Set(receipts.filter(({ phase }) => phase === 'outcome').map(callOf));
  const lastRounds = new Map<string, number>();
  for (const receipt of receipts)
    lastRounds.set(whole(receipt), Math.max(receipt.round, lastRounds.get(whole(receipt)) ?? 0));
  return receipts.flatMap((receipt) => {
    if (settled.has(whole(receipt))) return receipt.phase === 'settled' ? [receipt] : [];
    if (receipt.phase === 'outcome') return receipt.round === lastRounds.get(whole(receipt)) ? [receipt] : [];
    return responded.has(callOf(receipt)) ? [] : [{ ...receipt, outcome: 'unknown' as const }];
  });
}

/** Returns the key of receipts that are settled together: a run, or one step of a user of a sweep. */
function whole({ workflowId, runId, seq, step }: Receipt): string {
  return runId === '' ? JSON.stringify([workflowId, seq, step]) : runId;
}

/** Returns the key that an intent and its outcome have in common. */
function callOf({ runId, activityId, subject, task }: Receipt): string {
  return JSON.stringify([runId, activityId, subject, task]);
}
