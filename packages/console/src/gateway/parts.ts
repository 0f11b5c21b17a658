import type { Writable } from 'node:stream';
import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { TaskSearch } from '../search';
import type { SnippetPlace } from '../reference/snippets/snippets';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import type { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { violationText } from 'temporal-http-tasks/internal/operator-policy/before-start';
import type { OperatorPolicy } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import type { Violation } from 'temporal-http-tasks/internal/operator-policy/rules';
import { GatewayRefusal } from './http-error';
import type { GatewaySecrets } from './secrets';
import type { Uploads } from './uploads';

/** The gateway's access to Temporal. */
export interface GatewayTemporal {
  /** Connects on first use. */
  client: Client;
  /** Address and namespace, for messages. */
  where: string;
  /** URL of the Temporal UI, if known. */
  ui?: string;
  /** Describes a client error for a person; undefined if it has no particular meaning. */
  explain(error: unknown): string | undefined;
}

/** How a command ended. */
export interface CommandEnd {
  /** As documented for `http-tasks`: 0 done, 1 failed, 2 refused, 3 not verifiable. */
  exitCode: 0 | 1 | 2 | 3;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command line of `http-tasks` without a terminal. The page works through commands wherever there is one, so that
 * it has the checks of the command line and no others.
 */
export type RunCommand = (
  args: readonly string[],
  how: {
    env: Env;
    /** Standard input. @default empty */
    input?: Uint8Array | undefined;
    /** Receives standard output as it is printed; it is not ended. @default `stdout` of the end */
    output?: Writable | undefined;
  },
) => Promise<CommandEnd>;

/** What the routes of the gateway share. */
export interface GatewayParts {
  catalogue: Catalogue;
  search: TaskSearch<HttpTask>;
  secrets: GatewaySecrets;
  /** From which users can be offboarded. */
  providers: ProviderSet;
  place: SnippetPlace;
  temporal?: GatewayTemporal;
  /** What the operator allows. @default everything */
  policy?: OperatorPolicy | undefined;
  /** Absent where the gateway was not started by the command line. */
  runCommand?: RunCommand;
  uploads: Uploads;
  /** Dry runs of sweeps from the page: the sweep by what was tried. */
  dryRuns: Map<string, string>;
  version: string;
  /** Receives unexpected errors, without secrets. */
  report: (line: string) => void;
}

/** Returns the task of this name; the gateway calls nothing else. */
export function taskNamed({ catalogue }: GatewayParts, name: string): HttpTask {
  const task = catalogue.find(name);
  if (!task) throw new GatewayRefusal(404, 'NotFound', `There is no task "${name}" here.`);
  return task;
}

/** @throws GatewayRefusal if the gateway was started without Temporal. */
export function temporalOf({ temporal }: GatewayParts): GatewayTemporal {
  if (!temporal) throw new GatewayRefusal(503, 'TemporalUnavailable', 'This gateway knows no Temporal server.');
  return temporal;
}

/** Runs work with Temporal; converts errors of the connection into messages for a person. */
export async function withTemporal<T>(parts: GatewayParts, use: (temporal: GatewayTemporal) => Promise<T>): Promise<T> {
  const temporal = temporalOf(parts);
  try {
    return await use(temporal);
  } catch (error) {
    const message = error instanceof GatewayRefusal ? undefined : temporal.explain(error);
    if (message !== undefined) throw new GatewayRefusal(503, 'TemporalUnavailable', message);
    throw error;
  }
}

/** gRPC status code INVALID_ARGUMENT, for an ID that no run can have, for example of 2,000 characters. */
const INVALID_ARGUMENT = 3;

/** Throws a GatewayRefusal if Temporal's error means that the run does not exist; otherwise throws the error itself. */
export function refuseUnknownRun(error: unknown, workflowId: string): never {
  const cause = error instanceof Error ? error.cause : undefined;
  const cannotBe = isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
  if (!cannotBe && !(error instanceof WorkflowNotFoundError)) throw error;
  throw new GatewayRefusal(404, 'NotFound', `There is no run "${workflowId}".`);
}

/** Returns the URL of a run in the Temporal UI. */
export function runUrl(
  { temporal, place }: GatewayParts,
  { workflowId, runId }: { workflowId: string; runId: string },
): { url?: string } {
  if (temporal?.ui === undefined) return {};
  return {
    url: `${temporal.ui}/namespaces/${encodeURIComponent(place.namespace)}/workflows/${encodeURIComponent(workflowId)}/${runId}`,
  };
}

/**
 * Requires that the gateway's policy, if it has one, allows something.
 *
 * @throws GatewayRefusal `Task.NotAllowed`
 */
export function refuseForbidden(
  { policy }: GatewayParts,
  find: (rules: OperatorPolicy['rules']) => Violation | undefined,
): void {
  const violation = policy && find(policy.rules);
  if (violation) throw new GatewayRefusal(403, 'Task.NotAllowed', violationText(violation), { field: violation.rule });
}
