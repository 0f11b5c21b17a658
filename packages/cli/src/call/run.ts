import type { SenderSettings } from 'temporal-http-tasks/internal/config/sender-settings';
import { refuseAccidentalProduction } from 'temporal-http-tasks/internal/config/service-settings';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { PreparedRequest } from 'temporal-http-tasks/internal/http/exchange';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { effectOf } from 'temporal-http-tasks/internal/tasks/effect';
import { servicesFor } from 'temporal-http-tasks/internal/tasks/needed-services';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { CallResult } from './result';
import { confirmIrreversible, showPrepared, withoutTokens } from './print';
import type { PreparedCall } from '../curl/task-call';
import type { CommonOptions } from '../program/command';
import type { ExitCode, Io } from '../program/io';
import type { OpenApiTasksOptions } from '../tasks/openapi-tasks';
import type { TemporalOptions } from '../temporal/options';
import { print, printable, printJson, printLines, say } from '../terminal/output';
import { refuseForbiddenCall } from '../policy/forbidden';

/** The options of `http-tasks call`. */
export interface CallOptions extends CommonOptions, TemporalOptions, OpenApiTasksOptions {
  input?: string;
  curl?: string;
  yes?: boolean;
  account?: string;
  dryRun?: boolean;
  durable?: boolean;
}

/** The parts of a call besides its input. */
export interface CallExtras {
  /** What was read from a cURL command. */
  curl?: Pick<PreparedCall, 'leftOut' | 'notes'>;
  /** The task that reads whether the call was carried out when its response is lost. */
  look?: HttpTask | undefined;
}

/** Prepares, shows, asks and sends one call; the same code sends it that the activity uses. */
export async function runCall(
  io: Io,
  task: HttpTask,
  input: unknown,
  options: CallOptions,
  { curl, look }: CallExtras = {},
): Promise<ExitCode> {
  parseInput(task.name, task.input, input);
  const settings = senderSettings(io, [task, ...(look ? [look] : [])], options);
  const prepared = settings && prepareRequest(task, input, settings);
  if (prepared) {
    refuseAccidentalProduction(prepared, io.env, [...CATALOGUE_SERVICES, task.service]);
    if (!(options.json && options.dryRun)) showPrepared(io, task, prepared);
  }
  refuseForbiddenCall(io, task, input, {
    environment: options.durable ? undefined : prepared?.environment,
    looksOnly: options.dryRun ?? false,
  });
  if (options.dryRun && prepared)
    return printDryRun(
      io,
      prepared,
      options,
      curl && { task: task.name, input: withoutTokens(task, input), leftOut: curl.leftOut, notes: curl.notes },
    );
  const effect = prepared?.effect ?? effectOf(task, input);
  if (effect === 'irreversible' && !options.yes)
    await confirmIrreversible(io, task, () => environmentOf(io, task, prepared, options));
  const { attempt } = await import('./result.js');
  const result = await attempt(task, async () => {
    if (options.durable || !settings) return (await import('./durable.js')).callDurably(io, task, input, options);
    return (await import('./direct.js')).callDirectly(io, task, input, { settings, effect, look });
  });
  return printCall(io, result, options);
}

/** Returns where a call is sent: with `--durable`, to the environment of the workers and not to that of the settings here. */
async function environmentOf(
  io: Io,
  task: HttpTask,
  prepared: PreparedRequest | undefined,
  options: CallOptions,
): Promise<string> {
  if (!options.durable && prepared) return prepared.environment;
  return (await import('./durable.js')).durableEnvironment(io, task, options);
}

/** A durable call is sent by the worker with its own keys; here keys are needed only to show it beforehand. */
function senderSettings(
  io: Io,
  tasks: readonly HttpTask[],
  { durable, dryRun }: CallOptions,
): SenderSettings | undefined {
  try {
    return readSenderSettings(io.env, servicesFor(tasks));
  } catch (error) {
    if (!durable || dryRun) throw error;
    say(io, `Not shown beforehand: the keys of ${tasks[0]?.service.title} are with the worker only.`);
    return undefined;
  }
}

function printDryRun(
  io: Io,
  prepared: PreparedRequest,
  { json }: CallOptions,
  call: Record<string, unknown> | undefined,
): ExitCode {
  const { effect, environment, production } = prepared;
  if (json)
    printJson(io, { ok: true, dryRun: true, ...call, effect, environment, production, request: prepared.masked() });
  else print(io, 'Dry run: nothing was sent.');
  return 0;
}

function printCall(io: Io, result: CallResult, { json }: CallOptions): ExitCode {
  const { ok, status, output, requestId, failure, settledBy } = result;
  if (json) printJson(io, result);
  else {
    const id = requestId === undefined ? '' : `, request ID ${requestId}`;
    print(io, `${ok ? 'Response' : 'Failed'}${status === undefined ? '' : ` ${status}`}${id}`);
    if (settledBy !== undefined)
      print(
        io,
        `The response was lost. ${settledBy} shows that the call was carried out; status and request ID are its own.`,
      );
    if (failure) print(io, printable(`${failure.type}: ${failure.message}`));
    else printLines(io, JSON.stringify(output, undefined, 2));
  }
  return ok ? 0 : 1;
}
