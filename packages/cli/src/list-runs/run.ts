import { isGrpcServiceError } from '@temporalio/client';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { DEFAULT_LEDGER_URL, readLedgerUrl } from 'temporal-http-tasks/internal/config/database-settings';
import type { SweepUsers } from 'temporal-http-tasks/internal/ledger/sweeps/progress';
import { DUE_ATTRIBUTE } from 'temporal-http-tasks/internal/policy/search-attributes';
import type { KeywordAttribute } from 'temporal-http-tasks/internal/policy/search-attributes';
import { CommandFailure } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { outcomeCounts } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { toCounts } from '../sweep/sweep-report';
import type { SweepDocument } from '../sweep/sweep-report';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { count, inWords, localTime, timeAgo } from '../terminal/words';

/** A keyed hash, and the environment that it is one for where that is known. */
export interface WantedSubject {
  subject: string;
  environment?: string;
}

/** Which runs are looked for. */
export interface WantedRuns {
  status: string | undefined;
  sweep: string | undefined;
  /** Only runs whose request is due before this moment. */
  dueBefore: Date | undefined;
  /** Only runs that have not completed by their due date. */
  overdue: boolean;
  /** Any of them. */
  subjects: readonly WantedSubject[] | undefined;
  limit: number;
}

/** A run as `--json` prints it; what is not known of it is absent. */
interface FoundRun {
  workflowId: string;
  runId: string;
  workflowType: string;
  /** State of the offboarding, as the run itself last reported it. */
  status?: string;
  /** The status of the run at Temporal: a terminated one reported no end. */
  temporalStatus: string;
  sweepId?: string;
  subject?: string;
  /** Known when the run was found by the id of its user. */
  environment?: string;
  /** When its request is due, in ISO 8601. */
  dueAt?: string;
  /** Of a sweep: its users by outcome, as the ledger that is configured here counts them. */
  counts?: SweepDocument['counts'];
  /** Of a dry run of a sweep, which changed nothing. */
  dryRun?: true;
  startedAt: string;
  closedAt?: string;
}

const INVALID_ARGUMENT = 3;

/** Prints the runs that were found; finding none is not a failure. */
export async function listRuns(
  io: Io,
  wanted: WantedRuns,
  options: TemporalOptions & { json?: boolean },
): Promise<ExitCode> {
  const runs = await withUsers(io, await withTemporal(io, options, (client) => findRuns(client, wanted)));
  if (options.json) printJson(io, runs);
  else if (runs.length > 0) printRuns(io, runs);
  if (runs.length === 0) say(io, 'No runs found.');
  if (runs.length === wanted.limit) say(io, `There may be more than these ${wanted.limit}; see --limit.`);
  return 0;
}

/** Adds the users of sweeps; none without a ledger, or if it cannot be read. */
async function withUsers(io: Io, runs: readonly FoundRun[]): Promise<FoundRun[]> {
  const sweepIds = runs.filter(isSweep).map(({ workflowId }) => workflowId);
  if (sweepIds.length === 0) return [...runs];
  const users = await countUsers(io, sweepIds);
  return runs.map((run) => {
    const known = isSweep(run) ? users.get(run.workflowId) : undefined;
    return known
      ? { ...run, counts: toCounts(outcomeCounts(known.counts)), ...(known.dryRun && { dryRun: true }) }
      : run;
  });
}

function isSweep({ workflowType }: FoundRun): boolean {
  return workflowType === SWEEP_WORKFLOW;
}

