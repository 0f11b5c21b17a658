import { stringify } from 'csv-stringify/sync';
import type { RegisteredRequest, RequestLedger } from 'temporal-http-tasks/internal/ledger/requests/request-ledger';
import { printable } from 'temporal-http-tasks/internal/policy/printable';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { ExitCode, Io } from '../program/io';
import { writeChunksToFile, writeChunksToStdout } from '../receipts/export-receipts';
import { counted, inWords, localTime } from '../terminal/words';
import { printJson, say } from '../terminal/output';
import { checkOutputFile } from '../terminal/output-file';
import type { OutputFile } from '../terminal/output-file';
import { printTable } from '../terminal/table';

/** Which requests are listed, and how. */
export interface WantedRequests {
  open: boolean;
  dueBefore?: Date;
  /** Only requests with a higher number. @default 0 */
  afterId?: number;
  /** Maximum number of requests. @default all */
  limit?: number;
  format: 'table' | 'json' | 'csv';
  /** Whether a document reports what was written into the file. */
  json: boolean;
  /** stdout when absent. */
  file?: OutputFile;
  /** The options that leave requests out, as they were given. */
  filters: readonly string[];
}

/** Requests that are read at a time. */
const PAGE = 1_000;

/** Requests that are shown to a person; the rest is for files. */
const SHOWN = 100;

/** A request as `--json` prints it. */
export type RequestDocument = RegisteredRequest & {
  state: 'open' | 'overdue' | 'done' | 'refused';
  /** Whether it was carried out after its due date. */
  late?: true;
};

/** Every field of a request in CSV. */
const COLUMNS = [
  'request',
  'state',
  'law',
  'received_at',
  'due_at',
  'extended_at',
  'extended_by',
  'extension_reason',
  'refused_at',
  'refused_by',
  'refusal_reason',
  'requested_by',
  'reason',
  'kind',
  'workflow_id',
  'user',
  'subject',
  'reference',
  'recorded_at',
  'outcome',
  'ended_at',
  'late',
] as const;

/** Returns a request with its state at a moment. */
export function toDocument(request: RegisteredRequest, now: Date): RequestDocument {
  const { dueAt, endedAt, done, refused } = request;
  const dueMs = dueAt === undefined ? Infinity : Date.parse(dueAt);
  const state = refused ? 'refused' : done ? 'done' : now.getTime() > dueMs ? 'overdue' : 'open';
  const isLate = done && endedAt !== undefined && Date.parse(endedAt) > dueMs;
  return { ...request, state, ...(isLate && { late: true }) };
}

/** Prints or writes requests of the register. */
export async function listRequests(io: Io, wanted: WantedRequests): Promise<ExitCode> {
  const { file, format } = wanted;
  if (file) await checkOutputFile(file);
  const now = new Date();
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { requests } }) => {
    if (format === 'csv' && file) {
      let written = 0;
      const counting = (count: number): void => void (written += count);
      await writeChunksToFile(file, csv(pages(requests, wanted), now, counting));
      if (wanted.json) printJson(io, { file: file.path, format, requests: written });
      else if (written === 0)
        say(io, printable(`${await emptyText(requests, wanted)} ${file.path} has column names only.`));
      else say(io, printable(`${counted(written, 'request is', 'requests are')} in ${file.path}.`));
      return 0;
    }
    if (format === 'csv') return writeChunksToStdout(io, csv(pages(requests, wanted), now));
    const most = format === 'table' ? SHOWN : Infinity;
    const found: RequestDocument[] = [];
    for await (const page of pages(requests, wanted)) {
      found.push(...page.map((request) => toDocument(request, now)));
      if (found.length > most) break;
    }
    if (format === 'json') printJson(io, found);
    else if (found.length === 0) say(io, await emptyText(requests, wanted));
    else printRequests(io, found, wanted);
    return 0;
  });
}

async function* pages(
  requests: RequestLedger,
  { open, dueBefore, afterId: first = 0, limit: most = Infinity }: WantedRequests,
): AsyncGenerator<RegisteredRequest[]> {
  let left = most;
  for (let afterId = first; left > 0;) {
    const limit = Math.min(PAGE, left);
    const page = await requests.list({ open, dueBefore, afterId, limit });
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (!last || page.length < limit) return;
    afterId = last.id;
    left -= page.length;
  }
}

/** A text that a spreadsheet would take for a formula gets an apostrophe in front. */
async function* csv(
  found: AsyncIterable<RegisteredRequest[]>,
  now: Date,
  onCount: (requests: number) => void = () => undefined,
): AsyncGenerator<string> {
  yield `${COLUMNS.join(',')}\n`;
  for await (const page of found) {
    onCount(page.length);
    yield stringify(
      page.map((request) => cellsOf(toDocument(request, now))),
      { escape_formulas: true },
    );
  }
}

function cellsOf(request: RequestDocument): (string | number)[] {
  const { extended, refused, seq, late } = request;
  const values: Record<(typeof COLUMNS)[number], string | number | undefined> = {
    request: request.id,
    state: request.state,
    law: request.law,
    received_at: request.receivedAt,
    due_at: request.dueAt,
    extended_at: extended?.at,
    extended_by: extended?.by,
    extension_reason: extended?.reason,
    refused_at: refused?.at,
    refused_by: refused?.by,
    refusal_reason: refused?.reason,
    requested_by: request.requestedBy,
    reason: request.reason,
    kind: request.kind,
    workflow_id: request.workflowId,
    // From 1, as in the commands about sweeps.
    user: seq === undefined ? undefined : seq + 1,
    subject: request.subject,
    reference: request.reference,
    recorded_at: request.recordedAt,
    outcome: request.outcome,
    ended_at: request.endedAt,
    late: late === undefined ? undefined : 'yes',
  };
  return COLUMNS.map((column) => {
    const value = values[column] ?? '';
    return typeof value === 'number' ? value : printable(value);
  });
}

/** Says whether the register is empty, or which options leave out all that is in it. */
async function emptyText(requests: RequestLedger, { open, filters }: WantedRequests): Promise<string> {
  const [any] = await requests.list({ open: false, afterId: 0, limit: 1 });
  if (!any)
    return (
      'The register of this ledger has no requests: a request is in it when --received-at, --law or --due was given with it, ' +
      'or a source has a column received_at. http-tasks register add records one.'
    );
  const without = filters.length > 1 ? 'Without them' : 'Without it';
  return `The register has requests, but none matches ${filters.join(' ')}. ${without}, ${open ? 'closed requests' : 'others'} are listed, too.`;
}

function printRequests(io: Io, found: readonly RequestDocument[], { filters }: WantedRequests): void {
  printTable(
    io,
    ['Request', 'State', 'Received', 'Due', 'Law', 'Run or sweep', 'Reference', 'Outcome'],
    found.slice(0, SHOWN).map((request) => {
      const { id, state, receivedAt = '', dueAt, law, workflowId = '', seq, reference = '', outcome = '' } = request;
      return [
        String(id),
        [state, ...(request.late ? ['late'] : []), ...(request.extended ? ['extended'] : [])].join(', '),
        printable(receivedAt),
        dueAt === undefined ? '' : localTime(dueAt),
        law,
        printable(seq === undefined ? workflowId : `${workflowId}, user ${seq + 1}`),
        printable(reference),
        inWords(outcome),
      ];
    }),
  );
  if (found.length > SHOWN)
    say(
      io,
      `These are the first ${SHOWN}. All of them: http-tasks register ${[...filters, '--csv', '--out', 'register.csv'].join(' ')}`,
    );
}
