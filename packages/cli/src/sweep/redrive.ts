import { isGrpcServiceError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { SweepReleasedError, UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { notConfirmed, placeToAskAbout } from '../terminal/deletion-question';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import { printable, say } from '../terminal/output';
import { refuseForbiddenInput } from '../policy/forbidden';
import { readStartInput } from 'temporal-http-tasks/internal/starts/payloads';
import { requireWorker } from '../temporal/pollers';
import { withTemporal } from '../temporal/client';
import type { CommonOptions } from '../program/command';
import type { TemporalOptions } from '../temporal/options';
import { planFromOptions } from './plan-options';
import type { PlanOptions } from './plan-options';
import { counted } from '../terminal/words';
import { begun, startRun } from './start-sweep';
import { checked, checkedSweepId } from './sweep-options';
import { APPROVED_BY_REPLY, confirmSweep } from './sweep-question';
import { describeSweep } from './sweep-run';
import { readProviders } from '../users/provider-ids';

/** The options of `sweep redrive`: they replace options of the first sweep. */
export interface RedriveOptions extends CommonOptions, TemporalOptions, PlanOptions {
  watch?: boolean;
  id?: string;
  yes?: boolean;
}

const GRPC_NOT_FOUND = 5;

/**
 * Starts a sweep over the failed and unknown users of one that has ended, with that one's options, after a confirmation
 * if needed.
 */
export async function redriveSweep(io: Io, sweepId: string, options: RedriveOptions): Promise<ExitCode> {
  const given = planFromOptions(options);
  const ownId = options.id === undefined ? undefined : checkedSweepId(options.id);
  const { taskQueue } = readQueueSettings(io.env);
  return withTemporal(io, options, async (client) => {
    const { users, id } = await withWorkersLedger(io, async ({ ledger }) => ({
      users: await requireRedrivable(ledger.sweeps, sweepId),
      id: ownId ?? (await freshId(ledger.sweeps, sweepId)),
    }));
    const input = await redriveInput(client, sweepId, given);
    refuseForbiddenInput(io, input);
    await requireWorker(client, taskQueue);
    const place = await placeToAskAbout(io, { client, taskQueue }, { yes: options.yes, dryRun: input.dryRun });
    const asked =
      place && !input.approval
        ? {
            sweepId: id,
            input,
            place,
            from: `the failed and unknown users of ${sweepId}`,
            known: await readProviders(io, undefined),
          }
        : undefined;
    if (asked && !(await confirmSweep(io, asked, { total: users }))) throw notConfirmed('Nothing was started.');
    await startRun(client, { sweepId: id, taskQueue, input });
    say(
      io,
      `${printable(id)} retries ${counted(users, 'failed or unknown user', 'failed and unknown users')} of ${printable(sweepId)}.`,
    );
    const { approval = false, dryRun } = input;
    return begun(io, client, { sweepId: id, approval, dryRun }, options);
  });
}

/** Returns the number of users to redrive. */
async function requireRedrivable(sweeps: SweepLedger, sweepId: string): Promise<number> {
  const row = await sweeps.read(sweepId);
  if (!row) throw new UnknownSweepError(sweepId);
  if (row.endedAt === undefined) {
    throw new CommandFailure(
      'Conflict',
      `The sweep ${sweepId} has not ended (${row.status}); until then it retries its users itself. ` +
        'If its workflow was terminated, start a sweep over its source again.',
    );
  }
  const users = await sweeps.countFailed(sweepId);
  if (users === 0)
    throw new CommandFailure(
      'Conflict',
      `The sweep ${sweepId} has no failed or unknown users, so nothing was started.`,
    );
  if (!row.readable) throw await released(sweeps, sweepId);
  return users;
}

/** A redrive takes the IDs with it, so that no user is redriven twice. */
async function released(sweeps: SweepLedger, sweepId: string): Promise<Error> {
  const redrive = `${sweepId}-redrive-1`;
  if ((await sweeps.read(redrive)) === undefined) return new SweepReleasedError(sweepId);
  return new CommandFailure(
    'Released',
    `The failed and unknown users of sweep ${sweepId} were redriven by ${redrive}, which has their IDs now. See: ` +
      `http-tasks sweep status ${redrive}`,
  );
}

async function freshId(sweeps: SweepLedger, sweepId: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const id = `${sweepId}-redrive-${number}`;
    if ((await sweeps.read(id)) === undefined) return checkedSweepId(id);
  }
}

async function redriveInput(
  client: Client,
  sweepId: string,
  given: Record<string, unknown>,
): Promise<OffboardUsersInput> {
  const first = await readFirstPlan(client, sweepId);
  if (!first && !('reason' in given)) {
    throw new Refusal(
      'Usage',
      `Temporal no longer has the start of ${sweepId}, so its options are unknown. Give at least --reason.`,
      'reason',
    );
  }
  const nested = (['reason', 'plaid', 'batch'] as const).flatMap((field) => {
    const merged = { ...asObject(first?.[field]), ...asObject(given[field]) };
    return Object.keys(merged).length > 0 ? [[field, merged] as const] : [];
  });
  return checked({ ...first, ...given, ...Object.fromEntries(nested), redriveOf: sweepId });
}

/**
 * Returns the options with which a sweep was started, as far as they concern its users and its course; undefined when
 * Temporal no longer has its start. The source of its users does not matter any more, a limit of calls is in the ledger
 * as it was last set, and a deadline that is a moment does not apply to the second sweep.
 */
async function readFirstPlan(client: Client, sweepId: string): Promise<Record<string, unknown> | undefined> {
  const input = await readFirstInput(client, sweepId);
  if (input === undefined) return undefined;
  const { source, snapshot, redriveOf, skipDone, badRows, deadline, approval, ...others } = input;
  // An approval by a reply to the command's question was not one of its options.
  const plan = (await isApprovedByResponse(client, sweepId))
    ? others
    : { ...others, ...(approval !== undefined && { approval }) };
  const isDuration = typeof deadline === 'string' && !/^\d{4}-/.test(deadline);
  return { ...plan, ...(isDuration && { deadline }) };
}

async function readFirstInput(client: Client, sweepId: string): Promise<Record<string, unknown> | undefined> {
  try {
    // A continue-as-new passes the input on unchanged, so any run of the chain has it.
    return asObject(await readStartInput(client, { workflowId: sweepId }));
  } catch (error) {
    if (isGrpcServiceError(error) && Number(error.code) === GRPC_NOT_FOUND) return undefined;
    throw error;
  }
}

async function isApprovedByResponse(client: Client, sweepId: string): Promise<boolean> {
  const [[name, value] = []] = Object.entries(APPROVED_BY_REPLY);
  const description = await describeSweep(client, sweepId);
  return name !== undefined && description?.memo?.[name] === value;
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
