import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { refuseAccidentalProduction } from 'temporal-http-tasks/internal/config/service-settings';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { inputProblemBefore } from 'temporal-http-tasks/internal/operator-policy/before-start';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { readStartInput, UnreadablePayloadError } from 'temporal-http-tasks/internal/starts/payloads';
import { RunConflictError } from 'temporal-http-tasks/internal/starts/run-conflict';
import { sameInput } from 'temporal-http-tasks/internal/starts/same-input';
import { startOrJoin } from 'temporal-http-tasks/internal/starts/start-or-join';
import { userPlaces } from 'temporal-http-tasks/internal/config/user-places';
import { offboardWorkflowId } from 'temporal-http-tasks/internal/starts/workflow-ids';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import { checkedOffboarding, offboardingPlace } from './offboarding-form';
import { refuseForbidden, runUrl, withTemporal } from './parts';
import type { GatewayParts } from './parts';
import type { CallRequest, StartedRun } from './wire';
import { placeOfRuns } from './workers';

/** What has to be typed before a run that is not a dry run. */
const TYPE = 'offboardUser';
/** How long a dry run counts, in milliseconds. */
const DRY_RUN_COUNTS_MS = 3_600_000;

/**
 * Starts the run that offboards one user, or joins a run in progress with the same input, as on the command line. A run
 * that is not a dry run needs its type typed, and a dry run with the same input that ended within the last hour.
 * Production needs its name typed, even for a dry run.
 *
 * @throws InvalidInputError, SettingsError, GatewayRefusal: nothing was started.
 */
export async function startOffboarding(
  parts: GatewayParts,
  { input: given, confirm }: CallRequest,
): Promise<StartedRun> {
  const input = checkedOffboarding(parts, given);
  refuseForbidden(parts, (rules) => inputProblemBefore(rules, input));
  const { env } = parts.secrets;
  const idOf = idsUnder(parts);
  const own = offboardingPlace(parts);
  refuseAccidentalProduction(own, env, [plaidService]);
  const { production, environment } = await placeOfRuns(parts, own);
  const isDry = input.dryRun ?? false;
  requireConfirmation({ task: TYPE, named: !isDry, production, environment }, confirm);
  const { taskQueue } = parts.place;
  return withTemporal(parts, async ({ client }) => {
    if (!(await hasWorker(client, taskQueue))) {
      throw new GatewayRefusal(
        503,
        'NoWorker',
        `No worker polls the task queue "${taskQueue}", so nothing was started. Start one with: http-tasks worker`,
      );
    }
    const dry = { ...input, dryRun: true };
    if (!isDry) await requireDryRun(client, idOf(dry), dry);
    try {
      const run = await startOrJoin(client, { workflowType: TYPE, workflowId: idOf(input), taskQueue, input });
      return { ...run, ...runUrl(parts, run) };
    } catch (error) {
      if (error instanceof RunConflictError) throw new GatewayRefusal(409, 'Conflict', error.message);
      throw error;
    }
  });
}

function idsUnder({ secrets: { env }, providers }: GatewayParts): (input: OffboardUserInput) => string {
  const hasher = createSubjectHasher(readLedgerSettings(env).subjectKey);
  return (input) => offboardWorkflowId(input, userPlaces(env, providers), hasher);
}

/**
 * Requires a recent dry run. The page asks for one, but another client, or a page that was open for long, may not have.
 */
async function requireDryRun(client: Client, workflowId: string, dry: OffboardUserInput): Promise<void> {
  if (await wasTried(client, workflowId, dry)) return;
  throw new GatewayRefusal(
    409,
    'DryRunNeeded',
    'First do a dry run with the same input, and read what it found; it counts for an hour. Nothing was started.',
  );
}

async function wasTried(client: Client, workflowId: string, dry: OffboardUserInput): Promise<boolean> {
  try {
    const { runId, status, closeTime } = await client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'COMPLETED' || !closeTime || closeTime.getTime() < Date.now() - DRY_RUN_COUNTS_MS) return false;
    return sameInput(TYPE, await readStartInput(client, { workflowId, runId }), dry);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof UnreadablePayloadError) return false;
    throw error;
  }
}
