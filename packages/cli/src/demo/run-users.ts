import type { Client } from '@temporalio/client';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { CommandFailure, Refusal } from '../errors';
import { resultOf } from '../offboard-result';
import type { CastMember } from './cast';
import type { RunOfUser } from './problem';

/** The environment that the demo's worker calls at Plaid. */
const PLAID_ENVIRONMENT = 'sandbox';

/** Far more than any run takes; it keeps a demo whose worker died from waiting for ever. */
const LONGEST_RUN = '3 minutes';

/** How to run the users. */
export interface RunUsersOptions {
  client: Client;
  taskQueue: string;
  subjectKey: string;
  /** How many runs are under way at once. */
  concurrency: number;
  /** Told each run that ended, in the order of their ends. */
  onEnd(run: RunOfUser): void;
  /** Starts no further run once it is aborted. */
  signal: AbortSignal;
}

/** Off-boards every user with a run of its own; answers in the order of the users. A run without a result has none. */
export async function runUsers(cast: readonly CastMember[], options: RunUsersOptions): Promise<RunOfUser[]> {
  const runs: RunOfUser[] = [];
  const queue = cast.entries();
  // Every lane takes the next user from the one queue they share.
  const lanes = Array.from({ length: options.concurrency }, async () => {
    for (const [index, member] of queue) {
      if (options.signal.aborted) return;
      const run = await runUser(member, options);
      runs[index] = run;
      options.onEnd(run);
    }
  });
  await Promise.all(lanes);
  return runs;
}

async function runUser(member: CastMember, { client, taskQueue, subjectKey }: RunUsersOptions): Promise<RunOfUser> {
  const handle = await client.workflow.start('offboardUser', {
    workflowId: workflowIdFor(member.input, subjectKey),
    taskQueue,
    args: [member.input],
    workflowExecutionTimeout: LONGEST_RUN,
  });
  try {
    return { member, result: await resultOf(client, handle) };
  } catch (error) {
    // A run that was refused or ended without a result is the verdict's business, not the end of the demo.
    if (error instanceof CommandFailure || error instanceof Refusal) return { member };
    throw error;
  }
}

function workflowIdFor({ user }: OffboardUserInput, subjectKey: string): string {
  return `offboard-${userSubjects(user, PLAID_ENVIRONMENT, createSubjectHasher(subjectKey))[0]}`;
}
