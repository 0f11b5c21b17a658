import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createAuthority } from '../../support/certificates';

const folder = mkdtempSync(join(tmpdir(), 'network-settings-'));
const authority = createAuthority('Test authority');
const ours = authority.certify('worker-1');

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const TLS = {
  HTTP_TASKS_TLS_DESK_ORIGIN: 'https://desk.example, https://login.example',
  HTTP_TASKS_TLS_DESK_CERT_FILE: file('cert.pem', ours.cert + authority.cert),
  HTTP_TASKS_TLS_DESK_KEY_FILE: file('key.pem', ours.key),
  HTTP_TASKS_TLS_DESK_CA_FILE: file('ca.pem', authority.cert),
};
const LOCKED_KEY = file(
  'locked.pem',
  createPrivateKey(ours.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'canary',
  }) as string,
);

afterAll(() => rmSync(folder, { recursive: true }));

function problemsOf(env: Record<string, string>): Record<string, string> {
  try {
    readSenderSettings(env, []);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    expect(`${error.message} ${inspect(error)}`).not.toMatch(/canary|PRIVATE KEY/);
    return Object.fromEntries(error.problems.map(({ setting, message }) => [setting, message]));
  }
  return {};
}

describe('Client certificates', () => {
  it('are read with the key that a passphrase opens, for each origin that they are for', () => {
    const { tlsIdentities } = readSenderSettings(
      { ...TLS, HTTP_TASKS_TLS_DESK_KEY_FILE: LOCKED_KEY, HTTP_TASKS_TLS_DESK_KEY_PASSPHRASE: 'canary' },
      [],
    );
    expect([...tlsIdentities.keys()]).toEqual(['https://desk.example', 'https://login.example']);
    expect(tlsIdentities.get('https://desk.example')).toBe(tlsIdentities.get('https://login.example'));
    expect(tlsIdentities.get('https://desk.example')!.material()).toMatchObject({
      passphrase: 'canary',
      ca: authority.cert,
    });
    expect(inspect(tlsIdentities, { depth: 5 })).not.toMatch(/canary|PRIVATE KEY/);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ['without an origin', { HTTP_TASKS_TLS_DESK_ORIGIN: '' }, 'ORIGIN', /is missing/],
    ['for an origin in clear', { HTTP_TASKS_TLS_DESK_ORIGIN: 'http://desk.example' }, 'ORIGIN', /does not use TLS/],
    ['for a wildcard', { HTTP_TASKS_TLS_DESK_ORIGIN: 'https://*.desk.example' }, 'ORIGIN', /wildcard/],
    ['with a certificate only', { HTTP_TASKS_TLS_DESK_KEY_FILE: '' }, 'KEY_FILE', /go together/],
    ['with a key only', { HTTP_TASKS_TLS_DESK_CERT_FILE: '' }, 'CERT_FILE', /go together/],
    [
      'with neither and no authority',
      { HTTP_TASKS_TLS_DESK_CERT_FILE: '', HTTP_TASKS_TLS_DESK_KEY_FILE: '', HTTP_TASKS_TLS_DESK_CA_FILE: '' },
      'CERT_FILE',
      /is missing/,
    ],
    [
      'in a file that is not there',
      { HTTP_TASKS_TLS_DESK_CERT_FILE: join(folder, 'gone.pem') },
      'CERT_FILE',
      /cannot be read/,
    ],
    [
      'in a file that holds none',
      { HTTP_TASKS_TLS_DESK_CERT_FILE: file('canary.pem', 'canary') },
      'CERT_FILE',
      /no certificate/,
    ],
    [
      'that have ended',
      { HTTP_TASKS_TLS_DESK_CERT_FILE: file('ended.pem', authority.certify('worker-1', { ended: true }).cert) },
      'CERT_FILE',
      /expired on/,
    ],
    [
      'with the key of another',
      { HTTP_TASKS_TLS_DESK_KEY_FILE: file('other.pem', authority.certify('other').key) },
      'KEY_FILE',
      /does not belong to the first certificate/,
    ],
    [
      'with a locked key and no passphrase',
      { HTTP_TASKS_TLS_DESK_KEY_FILE: LOCKED_KEY },
      'KEY_FILE',
      /without a passphrase/,
    ],
    [
      'with a wrong passphrase',
      { HTTP_TASKS_TLS_DESK_KEY_FILE: LOCKED_KEY, HTTP_TASKS_TLS_DESK_KEY_PASSPHRASE: 'wrong' },
      'KEY_FILE',
      /this passphrase/,
    ],
    [
      'with an authority that is none',
      { HTTP_TASKS_TLS_DESK_CA_FILE: file('key-as-ca.pem', ours.key) },
      'CA_FILE',
      /no certificate/,
    ],
  ])('are refused %s', (_what, more, part, message) => {
    expect(problemsOf({ ...TLS, ...more })).toEqual({
      [`HTTP_TASKS_TLS_DESK_${part}`]: expect.stringMatching(message),
    });
  });

  it('are refused when two are for the same origin', () => {
    const other = {
      HTTP_TASKS_TLS_OTHER_ORIGIN: 'https://login.example:443',
      HTTP_TASKS_TLS_OTHER_CA_FILE: TLS.HTTP_TASKS_TLS_DESK_CA_FILE,
    };
    expect(problemsOf({ ...TLS, ...other })).toEqual({
      HTTP_TASKS_TLS_OTHER_ORIGIN: expect.stringContaining('which HTTP_TASKS_TLS_DESK_ORIGIN names too'),
    });
  });
});

