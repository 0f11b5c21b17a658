import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ROOT, textOf } from './files';

const path = join(ROOT, 'deploy/temporal/temporal.toml');
const load = (profile: string): ReturnType<typeof loadClientConnectConfig> =>
  loadClientConnectConfig({ profile, configSource: { path }, overrideEnvVars: {} });

it('has a profile that signs in with an API key, over TLS', () => {
  const { connectionOptions, namespace } = load('cloud-api-key');
  expect(connectionOptions).toMatchObject({ address: expect.stringMatching(/:7233$/), apiKey: expect.any(String) });
  expect(connectionOptions.tls).toBeTruthy();
  expect(namespace).toBe('NAMESPACE.ACCOUNT');
});

it('has a profile that signs in with a certificate, whose files a worker reads at its start', () => {
  expect(() => load('cloud-mtls')).toThrow(/client\.pem/);
});

it('holds no key', () => {
  expect(/api_key = "(.*)"/.exec(textOf('deploy/temporal/temporal.toml'))?.[1]).toMatch(/^PASTE /);
});
