import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { batchService } from 'temporal-http-tasks/internal/providers/batch/service';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { GOOD, problemsOf } from './good-settings';

describe('App keys', () => {
  function slotsOf(keys: string): Record<string, string> {
    const batch = readSenderSettings({ ...GOOD, BATCH_API_KEYS: keys }, [batchService]).services.get('batch')!;
    return Object.fromEntries(
      batch.keySlots.map((slot) => [
        slot,
        batch.credentialsFor(slot).find(({ rule }) => rule.in === 'path')!.value as string,
      ]),
    );
  }

  it.each([
    ['KEY', { default: 'KEY' }],
    ['ios=A', { ios: 'A' }],
    ['ios=A,android=B', { ios: 'A', android: 'B' }],
    [' ios = A , web-2 = B', { ios: 'A', 'web-2': 'B' }],
    ['ios=A=B==', { ios: 'A=B==' }],
  ])('%j are read', (keys, slots) => {
    expect(slotsOf(keys.trim())).toEqual(slots);
  });

  it.each([
    ['a key without a name', 'ios=canary1,canary2', /entry 2/],
    ['a name without a key', 'ios=canary1,android=', /entry 2 \("android"\)/],
    ['a name that is used twice', 'ios=canary1,ios=canary2', /duplicate key name "ios"/],
    ['an empty name', '=canary', /entry 1/],
    ['a name with a space', 'my app=canary', /entry 1/],
    ['a comma at the end', 'ios=canary,', /entry 2/],
    ['a line break in a key', 'ios=can\nary', /"ios" contains a control character/],
  ])('with %s are refused', (_what, keys, message) => {
    expect(
      problemsOf(() => readSenderSettings({ ...GOOD, BATCH_API_KEYS: keys }, [batchService])).BATCH_API_KEYS,
    ).toMatch(message);
  });
});

describe('A secret from a file', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'http-tasks-settings-'));
    file = join(folder, 'secret');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const { PLAID_SECRET: _inline, ...rest } = GOOD;
  const read = (more: Record<string, string> = {}) =>
    readSenderSettings({ ...rest, PLAID_SECRET_FILE: file, ...more }, [plaidService]);

  it.each(['canary', 'canary\n', 'canary\r\n'])('%j is read without its one last line break', (text) => {
    writeFileSync(file, text);
    expect(read().secretValues()).toContain('canary');
  });

  it.each([
    ['is missing', undefined, /cannot be read/],
    ['is empty', '', /is empty/],
    ['holds only a line break', '\n', /is empty/],
    ['holds two line breaks', 'canary\n\n', /line break/],
    ['holds two lines', 'canary\ncanary', /control character/],
    ['begins with a space', ' canary', /white space/],
    ['holds a letter outside ASCII', 'canärycanary', /ASCII/],
  ])('that %s is refused under the name of the setting', (_what, text, message) => {
    if (text !== undefined) writeFileSync(file, text);
    expect(problemsOf(read).PLAID_SECRET_FILE).toMatch(message);
  });

  it('is refused next to the same secret in the environment', () => {
    writeFileSync(file, 'canary');
    expect(problemsOf(() => read({ PLAID_SECRET: 'canary-2' })).PLAID_SECRET).toContain('set only one of them');
  });

  it('counts alone when the variable of the same name is empty', () => {
    writeFileSync(file, 'canary');
    expect(read({ PLAID_SECRET: '' }).secretValues()).toContain('canary');
  });

  it('is read again on demand, and the settings say whether anything changed', () => {
    writeFileSync(file, 'canary-old');
    const settings = read();
    expect(settings.reload()).toBe(false);
    expect(settings.version).toBe(0);
    writeFileSync(file, 'canary-new\n');
    expect(settings.reload()).toBe(true);
    expect(settings.version).toBe(1);
    expect(settings.secretValues()).toContain('canary-new');
    expect(settings.secretValues()).not.toContain('canary-old');
  });

  it('may hold app keys too, and adds new slots', () => {
    const { BATCH_API_KEYS: _keys, ...batchRest } = GOOD;
    writeFileSync(file, 'ios=canary-1');
    const settings = readSenderSettings({ ...batchRest, BATCH_API_KEYS_FILE: file }, [batchService]);
    writeFileSync(file, 'ios=canary-1,web=canary-2');
    expect(settings.reload()).toBe(true);
    expect(settings.services.get('batch')?.keySlots).toEqual(['ios', 'web']);
  });
});

describe('A named secret', () => {
  const read = (env: Record<string, string>) => readSenderSettings(env, []);
  const A_SECRET = { HTTP_TASKS_SECRET_A: 'canary-key', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' };

  it('is read together with its origin', () => {
    const settings = read({
      HTTP_TASKS_SECRET_TICKETS: 'canary-key',
      HTTP_TASKS_SECRET_TICKETS_ORIGIN: 'https://tickets.example/',
    });
    expect(settings.namedSecrets.get('TICKETS')).toMatchObject({
      name: 'TICKETS',
      scope: { origin: 'https://tickets.example' },
    });
    expect(settings.namedSecrets.get('TICKETS')?.value).toBe('canary-key');
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ['without an origin', { HTTP_TASKS_SECRET_A: 'canary-key' }, 'HTTP_TASKS_SECRET_A_ORIGIN', /is missing/],
    ['without a value', { HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' }, 'HTTP_TASKS_SECRET_A', /is missing/],
    [
      'for an origin in clear',
      { HTTP_TASKS_SECRET_A: 'canary-key', HTTP_TASKS_SECRET_A_ORIGIN: 'http://a.example' },
      'HTTP_TASKS_SECRET_A_ORIGIN',
      /in clear/,
    ],
    [
      'for more than an origin',
      { HTTP_TASKS_SECRET_A: 'canary-key', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example/x' },
      'HTTP_TASKS_SECRET_A_ORIGIN',
      /more than an origin/,
    ],
    [
      'of fewer than 8 characters',
      { HTTP_TASKS_SECRET_A: 'canary7', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' },
      'HTTP_TASKS_SECRET_A',
      /fewer than 8 characters/,
    ],
    [
      'limited to a method that is none',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_METHODS: 'GET,FETCH' },
      'HTTP_TASKS_SECRET_A_METHODS',
      /not a list of methods.*Allowed: GET/,
    ],
    [
      'limited to no method at all',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_METHODS: ',' },
      'HTTP_TASKS_SECRET_A_METHODS',
      /not a list of methods/,
    ],
    [
      'limited to no path at all',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: ',' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /no path/,
    ],
    [
      'limited to a path without a slash',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: 'v1' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /begin with a slash/,
    ],
    [
      'limited to a path with dots',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: '/v1/../v2' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /dots/,
    ],
    [
      'limited to a path with an encoded slash',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: '/v1%2fv2' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /encoded slash/,
    ],
    [
      'limited to a path with a query',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: '/v1?x' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /a query/,
    ],
    ['with limits only', { HTTP_TASKS_SECRET_A_METHODS: 'GET' }, 'HTTP_TASKS_SECRET_A', /is missing/],
    [
      'that no header can carry',
      { HTTP_TASKS_SECRET_A: 'canary-key\n', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' },
      'HTTP_TASKS_SECRET_A',
      /header/,
    ],
  ])('%s is refused', (_what, env, setting, message) => {
    expect(problemsOf(() => read(env))[setting]).toMatch(message);
  });
});