async function countUsers(io: Io, sweepIds: readonly string[]): Promise<ReadonlyMap<string, SweepUsers>> {
  try {
    const { url = DEFAULT_LEDGER_URL, plaintextAllowed } = readLedgerUrl(io.env);
    // Only commands that need them load the databases' drivers.
    const { countUsersOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    return await countUsersOfLedger({ url, plaintextAllowed }, sweepIds);
  } catch {
    return new Map();
  }
}

async function findRuns(client: Client, wanted: WantedRuns): Promise<FoundRun[]> {
  const found: FoundRun[] = [];
  try {
    for await (const run of client.workflow.list({
      query: queryFor(wanted),
      pageSize: Math.min(wanted.limit, 1_000),
    })) {
      found.push(foundRun(run, wanted.subjects));
      if (found.length === wanted.limit) break;
    }
  } catch (error) {
    throw withoutAttributes(error);
  }
  // The server lists runs in progress before those that have ended.
  return found.sort((one, other) => (one.startedAt < other.startedAt ? 1 : -1));
}

function queryFor({ status, sweep, subjects, dueBefore, overdue }: WantedRuns): string {
  const equal = (name: KeywordAttribute, value: string): string => `${name} = ${quoted(value)}`;
  const conditions = [
    ...(status === undefined ? [] : [equal('OffboardingStatus', status)]),
    ...(sweep === undefined ? [] : [equal('OffboardingSweep', sweep)]),
    ...(dueBefore === undefined && !overdue
      ? []
      : [`${DUE_ATTRIBUTE} < ${quoted((dueBefore ?? new Date()).toISOString())}`]),
    ...(overdue ? ["OffboardingStatus != 'completed'"] : []),
    ...(subjects === undefined
      ? []
      : [`(${subjects.map(({ subject }) => equal('OffboardingSubject', subject)).join(' OR ')})`]),
  ];
  // The example inputs for the Temporal UI are runs too, and have no status.
  const all = ["WorkflowType IN ('offboardUser', 'offboardUsers')", 'OffboardingStatus IS NOT NULL'];
  return [...all, ...conditions].join(' AND ');
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}

function foundRun(
  { workflowId, runId, type, status, startTime, closeTime, typedSearchAttributes }: WorkflowExecutionInfo,
  wanted: readonly WantedSubject[] | undefined,
): FoundRun {
  const value = (name: KeywordAttribute): string | undefined =>
    typedSearchAttributes.get(defineSearchAttributeKey(name, 'KEYWORD'));
  const [offboardingStatus, sweepId, subject] = [
    value('OffboardingStatus'),
    value('OffboardingSweep'),
    value('OffboardingSubject'),
  ];
  const dueAt = typedSearchAttributes.get(defineSearchAttributeKey(DUE_ATTRIBUTE, 'DATETIME'));
  const environment = wanted?.find((one) => one.subject === subject)?.environment;
  return {
    workflowId,
    runId,
    workflowType: type,
    ...(offboardingStatus !== undefined && { status: offboardingStatus }),
    temporalStatus: status.name,
    ...(sweepId !== undefined && { sweepId }),
    ...(subject !== undefined && { subject }),
    ...(environment !== undefined && { environment }),
    ...(dueAt && { dueAt: dueAt.toISOString() }),
    startedAt: startTime.toISOString(),
    ...(closeTime && { closedAt: closeTime.toISOString() }),
  };
}

function printRuns(io: Io, runs: readonly FoundRun[]): void {
  printTable(
    io,
    ['Started', 'Workflow ID', 'What', 'Status', 'Due', 'Environment'],
    runs.map((run) => [
      `${localTime(run.startedAt)}\n${timeAgo(run.startedAt)}`,
      idText(run),
      whatText(run),
      statusText(run),
      run.dueAt === undefined ? '' : localTime(run.dueAt),
      run.environment ?? '',
    ]),
  );
}

/** What is offboarded; of a sweep how many users are done, and how many of them need attention. */
function whatText(run: FoundRun): string {
  if (!isSweep(run)) return 'user';
  const { counts, dryRun } = run;
  const what = dryRun ? 'sweep, dry run' : 'sweep';
  if (!counts || counts.total === 0) return what;
  const { total, pending = 0, failed, unknown, notFound } = counts;
  const bad = failed + unknown + notFound;
  return [
    what,
    `${count(total - pending)} of ${count(total)} users`,
    ...(bad > 0 ? [`${count(bad)} need${bad === 1 ? 's' : ''} attention`] : []),
  ].join('\n');
}

/** The workflow ID; and the keyed hash of the user, unless the ID has it. */
function idText({ workflowId, workflowType, subject }: FoundRun): string {
  const isNamed = workflowType === SWEEP_WORKFLOW || subject === undefined || workflowId.includes(subject);
  return isNamed ? workflowId : `${workflowId}\nuser ${subject}`;
}

/** One that was ended from outside could not report its end. */
function statusText({ status = '', temporalStatus }: FoundRun): string {
  return ['TERMINATED', 'TIMED_OUT'].includes(temporalStatus)
    ? `${inWords(status)} (${temporalStatus.toLowerCase().replace('_', ' ')})`
    : inWords(status);
}

/** The server refuses a query about an attribute that the namespace lacks. */
function withoutAttributes(error: unknown): unknown {
  const cause = isGrpcServiceError(error) ? error : error instanceof Error ? error.cause : undefined;
  if (!isGrpcServiceError(cause) || Number(cause.code) !== INVALID_ARGUMENT) return error;
  return new CommandFailure(
    'Failed',
    `This namespace cannot be searched by the offboarding's attributes (${cause.details}). A worker makes them ` +
      'when it starts, or says in its log what to run.',
  );
}
