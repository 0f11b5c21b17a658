import type { Client } from '@temporalio/client';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { CheckedSweepInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { confirmDeletion, notConfirmed, placeToAskAbout, removals } from '../deletion-question';
import type { AskingOptions, Fact } from '../deletion-question';
import type { Io } from '../io';
import { sourceName } from '../sweep/sweep-question';
import type { WorkerPlace } from '../worker-place';

/** A schedule, or runs of it, that a person is asked about. */
export interface AskedSchedule {
  name: string;
  taskQueue: string;
  /** As Temporal has it: a schedule of somebody else's may hold anything. */
  input: unknown;
  /** What happens and that it cannot be undone, as a sentence. */
  title: string;
  /** When the runs are. */
  when: string;
  /** What a no left as it was. */
  otherwise: string;
}

/**
 * Asks for the name of a schedule before its runs delete anything, where that has to be asked.
 *
 * @throws Refusal without a terminal, when `--yes` is needed and absent.
 * @throws CommandFailure `Interrupted` when it was not confirmed.
 */
export async function askAboutSchedule(
  io: Io,
  client: Client,
  asked: AskedSchedule,
  { yes }: AskingOptions,
): Promise<void> {
  const { name, taskQueue, title, when, otherwise } = asked;
  const { data: input } = offboardUsersInput.safeParse(asked.input);
  const place = await placeToAskAbout(io, { client, taskQueue }, { yes, dryRun: input?.dryRun });
  if (!place) return;
  const facts: Fact[] = [
    ['Schedule', name],
    ['Runs', when],
    ...(input ? factsOf(input, place) : [['Input', 'not valid, so that its runs will be refused'] as const]),
  ];
  if (!(await confirmDeletion(io, place, { title, facts, name: 'the name of the schedule', typed: name })))
    throw notConfirmed(otherwise);
}

function factsOf(input: CheckedSweepInput, place: WorkerPlace): Fact[] {
  return [
    ['Users', `all that ${sourceName(input.source)} has at the time of each run`],
    ...removals(place, input),
    ['Reason', input.reason.code],
  ];
}
