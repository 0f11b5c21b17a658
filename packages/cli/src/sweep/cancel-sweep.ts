import type { ExitCode, Io } from '../io';
import { print, printJson, printable, say } from '../output';
import { withTemporal } from '../temporal-client';
import type { TemporalOptions } from '../temporal-options';
import { requireUnderWay } from './update-sweep';
import { watchSweep } from './watch';

/** Asks Temporal to cancel a sweep, and waits for its end if wished. Needs no worker; the end does. */
export async function cancelSweep(
  io: Io,
  sweepId: string,
  { json = false, watch = false, ...temporal }: TemporalOptions & { json?: boolean; watch?: boolean },
): Promise<ExitCode> {
  return withTemporal(io, temporal, async (client) => {
    await requireUnderWay(client, sweepId);
    await client.workflow.getHandle(sweepId).cancel();
    if (watch) {
      say(io, 'Cancelling: what is under way is finished and recorded first.');
      return watchSweep(io, { client, sweepId, json });
    }
    if (json) printJson(io, { sweepId, cancelRequested: true });
    else
      print(
        io,
        `The sweep ${printable(sweepId)} is being cancelled: what is under way is finished and recorded first.`,
      );
    say(io, `Watch its end with: http-tasks sweep watch ${printable(sweepId)}`);
    return 0;
  });
}