describe('A proxy', () => {
  const proxyWith = (more: Record<string, string> = {}) =>
    readSenderSettings({ HTTP_TASKS_PROXY: 'http://me:can%61ry%2F@proxy.example:3128', ...more }, []).proxy!;

  it('has an origin, and user and password that are never shown', () => {
    const proxy = proxyWith();
    expect({ origin: proxy.origin, lookup: proxy.lookup }).toEqual({
      origin: 'http://proxy.example:3128',
      lookup: 'here',
    });
    expect(proxy.authorization).toBe(`Basic ${Buffer.from('me:canary/').toString('base64')}`);
    expect(inspect(proxy, { depth: 5 })).not.toContain('canary');
    expect(
      readSenderSettings({ HTTP_TASKS_PROXY: 'http://me:canary-password@proxy.example' }, []).secretValues(),
    ).toContain('canary-password');
    expect(readSenderSettings({ HTTP_TASKS_PROXY: 'http://proxy.example' }, []).proxy!.authorization).toBeUndefined();
  });

  it.each([
    ['https://api.example.com', undefined, true],
    ['http://localhost:8080', undefined, false],
    ['http://127.0.0.2', undefined, false],
    ['https://[::1]', undefined, false],
    ['http://localhost:8080', 'example.com', true],
    ['https://example.com', 'example.com', false],
    ['https://a.b.example.com', 'EXAMPLE.com', false],
    ['https://a.example.com', '.example.com', false],
    ['https://a.example.com', '*.example.com', false],
    ['https://notexample.com', 'example.com', true],
    ['https://example.com', 'example.com:8443', true],
    ['https://example.com:8443', 'example.com:8443', false],
    ['https://example.com', 'example.com:443', false],
    ['http://10.1.2.3', '10.0.0.0/8', false],
    ['http://11.1.2.3', '10.0.0.0/8', true],
    ['http://10.0.0.5:80', '10.0.0.5', false],
    ['https://[fd00::1]', 'fd00::/8', false],
    ['https://[::1]:8080', '[::1]:8080', false],
    ['https://api.example.com', '*', false],
  ])('is between us and %s when calls to %s go directly: %s', (origin, direct, expected) => {
    expect(
      proxyWith(
        direct === undefined ? {} : { HTTP_TASKS_NO_PROXY: `other.example, ${direct}`.replace(/^.*\*$/, '*') },
      ).isFor(origin),
    ).toBe(expected);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'that is no URL',
      { HTTP_TASKS_PROXY: 'canary:3128:1' },
      'HTTP_TASKS_PROXY',
      /is not a URL|not an http or https URL/,
    ],
    [
      'of another kind',
      { HTTP_TASKS_PROXY: 'socks5://canary@proxy.example' },
      'HTTP_TASKS_PROXY',
      /not an http or https URL/,
    ],
    ['with a path', { HTTP_TASKS_PROXY: 'http://proxy.example/canary' }, 'HTTP_TASKS_PROXY', /more than/],
    [
      'with half an encoded password',
      { HTTP_TASKS_PROXY: 'http://me:canary%@proxy.example' },
      'HTTP_TASKS_PROXY',
      /%25/,
    ],
    [
      'with a list that holds an address of a page',
      { HTTP_TASKS_NO_PROXY: 'https://example.com' },
      'HTTP_TASKS_NO_PROXY',
      /not a host/,
    ],
    [
      'with a list that holds half a wildcard',
      { HTTP_TASKS_NO_PROXY: 'a*.example.com' },
      'HTTP_TASKS_NO_PROXY',
      /not a host/,
    ],
    ['with a network that cannot be', { HTTP_TASKS_NO_PROXY: '10.0.0.0/33' }, 'HTTP_TASKS_NO_PROXY', /network/],
    [
      'with names looked up nowhere',
      { HTTP_TASKS_PROXY_LOOKUP: 'never' },
      'HTTP_TASKS_PROXY_LOOKUP',
      /allowed: here, proxy/,
    ],
  ])('is refused %s', (_what, more, setting, message) => {
    expect(problemsOf({ HTTP_TASKS_PROXY: 'http://proxy.example:3128', ...more })).toEqual({
      [setting]: expect.stringMatching(message),
    });
  });
});
