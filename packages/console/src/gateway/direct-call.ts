import { randomUUID } from 'node:crypto';
import { CancelledFailure } from '@temporalio/common';
import { runLoneCall, sendLoneCall } from 'temporal-http-tasks/internal/activities/lone-call';
import type { LoneResponse } from 'temporal-http-tasks/internal/activities/lone-call';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { refuseAccidentalProduction } from 'temporal-http-tasks/internal/config/service-settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { SeenResponse } from 'temporal-http-tasks/internal/http/read-response';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { callProblemBefore, countingProblem } from 'temporal-http-tasks/internal/operator-policy/before-start';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { servicesFor } from 'temporal-http-tasks/internal/tasks/needed-services';
import { parseKeepingDigits } from 'temporal-http-tasks/internal/http/exact-json';
import { isDeeperThan, MAX_DEPTH } from 'temporal-http-tasks/internal/tasks/parse-input';
import { taskFailureOf } from 'temporal-http-tasks/internal/workflows/failure-of';
import { needsName, requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import { refuseForbidden } from './parts';
import type { GatewayParts } from './parts';
import { hasSubjectKey } from './run-ledger';
import type { CallRequest, TestResponse } from './wire';

const NO_RECEIPTS = 'HTTP_TASKS_SUBJECT_KEY is not set at the gateway: holds were not checked and no receipt was kept.';

/** The outcome of a call, with the task's output if it succeeded. */
export interface DirectCall extends TestResponse {
  output?: unknown;
}

/**
 * Sends one call from the gateway with its keys; returns the response. A call that changes something obeys holds and
 * leaves receipts if the gateway has the worker's ledger. `signal` aborts only reads.
 *
 * @throws InvalidInputError, SettingsError, GatewayRefusal: nothing was sent.
 */
export async function callDirectly(
  parts: GatewayParts,
  task: HttpTask,
  { input, confirm }: CallRequest,
  signal: AbortSignal,
): Promise<DirectCall> {
  const { env } = parts.secrets;
  const look = lookOf(parts, task);
  const settings = parts.secrets.senderSettings(servicesFor([task, ...(look ? [look] : [])]));
  const { effect, environment, production, origin } = prepareRequest(task, input, settings);
  refuseForbidden(parts, (rules) => callProblemBefore(rules, task, input, { environment }));
  refuseAccidentalProduction({ origin }, env, servicesOf(parts));
  requireConfirmation({ task: task.name, named: needsName(task, input), production, environment }, confirm);
  const sender = createTaskSender(settings);
  const seen: { response?: SeenResponse } = {};
  const watched: TaskSender = {
    prepare: (what, given) => sender.prepare(what, given),
    send: (what, given, options) =>
      sender.send(what, given, { ...options, onResponse: (response) => (seen.response = response) }),
    close: () => sender.close(),
  };
  const startedAt = performance.now();
  try {
    const { receipts, note, send } = sending({ parts, effect, sender: watched, look, signal }, task, input);
    const place = { environment, ...(receipts !== undefined && { receipts }), ...(note !== undefined && { note }) };
    const ended = await send().then(
      ({ status, requestId, output, settledBy }: LoneResponse) => ({
        ok: true,
        status,
        output,
        ...(settledBy !== undefined && { note: [note, settledNote(settledBy)].filter(Boolean).join(' ') }),
        ...(requestId !== undefined && { requestId }),
      }),
      (error: unknown) => ({ ok: false, ...failed(error) }),
    );
    return { ...place, ...shown(seen.response), ...ended, timeMs: Math.round(performance.now() - startedAt) };
  } finally {
    await sender.close();
  }
}

interface Sending {
  receipts?: string;
  note?: string;
  send: () => Promise<LoneResponse>;
}

/** The task that reads whether a call with a lost response was carried out. */
function lookOf({ catalogue }: GatewayParts, { settle }: HttpTask): HttpTask | undefined {
  return settle?.by === 'look' ? catalogue.find(settle.with) : undefined;
}

function settledNote(look: string): string {
  return `The response was lost. ${look} shows that the call was carried out; status and request ID are its own.`;
}

interface SendingParts {
  parts: GatewayParts;
  effect: string;
  sender: TaskSender;
  look: HttpTask | undefined;
  signal: AbortSignal;
}

function sending({ parts, effect, sender, look, signal }: SendingParts, task: HttpTask, input: unknown): Sending {
  if (effect === 'read') return { send: () => sender.send(task, input, { signal }) };
  const { env } = parts.secrets;
  if (!hasSubjectKey(env)) refuseForbidden(parts, countingProblem);
  if (!hasSubjectKey(env)) return { note: NO_RECEIPTS, send: () => sendLoneCall(sender, task, input, { look }) };
  const runId = randomUUID();
  return {
    receipts: runId,
    send: async () => {
      const { url, subjectKey, plaintextAllowed } = readLedgerSettings(env);
      const ledger = await openLedger({ url, subjectKey, plaintextAllowed });
      try {
        const hasher = createSubjectHasher(subjectKey);
        return await runLoneCall({ sender, ledger, hasher, policy: parts.policy }, task, input, { runId, look });
      } finally {
        await ledger.close();
      }
    },
  };
}

function failed(error: unknown): Pick<TestResponse, 'status' | 'requestId' | 'failure'> {
  if (error instanceof CancelledFailure) throw new GatewayRefusal(409, 'Interrupted', 'The call was given up.');
  const failure = taskFailureOf(error);
  if (!failure) throw error;
  const { type, message, code, field, status, requestId } = failure;
  return {
    ...(status !== undefined && { status }),
    ...(requestId !== undefined && { requestId }),
    failure: { type, message, ...(code !== undefined && { code }), ...(field !== undefined && { field }) },
  };
}

function shown(response: SeenResponse | undefined): Partial<TestResponse> {
  if (!response) return {};
  const { status, reason, headers, body } = response;
  return { status, reason, headers, body: parsed(body) };
}

/** Parses a response body; JSON that is nested too deeply to be serialized again stays text. */
function parsed(text: string): unknown {
  try {
    const value = parseKeepingDigits(text);
    return isDeeperThan(value, MAX_DEPTH) ? text : value;
  } catch {
    return text;
  }
}

function servicesOf({ catalogue }: GatewayParts): HttpTask['service'][] {
  return [...new Set(catalogue.tasks.map(({ service }) => service))];
}
