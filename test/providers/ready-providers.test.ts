import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { stepPlanOf } from 'temporal-http-tasks/internal/providers/plan';
import { settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import type { Provider } from 'temporal-http-tasks';
import { shortly } from '../unit/policy/drive';
import { LOST, scriptedRun } from './scripted-run';
import type { Response } from './scripted-run';

const FOLDER = join(__dirname, '..', '..', 'providers');
const NAMES = ['hubspot', 'intercom', 'klaviyo', 'mixpanel', 'onesignal', 'sendgrid'];

const read = async (name: string): Promise<Provider> =>
  (await readProviderFile(join(FOLDER, `${name}.provider.yaml`))).provider;

const notFound = (code?: string): Response => ({ type: 'Task.Rejected', status: 404, ...(code && { code }) });
const good = (output: unknown = null): Response => ({ output });

async function run(name: string, ids: Record<string, string>, ...responses: Response[]) {
  const { steps, calls } = scriptedRun(await read(name), ids, responses);
  return {
    steps: shortly(steps.filter(({ reason }) => reason !== 'noId')),
    calls: calls.map(({ task }) => task),
    lastWaitMs: (calls.at(-1)?.atMs ?? 0) - (calls.at(-2)?.atMs ?? 0),
    inputs: calls.map(({ input }) => input),
  };
}

it('the folder has a file, a document and a page of each provider, and nothing else', () => {
  const wanted = NAMES.flatMap((name) => [`${name}.md`, `${name}.openapi.yaml`, `${name}.provider.yaml`]);
  expect(readdirSync(FOLDER).sort()).toEqual(['README.md', ...wanted]);
});

it.each(NAMES)(
  '%s: its page says where each fact is from and how sure it is, and names every step and setting',
  async (name) => {
    const page = readFileSync(join(FOLDER, `${name}.md`), 'utf8');
    const provider = await read(name);
    for (const { step } of provider.steps({ keys: ['default'], options: {} }))
      expect(page).toContain(`${name}.${step}`);
    for (const setting of provider.service.credentials.flatMap(settingsOf)) expect(page).toContain(setting);
    const [, facts = ''] = page.split('| Fact | How sure | Source |\n|---|---|---|\n');
    const rows = facts.split('\n').filter((line) => line.startsWith('|'));
    expect(rows.length).toBeGreaterThanOrEqual(6);
    for (const row of rows) expect(row).toMatch(/\| (?:sure|likely|unknown) \| (?:https:\/\/\S+|—)/);
  },
);

it.each<[string, string[], Record<string, object>]>([
  [
    'hubspot',
    ['hubspot.contact once contactId', 'hubspot.contactByEmail once email'],
    {
      purgeContact: { effect: 'irreversible', means: 'removed', absent: ['OBJECT_NOT_FOUND', 404], repeat: false },
      getContact: { effect: 'read', absent: ['OBJECT_NOT_FOUND', 404] },
    },
  ],
  [
    'intercom',
    ['intercom.contact once contactId', 'intercom.contactsByExternalId list externalId'],
    {
      deleteContact: { effect: 'irreversible', means: 'removed', absent: ['not_found'], repeat: false },
      getContact: { effect: 'read', absent: ['not_found'] },
      searchContacts: { effect: 'read' },
    },
  ],
  [
    'klaviyo',
    ['klaviyo.profile once profileId', 'klaviyo.profilesByEmail once email'],
    {
      requestProfileDeletion: { effect: 'repeatSafe', means: 'accepted', absent: [], repeat: true },
      getProfile: { effect: 'read', absent: ['not_found', 'profile_not_found', 404] },
    },
  ],
  [
    'mixpanel',
    ['mixpanel.data request distinctId'],
    {
      createDeletion: { effect: 'repeatSafe', means: 'accepted', absent: [], repeat: true },
      getDeletion: { effect: 'read' },
    },
  ],
  [
    'onesignal',
    ['onesignal.user once externalId'],
    {
      deleteUser: { effect: 'irreversible', means: 'accepted', absent: [404], repeat: false },
      viewUser: { effect: 'read', absent: [404] },
    },
  ],
  [
    'sendgrid',
    ['sendgrid.recipient once email'],
    { eraseRecipients: { effect: 'repeatSafe', means: 'accepted', absent: [], repeat: true } },
  ],
])('%s: its plan has these steps and tasks', async (name, steps, tasks) => {
  const provider = await read(name);
  const plan = stepPlanOf({ providers: [{ provider, keys: ['default'] }], options: {} });
  const needs = plan.steps.map(({ step, kind, skips }) => `${step} ${kind} ${skips.map((one) => one.without).join()}`);
  expect(needs).toEqual(steps);
  expect(Object.keys(plan.tasks).sort()).toEqual(
    Object.keys(tasks)
      .map((task) => `${name}.${task}`)
      .sort(),
  );
  for (const [task, facts] of Object.entries(tasks)) expect(plan.tasks[`${name}.${task}`]).toMatchObject(facts);
});

it.each<[string, number, string[]]>([
  ['hubspot', 170, ['default']],
  ['intercom', 10_000, ['us', 'eu', 'au']],
  ['klaviyo', 60, ['default']],
  ['mixpanel', 60, ['us', 'eu', 'in']],
  ['onesignal', 60_000, ['default']],
  ['sendgrid', 100, ['global', 'eu']],
])('%s: keeps its limit, and counts every environment as production', async (name, rate, environments) => {
  const { service } = await read(name);
  expect(service.rateLimits).toEqual([
    { requestsPerMinute: rate, per: 'key', source: expect.stringMatching(/^https:/) as string },
  ]);
  expect(service.productionEnvironments).toEqual(environments);
});

it.each<[string, string, Record<string, unknown>, string, Record<string, string>, unknown]>([
  [
    'hubspot',
    'purgeContact',
    { objectId: 'ann@example.org', idProperty: 'email' },
    'POST https://api.hubapi.com/crm/v3/objects/contacts/gdpr-delete',
    { authorization: 'Bearer HUBSPOT_ACCESS_TOKEN' },
    { objectId: 'ann@example.org', idProperty: 'email' },
  ],
  [
    'intercom',
    'deleteContact',
    { contact_id: '63a0', 'Intercom-Version': '2.15' },
    'DELETE https://api.intercom.io/contacts/63a0',
    { authorization: 'Bearer INTERCOM_ACCESS_TOKEN', 'intercom-version': '2.15' },
    undefined,
  ],
  [
    'klaviyo',
    'getProfile',
    { id: '01GD', revision: '2026-10-15' },
    'GET https://a.klaviyo.com/api/profiles/01GD',
    { authorization: 'KLAVIYO_AUTHORIZATION', revision: '2026-10-15' },
    undefined,
  ],
  [
    'mixpanel',
    'createDeletion',
    { distinct_ids: ['d 1'], compliance_type: 'GDPR' },
    'POST https://mixpanel.com/api/app/data-deletions/v3.0?token=MIXPANEL_PROJECT_TOKEN',
    { authorization: 'Bearer MIXPANEL_GDPR_TOKEN' },
    { distinct_ids: ['d 1'], compliance_type: 'GDPR' },
  ],
  [
    'onesignal',
    'deleteUser',
    { alias_label: 'external_id', alias_id: 'user/1' },
    'DELETE https://api.onesignal.com/apps/ONESIGNAL_APP_ID/users/by/external_id/user%2F1',
    { authorization: 'ONESIGNAL_AUTHORIZATION' },
    undefined,
  ],
  [
    'sendgrid',
    'eraseRecipients',
    { email_addresses: ['ann@example.org'] },
    'POST https://api.sendgrid.com/v3/recipients/erasejob',
    { authorization: 'Bearer SENDGRID_API_KEY' },
    { email_addresses: ['ann@example.org'] },
  ],
])('%s: %s is sent as the provider wants it', async (name, operation, input, line, headers, body) => {
  const { service, tasks } = await read(name);
  const env = Object.fromEntries(service.credentials.flatMap(settingsOf).map((setting) => [setting, setting]));
  const task = tasks.find((one) => one.operation === operation)!;
  const request = prepareRequest(task, input, readSenderSettings(env, [service]));
  expect(`${request.method} ${request.origin}${request.path}`).toBe(line);
  expect(request.headers).toMatchObject(headers);
  expect(request.body === undefined ? undefined : JSON.parse(String(request.body))).toEqual(body);
});

describe('HubSpot blocks an address that it does not know', () => {
  const email = { email: 'ann@example.org' };

  it('so that nothing is sent for one', async () => {
    expect(await run('hubspot', email, notFound('OBJECT_NOT_FOUND'))).toMatchObject({
      steps: ['hubspot.contactByEmail notFound'],
      calls: ['getContact'],
    });
    expect(await run('hubspot', email, LOST, notFound())).toMatchObject({ calls: ['getContact', 'getContact'] });
  });

  it('and a lost purge is only repeated while the contact is there', async () => {
    expect(await run('hubspot', email, good(), LOST, notFound())).toMatchObject({
      steps: ['hubspot.contactByEmail removed'],
      calls: ['getContact', 'purgeContact', 'getContact'],
    });
    expect(await run('hubspot', email, good(), LOST, good(), good())).toMatchObject({
      steps: ['hubspot.contactByEmail removed'],
      calls: ['getContact', 'purgeContact', 'getContact', 'purgeContact'],
    });
  });
});

describe('Intercom can archive instead of deleting', () => {
  it('which is neither a call of the file nor a success', async () => {
    const { tasks } = await read('intercom');
    expect(tasks.filter(({ path }) => path.includes('archive'))).toEqual([]);
    expect((await run('intercom', { contactId: 'c' }, good({ id: 'c', deleted: false }))).steps).toEqual([
      'intercom.contact failed/refused',
    ]);
  });

  it('and every contact with an external ID is deleted, until none is found', async () => {
    const responses = [good({ data: [{ id: 'a' }, { id: 'b' }] }), good({ deleted: true }), LOST, good({ data: [] })];
    expect(await run('intercom', { externalId: '7' }, ...responses)).toMatchObject({
      steps: ['intercom.contactsByExternalId removed x2'],
      calls: ['searchContacts', 'deleteContact', 'deleteContact', 'searchContacts'],
    });
  });
});

describe('acceptance without a status', () => {
  it('stays accepted at Klaviyo, SendGrid and OneSignal', async () => {
    expect((await run('klaviyo', { email: 'a@b.example' }, good())).steps).toEqual([
      'klaviyo.profilesByEmail accepted',
    ]);
    expect((await run('sendgrid', { email: 'a@b.example' }, good({ job_id: 'j' }))).steps).toEqual([
      'sendgrid.recipient accepted',
    ]);
    expect((await run('onesignal', { externalId: 'u' }, good({}))).steps).toEqual(['onesignal.user accepted']);
  });

  it('is settled by a look where there is one, late enough for an asynchronous deletion', async () => {
    const settled = await run('onesignal', { externalId: 'u' }, LOST, notFound());
    expect(settled.steps).toEqual(['onesignal.user removed']);
    expect(settled.lastWaitMs).toBe(60_000);
    // A request that may be repeated is looked at without waiting.
    const { steps, calls } = await run('klaviyo', { profileId: 'p' }, LOST, notFound());
    expect([steps, calls]).toEqual([['klaviyo.profile removed'], ['requestProfileDeletion', 'getProfile']]);
  });

  it('is requested again where nothing can be checked', async () => {
    expect(await run('klaviyo', { email: 'a@b.example' }, LOST, good())).toMatchObject({
      steps: ['klaviyo.profilesByEmail accepted'],
      calls: ['requestProfileDeletion', 'requestProfileDeletion'],
    });
    const refused = await run('klaviyo', { email: 'a@b.example' }, LOST, notFound('not_found'));
    expect(refused.steps).toEqual(['klaviyo.profilesByEmail unknown']);
  });

  it('names exactly one profile to Klaviyo', async () => {
    const { inputs } = await run('klaviyo', { email: 'a@b.example' }, good());
    expect(inputs[0]).toMatchObject({
      data: { attributes: { profile: { data: { type: 'profile', attributes: { email: 'a@b.example' } } } } },
    });
    expect(JSON.stringify(inputs)).not.toContain('"id"');
  });
});

describe('one bad ID fails a whole job', () => {
  it('so that a Mixpanel task has one user', async () => {
    const task = (status: string): Response => good({ status: 'ok', results: { tracking_id: '1', status } });
    const filed = good({ status: 'ok', results: { task_id: '1' } });
    const done = await run('mixpanel', { distinctId: 'd' }, filed, task('PENDING'), task('STARTED'), task('SUCCESS'));
    expect(done.steps).toEqual(['mixpanel.data removed']);
    expect(done.inputs[0]).toEqual({ distinct_ids: ['d'], compliance_type: 'GDPR' });
    expect((await run('mixpanel', { distinctId: 'd' }, filed, task('FAILURE'))).steps).toEqual([
      'mixpanel.data failed/requestFailed',
    ]);
    expect((await run('mixpanel', { distinctId: 'd' }, filed, task('NOT_FOUND'))).steps).toEqual([
      'mixpanel.data accepted/deadline',
    ]);
    expect((await run('mixpanel', { distinctId: 'd' }, LOST, filed, task('SUCCESS'))).steps).toEqual([
      'mixpanel.data removed',
    ]);
  });

  it('so that a SendGrid call for many is halved when an address is refused', async () => {
    const provider = await read('sendgrid');
    const { steps } = stepPlanOf({ providers: [{ provider, keys: ['default'] }], options: {} });
    expect(steps).toMatchObject([
      { bulk: { id: 'email', most: 5_000, mostBytes: 250_000, refusedFor: ['email_addresses'] } },
    ]);
    expect(provider.service.errors.fields.code).toBe('errors.field');
    expect(provider.tasks).toMatchObject([{ tokenField: 'job_id' }]);
  });
});
