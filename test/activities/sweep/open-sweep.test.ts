import type { OpenSweep, TakeSnapshot } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { settled, sweepOf } from '../../ledger/sweeps/users';
import { planOf } from './chunk-place';
import { canaries, canary, failureOf, openActivityPlace, targetRow } from './activity-place';
import type { ActivityPlace } from './activity-place';
import { inputOf } from './snapshot-place';

describe.each(DATABASES)('opening a sweep over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let simulators: Simulators;
  let place: ActivityPlace;

  beforeAll(async () => {
    url = await freshUrl();
    simulators = await startSimulators();
    place = await openActivityPlace(simulators, url);
  });
  afterAll(async () => {
    await place.close();
    await simulators.close();
    await cleanUp();
  });

  /** An input, and the run that gives it. */
  type Opening = Partial<OpenSweep> & { workflowId: string; firstRunId?: string };

  const TERMS = { plan: planOf(), needsApproval: false, maxUsers: 1_000 };

  const openSweep = ({ workflowId, firstRunId = 'aaaaaaaa-1111', ...changes }: Opening, runId = 'run-1', at = place) =>
    at.run(
      'httpTasks.openSweep',
      { terms: TERMS, skipDone: false, ...changes },
      { run: { workflowId, firstRunId, runId } },
    );

  /** A sweep whose users have these outcomes, sealed. */
  async function ended(
    sweepId: string,
    outcomes: readonly ('removed' | 'failed')[],
    changes: { seal?: boolean } = {},
  ): Promise<void> {
    await sweepOf(place.ledger.sweeps, sweepId, canaries(sweepId, outcomes.length));
    await finish(sweepId, outcomes, changes);
  }

  async function finish(
    sweepId: string,
    outcomes: readonly ('removed' | 'failed')[],
    changes: { seal?: boolean } = {},
  ): Promise<void> {
    const { sweeps } = place.ledger;
    const chunk = { sweepId, chunkId: 'c' };
    const fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
    await sweeps.flushWave({ ...chunk, fence, users: users.map((user) => settled(user, outcomes[user.seq])) });
    if (changes.seal !== false) await sweeps.seal({ sweepId });
    await sweeps.setStatus({ sweepId, status: outcomes.includes('failed') ? 'partial' : 'completed' });
  }

  describe('of a source', () => {
    it("makes one of the workflow's name, which is its own, and repeating it changes nothing", async () => {
      const opened = await openSweep({ workflowId: 'plain', skipDone: true });
      expect(opened).toEqual({ sweepId: 'plain', titles: { bulk: ['Batch'], others: ['Plaid'] } });
      expect(await openSweep({ workflowId: 'plain', skipDone: true })).toEqual(opened);
      const row = await place.ledger.sweeps.read('plain');
      expect(row).toMatchObject({ claimedBy: 'aaaaaaaa-1111', skipDone: true, status: 'running', total: 0 });
    });

    it('makes one of another name when another run of that name has its sweep, whether it has ended or not', async () => {
      await openSweep({ workflowId: 'again' });
      const second = { workflowId: 'again', firstRunId: 'bbbbbbbb-2222' };
      expect(await openSweep(second)).toMatchObject({ sweepId: 'again.bbbbbbbb' });
      expect(await openSweep(second)).toMatchObject({ sweepId: 'again.bbbbbbbb' });
      await place.ledger.sweeps.setStatus({ sweepId: 'again', status: 'completed' });
      expect(await openSweep({ workflowId: 'again', firstRunId: 'cccccccc-3333' })).toMatchObject({
        sweepId: 'again.cccccccc',
      });
    });

    it('refuses a rate, which limits calls to Plaid, when the sweep leaves Plaid out', async () => {
      const terms = { ...TERMS, plan: planOf({ providers: ['batch'] }) };
      const failure = await failureOf(openSweep({ workflowId: 'no Plaid', terms, rate: 600 }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'rate', retryable: false });
      expect(failure.message).toContain('limits calls to plaid, and this sweep makes none');
      expect(await place.ledger.sweeps.read('no Plaid')).toBeUndefined();
      await openSweep({ workflowId: 'no Plaid', terms });
    });

    it('leaves a sweep of this very run that has ended, as after a retry of the workflow', async () => {
      await openSweep({ workflowId: 'retried' });
      await place.ledger.sweeps.setStatus({ sweepId: 'retried', status: 'failed' });
      expect(await openSweep({ workflowId: 'retried' })).toMatchObject({ sweepId: 'retried.aaaaaaaa' });
      await place.ledger.sweeps.setStatus({ sweepId: 'retried.aaaaaaaa', status: 'failed' });
      expect(await openSweep({ workflowId: 'retried' }, 'third-run')).toMatchObject({ sweepId: 'retried.third-run' });
    });

    it('takes no snapshot that was read for another purpose', async () => {
      await sweepOf(place.ledger.sweeps, 'of the command line', canaries('command', 2));
      expect(await openSweep({ workflowId: 'of the command line' })).toMatchObject({
        sweepId: 'of the command line.aaaaaaaa',
      });
    });

    it('by many processes together lets exactly one have the name', async () => {
      const runs = ['11111111-a', '22222222-b', '33333333-c', '44444444-d'];
      const opened = await Promise.all(runs.map((firstRunId) => openSweep({ workflowId: 'race', firstRunId })));
      const ids = opened.map(({ sweepId }) => sweepId);
      expect(new Set(ids).size).toBe(4);
      expect(ids.filter((id) => id === 'race')).toHaveLength(1);
    });
  });

  describe('of a snapshot', () => {
    it('makes it its own, whatever the workflow is called', async () => {
      await sweepOf(place.ledger.sweeps, 'snapshot', canaries('snapshot', 2));
      const input = { workflowId: 'other', snapshot: 'snapshot' };
      expect(await openSweep(input)).toMatchObject({ sweepId: 'snapshot' });
      expect(await openSweep(input)).toMatchObject({ sweepId: 'snapshot' });
      const failure = await failureOf(openSweep({ ...input, firstRunId: 'bbbbbbbb-2222' }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'snapshot', retryable: false });
      expect(failure.message).toContain('belongs to another run');
    });

    it.each<[string, (id: string) => Promise<unknown>, string]>([
      ['is not there', async () => undefined, 'this ledger has no sweep with this ID'],
      ['was not read to its end', (sweepId) => place.ledger.sweeps.create({ sweepId }), 'was not read completely'],
      [
        'was released',
        async (id) => (await sweepOf(place.ledger.sweeps, id, canaries(id, 1)), place.ledger.sweeps.release(id)),
        'were released',
      ],
      ['has ended', (id) => ended(id, ['removed']), 'has ended (completed)'],
    ])('that %s is refused, with what to do', async (name, make, message) => {
      await make(`refused: ${name}`);
      const failure = await failureOf(openSweep({ workflowId: 'x', snapshot: `refused: ${name}` }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'snapshot', retryable: false });
      expect(failure.message).toContain(message);
    });
  });

  describe('of a redrive', () => {
    it('makes a sweep that takes up the first one', async () => {
      await ended('first', ['removed', 'failed']);
      expect(await openSweep({ workflowId: 'redrive', redriveOf: 'first' })).toMatchObject({ sweepId: 'redrive' });
      expect(await place.ledger.sweeps.read('redrive')).toMatchObject({ redriveOf: 'first' });
      expect(await openSweep({ workflowId: 'first', redriveOf: 'first' })).toMatchObject({ sweepId: 'first.aaaaaaaa' });
    });

    it.each<[string, (id: string) => Promise<unknown>, string]>([
      ['is not there', async () => undefined, 'this ledger has no sweep with this ID'],
      ['has not ended', (id) => sweepOf(place.ledger.sweeps, id, canaries(id, 1)), 'has not ended (running)'],
      ['was given up', (id) => ended(id, ['failed'], { seal: false }), 'was given up before every user had an outcome'],
      ['has nobody to redrive', (id) => ended(id, ['removed']), 'this sweep has no failed or unknown users'],
      ['was released', async (id) => (await ended(id, ['failed']), place.ledger.sweeps.release(id)), 'were released'],
    ])('of a sweep that %s is refused, with what to do', async (name, make, message) => {
      await make(`undrivable: ${name}`);
      const failure = await failureOf(openSweep({ workflowId: `redrive: ${name}`, redriveOf: `undrivable: ${name}` }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'redriveOf', retryable: false });
      expect(failure.message).toContain(message);
      expect(await place.ledger.sweeps.read(`redrive: ${name}`)).toBeUndefined();
    });
  });

  describe('by a worker without keys for Batch', () => {
    let plaidOnly: ActivityPlace;

    beforeAll(async () => {
      plaidOnly = await openActivityPlace(simulators, url, { env: { HTTP_TASKS_SERVICES: 'plaid' } });
    });
    afterAll(() => plaidOnly.close());

    /** As an input without `batch` gives it. */
    const OPEN_PLAN = { ...TERMS.plan, options: { plaid: {}, batch: {} } };
    const withPlan = (changes: object = {}) => ({ terms: { ...TERMS, plan: { ...OPEN_PLAN, ...changes } } });
    const at = { plaid: 'sandbox', batch: 'default' };
    const atPlaid = targetRow({ plaidUserId: 'canary-p' });

    /** Users that another worker has read. */
    async function readElsewhere(sweepId: string, rows: readonly TargetRow[], environments: Record<string, string>) {
      const { sweeps } = place.ledger;
      await sweeps.create({ sweepId });
      await sweeps.appendTargets({ sweepId, version: 0, rows, environments, position: 'end', complete: true });
    }

    const open = (workflowId: string, changes: Partial<OpenSweep> = {}) =>
      openSweep({ workflowId, ...withPlan(), ...changes }, 'run-1', plaidOnly);
    const read = (sweepId: string, changes: Partial<TakeSnapshot> = {}) =>
      plaidOnly.run('httpTasks.takeSnapshot', inputOf(sweepId, changes), {
        run: { workflowId: sweepId, firstRunId: 'aaaaaaaa-1111' },
      });

    it('leaves Batch out of the plan', async () => {
      expect(await open('plaid only')).toEqual({ sweepId: 'plaid only', titles: { bulk: [], others: ['Plaid'] } });
      const { stepsPlan = '' } = (await place.ledger.sweeps.read('plaid only')) ?? {};
      expect(stepsPlan).toContain('plaid.items');
      expect(stepsPlan).not.toContain('batch');
      expect(await read('plaid only', { source: { inline: [{ plaidUserId: 'canary-p' }] } })).toMatchObject({
        total: 1,
      });
    });

    it.each<[string, object, string]>([
      ['a mode', { options: { plaid: {}, batch: { mode: 'gdpr' } } }, 'batch.mode'],
      ['name', { providers: ['batch', 'plaid'] }, 'providers'],
    ])('refuses to open a sweep that asks for Batch by %s', async (how, changes, field) => {
      const failure = await failureOf(open(`asks by ${how}`, withPlan(changes)));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field, retryable: false });
      expect(failure.message).toContain('needs batch, for which this worker has no keys');
      expect(await place.ledger.sweeps.read(`asks by ${how}`)).toBeUndefined();
    });

    it('refuses a source with an ID at Batch, unless Batch is not meant', async () => {
      await open('with ids');
      const failure = await failureOf(read('with ids', { source: { inline: [canary('with ids')] } }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'source', retryable: false });
      expect(failure.message).toContain(
        'has users with IDs at batch, for which this worker has no keys; set them, or name',
      );
      for (const changes of [{ providers: ['plaid'] }, { options: { plaid: {}, batch: { mode: 'skip' } } }]) {
        const sweepId = `meant ${JSON.stringify(changes)}`;
        await open(sweepId, withPlan(changes));
        expect(await read(sweepId, { source: { inline: [canary(sweepId)] } })).toMatchObject({ total: 1 });
      }
    });

    it('refuses users whom another worker has read with an ID there, in a snapshot and for a redrive', async () => {
      await readElsewhere('given', canaries('given', 1), at);
      await open('takes it', { snapshot: 'given' });
      expect(await failureOf(read('given'))).toMatchObject({ field: 'snapshot', retryable: false });
      await readElsewhere('first there', [atPlaid, ...canaries('first there', 1)], at);
      await finish('first there', ['failed', 'removed']);
      await open('without an id there', { redriveOf: 'first there' });
      expect(await read('without an id there')).toMatchObject({ total: 1 });
      await readElsewhere('second there', canaries('second there', 1), at);
      await finish('second there', ['failed']);
      await open('with an id there', { redriveOf: 'second there' });
      expect(await failureOf(read('with an id there'))).toMatchObject({ field: 'redriveOf', retryable: false });
    });

    it('refuses a provider that it does not know, and says whether another worker of the ledger does', async () => {
      const { workers } = place.ledger;
      const of = (provider: string) => targetRow({ ids: { [provider]: { contactId: 'canary-c' } } });
      await readElsewhere('of a stranger', [of('nobody')], { nobody: 'live' });
      await readElsewhere('of the courier', [of('courier')], { courier: 'live' });
      const keySlots: string[] = [];
      const environments = [{ service: 'courier', environment: 'live', production: true, keySlots }];
      await workers.beat({ worker: 'w', identity: 'w', namespace: 'default', taskQueue: 'other', environments });
      await open('stranger', { snapshot: 'of a stranger' });
      await open('courier', { snapshot: 'of the courier' });
      const stranger = await failureOf(read('of a stranger'));
      expect(stranger).toMatchObject({ field: 'snapshot', retryable: false });
      expect(stranger.message).toContain('IDs at nobody, a provider that this worker does not know; list its file');
      const courier = await failureOf(read('of the courier'));
      expect(courier.message).toContain('does not know, but another worker of this ledger does; list its file in the');
    });
  });

  it.each([
    ['compensation.task', { task: 'desk.ticketCreate' }],
    ['compensation.input.uri', { task: 'http.request', input: { method: 'POST' } }],
  ])('is refused when what should run after a failure could not be sent: %s', async (field, compensation) => {
    const failure = await failureOf(openSweep({ workflowId: `bad ${field}`, compensation }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', field, retryable: false });
  });

  it('waits for a ledger that is away', async () => {
    const closed = await openActivityPlace(simulators, url);
    await closed.ledger.close();
    const failure = await failureOf(openSweep({ workflowId: 'away' }, 'run-1', closed));
    expect(failure).toMatchObject({ type: 'Task.LedgerUnavailable', retryable: true });
    await closed.close();
  });
});
