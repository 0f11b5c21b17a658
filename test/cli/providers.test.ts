import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LIBRARY, writeProvider } from '../openapi/provider-files';
import { runCli, runJson } from './run-cli';

interface Refused {
  error: {
    type: string;
    field?: string;
    message: string;
    problems?: { file: string; line?: number; place: string; message: string }[];
  };
}

describe('http-tasks providers', () => {
  it('check says what a file defines, and needs no setting', async () => {
    const file = writeProvider(LIBRARY);
    const { code, document } = await runJson<Record<string, unknown>>(['providers', 'check', file]);
    expect(code).toBe(0);
    expect(document).toMatchObject({ ok: true, provider: 'cityLibrary', file });
    expect(document['settings']).toEqual(
      expect.arrayContaining(['LIBRARY_KEY', 'LIBRARY_CLIENT_ID', 'LIBRARY_CLIENT_SECRET', 'CITY_LIBRARY_ENV']),
    );
    const shown = await runCli(['providers', 'check', file]);
    expect(shown.stdout).toContain('is valid: City Library (cityLibrary) with 5 steps, 5 IDs and');
  });

  it('check reports every problem and exits 2', async () => {
    const file = writeProvider(LIBRARY.replace('each: cards', 'each: card').replace('kind: manual', 'kind: manuel'));
    const { code, document } = await runJson<Refused>(['providers', 'check', file]);
    expect(code).toBe(2);
    expect(document.error.type).toBe('Provider');
    expect(document.error.problems!.map((problem) => [problem.file, problem.place])).toEqual([
      [file, 'steps[2].each'],
      [file, 'steps[4].kind'],
    ]);
    const shown = await runCli(['providers', 'check', file]);
    expect(shown.code).toBe(2);
    expect(shown.stdout).toContain('steps[2].each');
  });

  it('list and show say which settings are missing, and refuse names that are taken', async () => {
    const file = writeProvider(LIBRARY);
    const env = { HTTP_TASKS_PROVIDERS: dirname(file), LIBRARY_KEY: 'sk_1', LIBRARY_CLIENT_ID_FILE: '/run/id' };
    const list = await runJson<{ provider: string; missing: string[] }[]>(['providers', 'list'], env);
    expect(list.document.map(({ provider }) => provider)).toEqual(['plaid', 'batch', 'cityLibrary']);
    expect(list.document[2]!.missing).toEqual(['LIBRARY_CLIENT_SECRET']);
    const shown = await runCli(['providers', 'show', 'cityLibrary'], env);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('city_library_member_id');
    expect(shown.stdout).not.toContain('sk_1');
    writeFileSync(join(dirname(file), 'second.provider.yaml'), LIBRARY);
    const twice = await runJson<Refused>(['providers', 'list'], env);
    expect(twice.code).toBe(2);
    expect(twice.document.error.problems![0]).toMatchObject({ place: 'provider' });
  });

  it('add copies a provider that comes with the package, and replaces nothing unasked', async () => {
    const to = join(mkdtempSync(join(tmpdir(), 'http-tasks-add-')), 'mine');
    const { code, document } = await runJson<{ files: string[] }>(['providers', 'add', 'hubspot', '--to', to]);
    const files = ['hubspot.provider.yaml', 'hubspot.openapi.yaml', 'hubspot.md'].map((file) => join(to, file));
    expect([code, document]).toEqual([0, { provider: 'hubspot', files }]);
    expect((await runCli(['providers', 'check', files[0]!])).code).toBe(0);
    writeFileSync(files[2]!, 'mine');
    const again = await runJson<Refused>(['providers', 'add', 'hubspot', '--to', to]);
    expect([again.code, again.document.error.message]).toEqual([2, expect.stringContaining('--force replaces it')]);
    expect(readFileSync(files[2]!, 'utf8')).toBe('mine');
    expect((await runCli(['providers', 'add', 'hubspot', '--to', to, '--force'])).code).toBe(0);
    expect(readFileSync(files[2]!, 'utf8')).toContain('# HubSpot');
    const unknown = await runJson<Refused>(['providers', 'add', 'hubspott']);
    expect(unknown).toMatchObject({ code: 2, document: { error: { type: 'Usage', field: 'name' } } });
    expect(unknown.document.error.message).toContain(
      'allowed: hubspot, intercom, klaviyo, mixpanel, onesignal, sendgrid; did you mean hubspot?',
    );
  });

  it('a worker that lacks a setting of a listed provider does not start', async () => {
    const env = { HTTP_TASKS_SERVICES: 'http', HTTP_TASKS_PROVIDERS: writeProvider(LIBRARY), LIBRARY_KEY: 'sk_1' };
    const refused = await runJson<Refused>(['worker'], env);
    expect(refused).toMatchObject({ code: 2, document: { error: { type: 'Settings' } } });
    expect(JSON.stringify(refused.document)).toContain('LIBRARY_CLIENT_SECRET');
    expect(JSON.stringify(refused.document)).not.toContain('sk_1');
  });

  it('refuses IDs of providers that are not listed, and names the nearest, without repeating a value', async () => {
    const env = { HTTP_TASKS_PROVIDERS: writeProvider(LIBRARY), HTTP_TASKS_SUBJECT_KEY: 'sixteen letters!' };
    const field = async (...args: string[]): Promise<string | undefined> => {
      const { code, document } = await runJson<Refused>(args, env);
      expect(code).toBe(2);
      expect(JSON.stringify(document)).not.toContain('m_17');
      return document.error.field;
    };
    expect(await field('offboard', '--reason', 'OTHER', '--id', 'cityLibary.personId=m_17')).toBe(
      'user.ids.cityLibary',
    );
    expect(await field('hold', 'add', '--id', 'cityLibrary.person=m_17')).toBe('user.ids.cityLibrary.person');
  });
});
