import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createChunkActivity } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import type { ChunkInput, ChunkResult } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { cleanUp } from '../../ledger/databases';
import { until } from '../../support/offboarding-runs';
import { quiet } from '../../support/quiet-runtime';
import { chunkOf, converge, expectAllGone, openChunkPlace, seedSweep, targets } from './chunk-place';
import type { ChunkPlace } from './chunk-place';

describe('the activity of a chunk', () => {
  let simulators: Simulators;
  let place: ChunkPlace;
  let activity: ReturnType<typeof createChunkActivity>;

  beforeEach(async () => {
    simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
    place = await openChunkPlace(simulators, 'file::memory:');
    activity = createChunkActivity(place);
  });
  afterEach(async () => {
    await place.close();
    await simulators.close();
  });
  afterAll(cleanUp);

  const run = async (input: ChunkInput, environment = quietEnvironment()): Promise<ChunkResult> => {
    // An unclaimed sweep is given its plan here, as its run would have.
    const row = await place.ledger.sweeps.read(input.sweepId).catch(() => undefined);
    const sweep = { ...(row ?? NO_ROW), sweepId: input.sweepId, plan: JSON.stringify(input.plan) };
    return environment.run<[ChunkInput, SweepRow], ChunkResult, typeof activity>(activity, input, sweep);
  };

  it.each(['CANCELLED', 'WORKER_SHUTDOWN'] as const)(
    'returns how far it came when it is stopped (%s), and does not fail',
    async (reason) => {
      await seedSweep(simulators, place, 'stopped', 400);
      simulators.plaid.configure({ latencyMs: 30 });
      const environment = quietEnvironment();
      const running = run(chunkOf('stopped', 400), environment);
      await until('it is under way', () => simulators.plaid.figures().calls.total > 200);
      environment.cancel(reason);
      const result = await running;
      expect(result).toMatchObject({ end: 'cancelled' });
      expect(result.waitingForBulk + result.deferred).toBe(result.opened);
      expect(result.opened).toBeLessThan(400);
      simulators.plaid.configure({ latencyMs: 0 });
      await converge(chunkOf('stopped', 400), place);
      expectAllGone(simulators, 400);
    },
  );

  it('beats every two seconds with numbers only', async () => {
    await seedSweep(simulators, place, 'beating', 100);
    simulators.plaid.configure({ latencyMs: 700 });
    const environment = quietEnvironment();
    const beats: unknown[] = [];
    environment.on('heartbeat', (details) => beats.push(details));
    await run(chunkOf('beating', 100), environment);
    expect(beats.length).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(beats)).not.toContain('beating-');
  });

  it('fails Task.LedgerUnavailable, to be tried again, when the ledger is away at its start', async () => {
    await seedSweep(simulators, place, 'away', 5);
    await place.ledger.close();
    const failure = await failureOf(run(chunkOf('away', 5)));
    expect(failure).toMatchObject({ type: 'Task.LedgerUnavailable', nonRetryable: false });
    expect(simulators.plaid.figures().calls.total).toBe(0);
  });

  it('fails for good for a sweep that is not there, and for one whose ids were released', async () => {
    await seedSweep(simulators, place, 'released', 5);
    await place.ledger.sweeps.release('released');
    const released = await failureOf(run(chunkOf('released', 5)));
    expect(released).toMatchObject({ type: 'Task.InvalidInput', nonRetryable: true });
    expect(released.message).toContain('were released');
    const unknown = await failureOf(run(chunkOf('unknown', 5)));
    expect(unknown).toMatchObject({ type: 'Task.InvalidInput', nonRetryable: true });
    expect(unknown.message).toContain('has no sweep unknown');
    expect(simulators.plaid.figures().calls.total).toBe(0);
  });

  it.each<[string, Record<string, string>]>([
    ['does not know', { plaid: 'sandbox', courier: 'live' }],
    ['has no keys for', { plaid: 'sandbox', 'plaid/acme': 'sandbox' }],
  ])(
    'ends as with a refused key, and begins no user, for a provider that this worker %s',
    async (what, environments) => {
      const { sweeps } = place.ledger;
      await sweeps.create({ sweepId: what });
      const service = Object.keys(environments).at(-1)!;
      const [provider = '', account] = service.split('/');
      const rows = targets(what, 5);
      const stranger = {
        user: { ids: { [provider]: { userId: 'x' } }, ...(account && { account }) },
        subjects: targets('stranger', 1)[0]!.subjects.slice(0, 1),
      };
      await sweeps.appendTargets({
        sweepId: what,
        version: 0,
        rows: [...rows, stranger],
        position: '5',
        complete: true,
        environments,
      });
      const stepsPlan = JSON.stringify({
        version: 1,
        tasks: {},
        steps: [{ step: 'plaid.items', provider: 'plaid', kind: 'list' }],
      });
      const row = await sweeps.read(what);
      const chunk = chunkOf(what, 6);
      const sweep = { ...row!, plan: JSON.stringify(chunk.plan), stepsPlan };
      const result = await quietEnvironment().run<[ChunkInput, SweepRow], ChunkResult, typeof activity>(
        activity,
        chunk,
        sweep,
      );
      expect(result).toMatchObject({ opened: 0, end: 'unauthorized', unauthorized: { service } });
      expect(simulators.plaid.figures().calls.total).toBe(0);
    },
  );

  it('sends nothing where Plaid has another environment than where the users were read, and says which', async () => {
    const { sweeps } = place.ledger;
    const rows = targets('elsewhere', 5);
    await sweeps.create({ sweepId: 'elsewhere' });
    await sweeps.appendTargets({
      sweepId: 'elsewhere',
      version: 0,
      rows,
      position: '5',
      complete: true,
      environments: { plaid: 'production' },
    });
    const failure = await failureOf(run(chunkOf('elsewhere', 5)));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', nonRetryable: true });
    expect(failure.message).toMatch(/sweepId.*another environment of Plaid than this worker's, which is sandbox/);
    expect(simulators.plaid.figures().calls.total).toBe(0);
  });
});

/** What an activity is given for a sweep that the ledger does not have any more. */
const NO_ROW: SweepRow = {
  sweepId: '',
  status: 'running',
  needsApproval: false,
  skipDone: false,
  total: 0,
  duplicates: 0,
  rejected: 0,
  environments: {},
  snapshotComplete: true,
  readable: true,
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** Failing is what some of these runs are made for. */
function quietEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: quiet });
}

async function failureOf(run: Promise<unknown>): Promise<ApplicationFailure> {
  const failure: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(failure instanceof ApplicationFailure)) throw new Error(`Not an ApplicationFailure: ${String(failure)}`);
  return failure;
}
