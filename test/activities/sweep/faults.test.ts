import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { cleanUp, open } from '../../ledger/databases';
import { until } from '../../support/offboarding-runs';
import { chunkOf, converge, expectAllGone, openChunkPlace, planOf, seedSweep } from './chunk-place';
import { overEachDatabase } from './over-each-database';

afterAll(cleanUp);

it('accounts for every user under faults, repeats nothing irreversible and touches no bystander', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'faults', 400);
    const often = { probability: 0.03 };
    const loss = { endpoint: 'userItemsRemove', ...often } as const;
    simulators.plaid.faults.add([
      { ...loss, kind: 'dropAfter' },
      { ...loss, kind: 'serverError', processed: true },
      { ...loss, kind: 'resetMidBody' },
      { ...loss, kind: 'dropBefore' },
      { ...loss, kind: 'truncatedJson' },
      { endpoint: '*', ...often, kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 1 } },
      {
        endpoint: 'userProductsTerminate',
        probability: 0.01,
        kind: 'rateLimit',
        retryAfter: { form: 'seconds', seconds: 6 },
      },
      { endpoint: '*', ...often, kind: 'maintenance' },
      { endpoint: 'userItemsGet', ...often, kind: 'malformedJson' },
      { endpoint: 'userProductsTerminate', ...often, kind: 'dropAfter' },
    ]);
    const results = await converge(chunkOf('faults', 400), place);
    expectAllGone(simulators, 400);
    expect(results.reduce((sum, { waitingForBulk }) => sum + waitingForBulk, 0)).toBe(400);
    expect(results.some(({ deferred }) => deferred > 0)).toBe(true);
    expect(await place.ledger.sweeps.count('faults')).toMatchObject({
      total: 400,
      waitingForBulk: 400,
      pending: 0,
      open: 0,
    });
  }));

it('never sends a removal again that Plaid confirmed, when the check after it is deferred and the list still lags in the next round', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'lag', 20);
    simulators.plaid.configure({ readLag: { ms: 9_000 } });
    // Every user's first look succeeds, and the second one, after the removal, is put off.
    const looks = Array.from({ length: 20 }, (_, index) => index + 21);
    simulators.plaid.faults.add({
      endpoint: 'userItemsGet',
      nth: looks,
      kind: 'rateLimit',
      retryAfter: { form: 'seconds', seconds: 6 },
    });
    const [first, ...others] = await converge(chunkOf('lag', 20), place);
    expect(first).toMatchObject({ deferred: 20 });
    expect(others.length).toBeGreaterThan(0);
    expectAllGone(simulators, 20);
    expect(simulators.plaid.figures().calls.byEndpoint).toMatchObject({ userItemsRemove: { received: 20 } });
  }));

it('looks before it removes a user again whose removal was lost', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'users', 60);
    simulators.plaid.faults.add({ endpoint: 'userRemove', kind: 'dropAfter', probability: 0.4 });
    await converge(chunkOf('users', 60, { plan: planOf({ removeUser: true }) }), place);
    expectAllGone(simulators, 60);
    const { calls } = simulators.plaid.calls();
    expect(
      calls.filter(({ endpoint, fault }) => endpoint === 'userRemove' && fault === 'dropAfter').length,
    ).toBeGreaterThan(5);
    expect(calls.filter(({ endpoint }) => endpoint === 'userRemove')).toHaveLength(60);
  }));

it('gives way to a newer attempt, after which the older one writes and sends nothing', () =>
  overEachDatabase(async ({ url, simulators, place }) => {
    await seedSweep(simulators, place, 'twice', 300);
    simulators.plaid.configure({ latencyMs: 50 });
    const older = await openChunkPlace(simulators, url);
    const first = runChunk(chunkOf('twice', 300), older);
    await until('the older attempt is under way', () => simulators.plaid.figures().calls.total > 100);
    const flushesOfOlder = jest.spyOn(older.ledger.sweeps, 'flushWave');
    const second = converge(chunkOf('twice', 300), place);
    await expect(first).resolves.toMatchObject({ end: 'fenced' });
    const sentByOlder = jest.spyOn(older.sender, 'send');
    simulators.plaid.configure({ latencyMs: 0 });
    await second;
    expect(sentByOlder).not.toHaveBeenCalled();
    const flushes = await Promise.allSettled(flushesOfOlder.mock.results.map(({ value }) => value as Promise<void>));
    expect(flushes.map(({ status }) => status)).not.toContain('fulfilled');
    expectAllGone(simulators, 300);
    await older.close();
  }));

it('reports that it was fenced when the sweep is sealed', () =>
  overEachDatabase(async ({ url, simulators, place }) => {
    await seedSweep(simulators, place, 'sealed', 5);
    await converge(chunkOf('sealed', 5, { plan: planOf({ batchMode: 'skip' }) }), place);
    await (await open(url)).sweeps.seal({ sweepId: 'sealed' });
    await expect(runChunk(chunkOf('sealed', 5), place)).resolves.toMatchObject({ end: 'fenced', opened: 0 });
  }));
