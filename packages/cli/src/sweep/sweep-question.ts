import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { SnapshotState } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type {
  ProviderTitles,
  SweepPhase,
  SweepProgress,
  SweepResult,
} from 'temporal-http-tasks/internal/policy/sweep-result';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { confirmDeletion, notConfirmed, removalFacts } from '../terminal/deletion-question';
import type { Fact } from '../terminal/deletion-question';
import type { CommandFailure } from '../program/errors';
import { withInterruption } from '../terminal/interruption';
import type { Io } from '../program/io';
import { printable, say } from '../terminal/output';
import type { WorkerPlace } from '../temporal/worker-place';
import { sourceText } from './reading-report';
import { count, counted } from '../terminal/words';
import { queryProgress, resultOfSweep } from './sweep-run';
import { sendUpdate } from './control';
import { userName } from '../users/current-user';

const PAUSE_MS = 300;

/** How long the command waits for the end of a sweep that was not confirmed, in milliseconds. */
const CANCELLED_WITHIN_MS = 15_000;

/** Phases before the question, and those before the result of the run, which says why it ended. */
const NOT_STANDING: readonly SweepPhase[] = ['reading', 'closing', 'ended'];

/** The memo of a sweep that is approved by the reply to this command's question, and not by an approval of its own. */
export const APPROVED_BY_REPLY = { 'http-tasks.approval': 'terminal' } as const;

/** A sweep that needs a confirmation. */
export interface AskedSweep {
  sweepId: string;
  input: OffboardUsersInput;
  place: WorkerPlace;
  /** Where the users come from. */
  from: string;
  /** The providers that this command knows. @default those that come with the package */
  known?: ProviderSet;
}

/** Asks for the number of users of a sweep. */
export async function confirmSweep(
  io: Io,
  asked: AskedSweep,
  users: { total: number; more?: string; titles?: ProviderTitles | undefined },
): Promise<boolean> {
  const { sweepId, input, place, from } = asked;
  const total = counted(users.total, 'user', 'users');
  const facts: Fact[] = [
    ['Users', `${count(users.total)} from ${from}${users.more === undefined ? '' : ` (${users.more})`}`],
    ...removalFacts(asked, users.titles),
    ['Reason', input.reason.code],
    ['Sweep', sweepId],
  ];
  return confirmDeletion(io, place, {
    title: `This deletes the data of ${total} and cannot be undone.`,
    facts,
    name: 'the number of users',
    typed: String(users.total),
  });
}

/** Returns where the worker takes the users from, in words. */
export function sourceName(source: OffboardUsersInput['source']): string {
  const [kind = 'configured', value] = Object.entries(source ?? {})[0] ?? [];
  if (kind === 'inline') return 'the input';
  return typeof value === 'string' ? `${kind}:${value}` : `the worker's ${kind} source`;
}

/** Returns what of a source is left out, for the question. */
export function leftOut(
  { duplicates, rejected }: Pick<SnapshotState, 'duplicates' | 'rejected'>,
  doneBefore = 0,
): string {
  const done = doneBefore === 0 ? '' : `${count(doneBefore)} of them done before, which are skipped, `;
  return `${done}${sourceText({ duplicates, rejected })}`;
}

/**
 * Asks for the confirmation of a sweep that waits for approval, when its snapshot is complete; the reply is the
 * approval. Anything but a confirmation cancels the sweep.
 *
 * @returns The state of the sweep: approved, or as it ended by itself.
 * @throws CommandFailure `Interrupted` when it was not confirmed; Refusal when the worker refused the source.
 */
export async function askAndApprove(io: Io, client: Client, asked: AskedSweep): Promise<SweepProgress | SweepResult> {
  const { sweepId } = asked;
  say(io, `Started ${printable(sweepId)}: the worker reads the users first. Nothing is deleted before you confirm.`);
  const found = await withInterruption(({ wished }) => Promise.race([snapshotTaken(io, client, sweepId), wished]));
  if (found === 'interrupted') throw await cancelled(client, sweepId);
  if (found.status !== 'waitingForApproval') return found;
  const { total } = found.counts;
  // Without users nothing is deleted.
  if (total > 0 && !(await confirmSweep(io, asked, { total, more: leftOut(found), titles: titlesOf(found) })))
    throw await cancelled(client, sweepId);
  return sendUpdate(client, sweepId, { name: 'approve', argument: { total, by: userName('a person at a terminal') } });
}

function titlesOf(found: SweepProgress | SweepResult): ProviderTitles | undefined {
  return 'titles' in found ? found.titles : undefined;
}

/** Returns the state of the sweep when its users are read, or its result if it ended before. */
async function snapshotTaken(io: Io, client: Client, sweepId: string): Promise<SweepProgress | SweepResult> {
  const over = new AbortController();
  const handle = client.workflow.getHandle(sweepId);
  const ended = client.withAbortSignal(over.signal, () => resultOfSweep(io, client, handle));
  try {
    return await Promise.race([ended, untilRead(client, sweepId, over.signal)]);
  } finally {
    over.abort();
    ended.catch(() => undefined);
  }
}

async function untilRead(client: Client, sweepId: string, signal: AbortSignal): Promise<SweepProgress> {
  for (;;) {
    // A worker that is unavailable for a moment responds later.
    const progress = await queryProgress(client, client.workflow.getHandle(sweepId)).catch(() => undefined);
    signal.throwIfAborted();
    if (progress && !NOT_STANDING.includes(progress.phase)) return progress;
    await delay(PAUSE_MS, undefined, { signal });
  }
}

/** Cancels a sweep that still waits for approval. */
async function cancelled(client: Client, sweepId: string): Promise<CommandFailure> {
  const handle = client.workflow.getHandle(sweepId);
  const id = printable(sweepId);
  try {
    await client.withDeadline(Date.now() + CANCELLED_WITHIN_MS, async () => {
      await handle.cancel();
      await handle.result().catch((error: unknown) => {
        if (!(error instanceof WorkflowFailedError)) throw error;
      });
    });
    return notConfirmed(`Nothing was deleted, and the sweep ${id} is cancelled.`);
  } catch {
    return notConfirmed(
      `Nothing was deleted. The sweep ${id} has not ended yet and waits for approval; end it with: http-tasks sweep cancel ${id}`,
    );
  }
}
