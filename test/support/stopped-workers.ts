import { until } from './offboarding-runs';
import type { SweepHandle, SweepPlace } from './sweep-runs';
import { startWorkerProcess } from './worker-process';
import type { WorkerProcess } from './worker-process';

export interface HangingCall {
  endpoint: string;
  provider: 'plaid' | 'batch';
  users: number;
}

/** Starts a worker process and a sweep whose first call of an endpoint is carried out and never gets its response. */
export async function sweepHangingIn(
  place: SweepPlace,
  { endpoint, provider, users }: HangingCall,
): Promise<{ handle: SweepHandle; killed: WorkerProcess }> {
  const { faults } = place.simulators[provider];
  faults.add({ endpoint, kind: 'stall', processed: true, times: 1 });
  const file = await place.users(users);
  const killed = await startWorkerProcess(place);
  const handle = await place.start({ source: { file }, granularity: 'chunk' });
  const sent = () => place.simulators[provider].calls().calls.some((call) => call.endpoint === endpoint);
  await until(`${endpoint} is in flight`, sent);
  return { handle, killed };
}

/** Waits until the server has asked the activity to stop, kills its worker, and starts another. */
export async function replaceStoppedWorker(
  place: SweepPlace,
  handle: SweepHandle,
  killed: WorkerProcess,
): Promise<void> {
  await until('the activity is told to stop', async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).some(({ activityTaskCancelRequestedEventAttributes: attributes }) => attributes);
  });
  await killed.kill();
  await place.startWorker();
}
