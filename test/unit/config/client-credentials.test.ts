import { OAuthClient } from 'temporal-http-tasks/internal/config/credential';
import type { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { GatewaySecrets } from '@temporal-http-tasks/console/internal/gateway/secrets';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import type { CredentialRule, ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';

const RULE: CredentialRule = {
  setting: 'DESK_CLIENT_SECRET',
  in: 'header',
  name: 'authorization',
  scheme: 'bearer',
  clientCredentials: {
    tokenUrl: '/token',
    clientIdSetting: 'DESK_CLIENT_ID',
    settings: { tokenUrl: 'DESK_TOKEN_URL' },
  },
};

const deskWith = (more: Partial<CredentialRule>): ServiceDefinition =>
  defineService({
    name: 'desk',
    title: 'Ticket desk',
    environments: { default: 'https://desk.example/v1' },
    defaultEnvironment: 'default',
    credentials: [{ ...RULE, ...more }],
    errors: { fields: { code: 'error' }, rules: [] },
  });

const NAMED = {
  HTTP_TASKS_OAUTH_DESK_TOKEN_URL: 'https://login.example/token',
  HTTP_TASKS_OAUTH_DESK_CLIENT_ID: 'canary-id',
  HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET: 'canary-secret',
  HTTP_TASKS_OAUTH_DESK_ORIGIN: 'https://desk.example',
};

describe('Client credentials', () => {
  it.each([
    ['a query', { in: 'query' }, /only be sent in a header/],
    ['user and password', { scheme: 'basic' }, /no user and password/],
    [
      'a token endpoint that is no URL',
      { clientCredentials: { tokenUrl: 'login', clientIdSetting: 'DESK_CLIENT_ID' } },
      /tokenUrl "login"/,
    ],
    [
      'an environment without a token endpoint',
      { clientCredentials: { tokenUrl: { live: 'https://a.example' }, clientIdSetting: 'DESK_CLIENT_ID' } },
      /environment "default"/,
    ],
  ])('are refused in a definition with %s', (_what, more, message) => {
    expect(() => deskWith(more as Partial<CredentialRule>)).toThrow(message);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'without a token endpoint',
      { HTTP_TASKS_OAUTH_DESK_TOKEN_URL: '' },
      'HTTP_TASKS_OAUTH_DESK_TOKEN_URL',
      /is missing/,
    ],
    [
      'whose token endpoint is in clear',
      { HTTP_TASKS_OAUTH_DESK_TOKEN_URL: 'http://login.example' },
      'HTTP_TASKS_OAUTH_DESK_TOKEN_URL',
      /in clear/,
    ],
    [
      'without a secret',
      { HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET: '' },
      'HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET',
      /is missing/,
    ],
    ['without an origin', { HTTP_TASKS_OAUTH_DESK_ORIGIN: '' }, 'HTTP_TASKS_OAUTH_DESK_ORIGIN', /is missing/],
    [
      'that signs in another way',
      { HTTP_TASKS_OAUTH_DESK_AUTH_METHOD: 'private_key_jwt' },
      'HTTP_TASKS_OAUTH_DESK_AUTH_METHOD',
      /client_secret_basic, client_secret_post/,
    ],
    [
      'with the name of a secret',
      { HTTP_TASKS_SECRET_DESK: 'canary-key', HTTP_TASKS_SECRET_DESK_ORIGIN: 'https://a.example' },
      'HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET',
      /same name/,
    ],
  ])('are refused in settings %s', (_what, more, setting, message) => {
    const problems = new Map<string, string>();
    try {
      readSenderSettings({ ...NAMED, ...more }, []);
    } catch (error) {
      for (const problem of (error as SettingsError).problems) problems.set(problem.setting, problem.message);
    }
    expect([...problems.keys()]).toEqual([setting]);
    expect(problems.get(setting)).toMatch(message);
  });

  it.each([
    ['https://login.example/token', undefined, 'https://login.example/token'],
    [{ default: '/token' }, undefined, 'https://desk.example/token'],
    ['/token', 'https://other.example/t?x=1', 'https://other.example/t?x=1'],
  ])('lead from %j and the setting %s to %s', (tokenUrl, DESK_TOKEN_URL, expected) => {
    const service = deskWith({ clientCredentials: { ...RULE.clientCredentials!, tokenUrl } });
    const env = { DESK_CLIENT_ID: 'canary-id', DESK_CLIENT_SECRET: 'canary-secret', DESK_TOKEN_URL };
    const [{ value } = { value: '' }] = readSenderSettings(env, [service])
      .services.get('desk')!
      .credentialsFor(undefined);
    if (!(value instanceof OAuthClient)) throw new Error('it is no client');
    expect(value.tokenEndpoint.origin + value.tokenEndpoint.path).toBe(expected);
  });

  it('are both asked for by the console, and neither is shown', () => {
    const secrets = new GatewaySecrets({ DESK_CLIENT_ID: 'canary-id' }, [deskWith({})]);
    const settings = () => secrets.overview(() => true).flatMap((service) => service.settings);
    expect(settings()).toEqual([
      { setting: 'DESK_CLIENT_ID', state: 'set', from: 'variable' },
      { setting: 'DESK_CLIENT_SECRET', state: 'missing' },
    ]);
    secrets.enter({ DESK_CLIENT_ID: 'canary-other', DESK_CLIENT_SECRET: 'canary-secret' });
    expect(settings().map(({ state, from }) => [state, from])).toEqual([
      ['set', 'entered'],
      ['set', 'entered'],
    ]);
    expect(JSON.stringify(secrets.overview(() => true))).not.toContain('canary');
  });
});
