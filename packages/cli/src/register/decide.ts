import { readRequestSettings } from 'temporal-http-tasks/internal/config/request-settings';
import { RequestConflictError } from 'temporal-http-tasks/internal/ledger/requests/request-ledger';
import type { RegisteredRequest } from 'temporal-http-tasks/internal/ledger/requests/request-ledger';
import { recordedPlace } from 'temporal-http-tasks/internal/ledger/requests/request-rows';
import { isRequest, requestFacts } from 'temporal-http-tasks/internal/policy/legal-clock';
import { checkRequest, requestFields } from 'temporal-http-tasks/internal/policy/request-fields';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { z } from 'zod';
import { checkReason, claimedBy, requireIds } from '../hold/hold-options';
import type { GivenHoldOptions, HoldOptions } from '../hold/hold-options';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { defined } from '../tasks/json-input';
import { localTime } from '../terminal/words';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { print, printable, printJson, say } from '../terminal/output';
import { environmentsCovered, subjectsEverywhere } from '../users/user-subjects';
import { toDocument } from './list';

/** What `register add` takes. */
export interface AddOptions extends GivenHoldOptions {
  receivedAt?: string;
  law?: string;
  due?: string;
  requestedBy?: string;
  reference?: string;
}

/** Maximum time in which a run has to take its new due date, in milliseconds. */
const REFRESH_MS = 10_000;

const claims = z
  .strictObject({ ...requestFields, reference: z.string().min(1, 'must not be empty').max(200).optional() })
  .superRefine((given, context) => checkRequest(given, context));

/** Records a request for which nothing is started. */
export async function addRequest(io: Io, options: HoldOptions, given: AddOptions): Promise<ExitCode> {
  const ids = requireIds(options);
  const { receivedAt, law, due, requestedBy, reference } = given;
  const claimed = parseInput('a request', claims, defined({ receivedAt, law, dueAt: due, requestedBy, reference }));
  if (!isRequest(claimed))
    throw new Refusal('Usage', 'Give --received-at, or --due: without a date a request has no clock.', 'receivedAt');
  const calendar = readRequestSettings(io.env);
  return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
    const request = await ledger.requests.record({
      ...recordedPlace(),
      facts: requestFacts(claimed, calendar),
      subjects: subjectsEverywhere(ids, hasher).map(({ subject }) => subject),
      environments: environmentsCovered(ids),
      reference: claimed.reference,
    });
    if (!request) throw new CommandFailure('Failed', 'The request was not recorded.');
    show(io, request, given, `Request ${request.id} is recorded${dueText(request)}.`);
    return 0;
  });
}

/** Extends the time of a request. */
export async function extendRequest(
  io: Io,
  id: number,
  options: HoldOptions & TemporalOptions & { why?: string },
): Promise<ExitCode> {
  const decision = decisionFrom(id, options);
  const { holidays, timeZone } = readRequestSettings(io.env);
  return deciding(io, async ({ ledger }) => {
    const request = await ledger.requests.extend({ ...decision, holidays, timeZone });
    show(io, request, options, `Request ${id} is extended${dueText(request)}.`);
    if (request.workflowId !== undefined && request.endedAt === undefined)
      await refresh(io, request.workflowId, options);
  });
}

/** Has a run in progress be found by its new date. The register has it in any case. */
async function refresh(io: Io, workflowId: string, options: TemporalOptions): Promise<void> {
  try {
    await withTemporal(io, options, async (client) => {
      const handle = client.workflow.getHandle(workflowId);
      if ((await handle.describe()).status.name !== 'RUNNING') return;
      await client.withDeadline(Date.now() + REFRESH_MS, () => handle.executeUpdate('refreshDueDate'));
    });
  } catch {
    say(io, `The run ${printable(workflowId)} did not take the new date; list-runs finds it by its first one.`);
  }
}

/** Refuses a request. */
export async function refuseRequest(io: Io, id: number, options: HoldOptions & { why?: string }): Promise<ExitCode> {
  const decision = decisionFrom(id, options);
  return deciding(io, async ({ ledger }) => {
    const { holdId, ...request } = await ledger.requests.refuse(decision);
    if (options.json) printJson(io, { ...toDocument(request, new Date()), holdId });
    else
      print(
        io,
        `Request ${id} is refused, and a hold on its user is set. To lift it: http-tasks hold remove --hold ${holdId}`,
      );
  });
}

function decisionFrom(id: number, options: HoldOptions & { why?: string }) {
  const { why } = options;
  if (why === undefined) throw new Refusal('Usage', '--why is missing: the register keeps the reason.', 'why');
  const wrong = checkReason(why);
  if (wrong !== undefined) throw new Refusal('Task.InvalidInput', `--why: ${wrong}.`, 'why');
  return { id, reason: why, by: claimedBy(options), now: new Date() };
}

async function deciding(io: Io, decide: (opened: OpenedLedger) => Promise<void>): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async (opened) => {
    try {
      await decide(opened);
      return 0;
    } catch (error) {
      if (error instanceof RequestConflictError) throw new CommandFailure('Refused', error.message);
      throw error;
    }
  });
}

function show(io: Io, request: RegisteredRequest, { json }: { json?: boolean }, sentence: string): void {
  if (json) printJson(io, toDocument(request, new Date()));
  else print(io, sentence);
}

function dueText({ dueAt }: RegisteredRequest): string {
  return dueAt === undefined ? '' : `; it is due by ${localTime(dueAt)}`;
}
