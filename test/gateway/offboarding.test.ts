import type {
  InputProblem,
  OffboardingForm,
  StartedRun,
  WireError,
} from '@temporal-http-tasks/console/internal/gateway/wire';
import { readProvider } from '@temporal-http-tasks/openapi';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { userPlaces } from 'temporal-http-tasks/internal/config/user-places';
import { offboardWorkflowId } from 'temporal-http-tasks/internal/starts/workflow-ids';
import { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { LIBRARY, writeProvider } from '../openapi/provider-files';
import type { SweepPlace } from '../support/sweep-runs';
import { openDurableStage, temporalOf } from './durable-stage';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';

let place: SweepPlace;
let gateway: GatewayStage;

beforeAll(async () => {
  ({ place, gateway } = await openDurableStage());
});

afterAll(async () => {
  await gateway.close();
  await place.close();
});

describe('an offboarding from the page', () => {
  const input = { user: { plaidUserId: 'usr_3' }, reason: { code: 'OTHER' } };
  const confirm = { task: 'offboardUser' };
  const start = (body: unknown, on = gateway): ReturnType<typeof gateway.ask<StartedRun & WireError>> =>
    on.ask<StartedRun & WireError>('POST', '/api/offboardings', body);
  const ended = async ({ workflowId, runId }: StartedRun): Promise<unknown> =>
    place.client.workflow.getHandle(workflowId, runId).result();

  it('is started when a dry run with the same input has ended, and its name was typed', async () => {
    place.simulators.plaid.seed({ users: [{ userId: 'usr_3', items: ['item-3'] }] });
    expect(await start({ input, confirm })).toMatchObject({ status: 409, body: { error: { type: 'DryRunNeeded' } } });
    const dry = await start({ input: { ...input, dryRun: true } });
    expect(dry).toMatchObject({
      status: 201,
      body: {
        joined: false,
        workflowId: expect.stringMatching(/^offboard-dry-/),
        url: expect.stringContaining('/namespaces/default/workflows/offboard-dry-'),
      },
    });
    await ended(dry.body);
    expect(await start({ input })).toMatchObject({
      status: 409,
      body: { error: { type: 'ConfirmationNeeded', needed: { task: 'offboardUser' } } },
    });
    expect((await start({ input: { ...input, plaid: { removeUser: true } }, confirm })).body.error.type).toBe(
      'DryRunNeeded',
    );
    expect(place.simulators.plaid.state().touched).not.toContain('usr_3');
    const real = await start({ input, confirm });
    expect(await ended(real.body)).toMatchObject({ status: 'completed' });
    expect(place.simulators.plaid.state().gone).toContain('usr_3');
  });

  it('joins one in progress with the same input, and leaves another alone', async () => {
    const dry = { user: { plaidUserId: 'usr_4' }, reason: { code: 'OTHER' }, dryRun: true };
    const hasher = createSubjectHasher(place.env['HTTP_TASKS_SUBJECT_KEY'] ?? '');
    // No worker runs it, so that it stays in progress.
    const waiting = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: offboardWorkflowId(
        { ...dry, user: { plaidUserId: 'usr_4' } },
        userPlaces({}, new ProviderSet()),
        hasher,
      ),
      args: [dry],
      startDelay: '1 hour',
    });
    expect((await start({ input: dry })).body).toMatchObject({
      joined: true,
      workflowId: waiting.workflowId,
      runId: waiting.firstExecutionRunId,
    });
    expect(await start({ input: { ...dry, notFoundIsFine: true } })).toMatchObject({
      status: 409,
      body: { error: { type: 'Conflict' } },
    });
    await waiting.terminate();
  });

  it('wants the name of production typed, even for a dry run, and a subject key', async () => {
    const production = await openGateway({
      env: { ...place.env, PLAID_ENV: 'production' },
      taskQueue: place.taskQueue,
      temporal: temporalOf(place),
    });
    expect((await production.ask<OffboardingForm>('GET', '/api/offboardings/form')).body).toMatchObject({
      environment: 'production',
      production: true,
    });
    expect((await start({ input: { ...input, dryRun: true } }, production)).body.error).toMatchObject({
      type: 'ConfirmationNeeded',
      needed: { environment: 'production' },
    });
    await production.close();
    const keyless = await openGateway({
      env: { ...place.env, HTTP_TASKS_SUBJECT_KEY: '' },
      taskQueue: place.taskQueue,
      temporal: temporalOf(place),
    });
    expect((await keyless.ask<OffboardingForm>('GET', '/api/offboardings/form')).body.problem).toContain(
      'HTTP_TASKS_SUBJECT_KEY',
    );
    expect(await start({ input: { ...input, dryRun: true } }, keyless)).toMatchObject({
      status: 409,
      body: { error: { field: 'HTTP_TASKS_SUBJECT_KEY' } },
    });
    await keyless.close();
  });

  it('has the IDs of every provider and the accounts, and names the run as the command line does', async () => {
    const library = await readProvider(writeProvider(LIBRARY));
    const env = { ...place.env, HTTP_TASKS_ACCOUNTS: 'cityLibrary/acme' };
    const on = await openGateway({
      env,
      providers: [library],
      taskQueue: place.taskQueue,
      temporal: temporalOf(place),
    });
    const { form } = (await on.ask<OffboardingForm>('GET', '/api/offboardings/form')).body;
    const shown = form.filter(({ more }) => !more).map(({ name, control }) => [name, control]);
    expect(shown).toEqual([
      ['user.plaidUserId', 'text'],
      ['user.batchUserId', 'text'],
      ['reason.code', 'choice'],
      ['user.account', 'choice'],
      ['user.ids.cityLibrary.memberId', 'text'],
      ['user.ids.cityLibrary.cards', 'list'],
      ['user.ids.cityLibrary.personId', 'text'],
      ['user.ids.cityLibrary.passToken', 'secret'],
    ]);
    expect(form.find(({ name }) => name === 'user.ids.plaid.accessTokens')).toMatchObject({
      control: 'secrets',
      more: true,
    });
    const check = async (user: unknown): Promise<string[]> => {
      const asked = { input: { user, reason: { code: 'OTHER' } } };
      const { body } = await on.ask<{ problems: InputProblem[] }>('POST', '/api/offboardings/check', asked);
      return body.problems.map(({ field, message }) => `${field}: ${message}`);
    };
    const ids = { cityLibrary: { memberId: '7', personId: 'p' } };
    expect(await check({ ids, account: 'acme' })).toEqual([]);
    expect(await check({ ids: { cityLibrary: { ...ids.cityLibrary, memberId: 'x' } } })).toEqual([
      'user.ids.cityLibrary.memberId: must be a whole number, written as a text',
    ]);
    expect(await check({ ids, account: 'acmee' })).toEqual([expect.stringMatching(/^user\.account: unknown account/)]);
    expect(await check({ ids: { shop: { id: '1' } } })).toEqual([expect.stringMatching(/^user\.ids\.shop: unknown/)]);
    // Of a provider that exists only in a worker's code.
    expect(await check({ ids: { ...ids, shop: { id: '1' } } })).toEqual([]);
    const dry = { user: { ids, account: 'acme' }, reason: { code: 'OTHER' }, dryRun: true };
    const hasher = createSubjectHasher(place.env['HTTP_TASKS_SUBJECT_KEY'] ?? '');
    const known = new ProviderSet([library], new Accounts(['cityLibrary/acme']));
    const waiting = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: offboardWorkflowId(dry, userPlaces(env, known), hasher),
      args: [dry],
      startDelay: '1 hour',
    });
    expect((await start({ input: dry }, on)).body).toMatchObject({ joined: true, workflowId: waiting.workflowId });
    await waiting.terminate();
    await on.close();
  });

  it('names the fields of its form by their paths, and what is wrong by the same', async () => {
    const { body } = await gateway.ask<OffboardingForm>('GET', '/api/offboardings/form');
    expect(body.form.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['user.plaidUserId', 'reason.code', 'itemIds', 'batch.mode']),
    );
    expect(body.form.find(({ name }) => name === 'user.plaidUserToken')).toMatchObject({
      control: 'secret',
      path: ['user', 'plaidUserToken'],
      more: true,
    });
    const wrong = await gateway.ask<{ problems: InputProblem[] }>('POST', '/api/offboardings/check', {
      input: { user: { sweepId: 's', seq: 1 }, reason: { code: 'NONE' } },
    });
    expect(wrong.body.problems.map(({ field }) => field)).toEqual(['reason.code']);
    const ofSweep = await start({ input: { user: { sweepId: 's', seq: 1 }, reason: { code: 'OTHER' } }, confirm });
    expect(ofSweep).toMatchObject({ status: 400, body: { error: { field: 'user.sweepId' } } });
  });
});
