import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DEV_ENVIRONMENT_FILE,
  readDevEnvironment,
  settingWithoutNotation,
  writeDevEnvironment,
} from '@temporal-http-tasks/cli/internal/dev/dev-environment';

const SETTINGS = { TEMPORAL_ADDRESS: '127.0.0.1:7233', PLAID_BASE_URL: 'http://127.0.0.1:4010', PLAID_SECRET: "it's" };

/** A program that prints these variables. */
const printing = (names: readonly string[]): string =>
  `console.log(JSON.stringify(Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, process.env[name]]))))`;

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-dev-environment-'));
  path = join(folder, DEV_ENVIRONMENT_FILE);
});

describe('the settings of a running http-tasks dev', () => {
  it('are read by other commands in its folder, and no more once they are removed', () => {
    const remove = writeDevEnvironment(folder, SETTINGS);
    const { env, note } = readDevEnvironment('offboard', folder, { HOME: '/home/me', PLAID_SECRET: "it's" });
    expect(env).toEqual({ HOME: '/home/me', ...SETTINGS });
    expect(note).toContain('http-tasks dev');
    remove?.();
    expect(readDevEnvironment('offboard', folder, { HOME: '/home/me' })).toEqual({ env: { HOME: '/home/me' } });
  });

  it('are a file for a shell and for its owner only', () => {
    const remove = writeDevEnvironment(folder, SETTINGS);
    const shell = 'set -a; . "$1"; printf "%s|%s" "$PLAID_SECRET" "$TEMPORAL_ADDRESS"; stat -c %a "$1"';
    const { stdout } = spawnSync('sh', ['-c', shell, 'sh', path], { encoding: 'utf8' });
    expect(stdout).toBe("it's|127.0.0.1:7233600\n");
    remove?.();
  });

  it.each([
    'a folder with spaces',
    '$(touch pwned) `touch pwned` $HOME "q" \\n \\ #=;&|<>*?~!',
    "it's a folder",
    'two\nlines',
    '',
  ])('are the same value for a shell, for Node.js and for other commands: %j', (value) => {
    const settings = { HTTP_TASKS_PROVIDERS: value, PLAID_SECRET: 'behind it' };
    const remove = writeDevEnvironment(folder, settings);
    const names = Object.keys(settings);
    const fromShell = spawnSync(
      'sh',
      ['-c', 'set -a; . "$1"; exec "$2" -e "$3"', 'sh', path, process.execPath, printing(names)],
      { encoding: 'utf8', cwd: folder, env: {} },
    );
    expect(JSON.parse(fromShell.stdout)).toEqual(settings);
    const fromNode = spawnSync(process.execPath, [`--env-file=${path}`, '-e', printing(names)], {
      encoding: 'utf8',
      env: {},
    });
    expect(JSON.parse(fromNode.stdout)).toEqual(settings);
    expect(readDevEnvironment('offboard', folder, {}).env).toEqual(settings);
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
    remove?.();
  });

  it.each(["it's $HOME", 'it\'s "q"', "it's `x`", "it's \\", 'ends with \\'])(
    'are not written where nothing reads the same in all of them: %j',
    (value) => {
      expect(settingWithoutNotation({ PLAID_SECRET: 'plain', HTTP_TASKS_PROVIDERS: value })).toBe(
        'HTTP_TASKS_PROVIDERS',
      );
      expect(writeDevEnvironment(folder, { HTTP_TASKS_PROVIDERS: value })).toBeUndefined();
      expect(existsSync(path)).toBe(false);
    },
  );

  it.each(['dev', 'demo', 'faults', 'simulate'])('are not read by %s', (command) => {
    const remove = writeDevEnvironment(folder, SETTINGS);
    expect(readDevEnvironment(command, folder, {})).toEqual({ env: {} });
    remove?.();
  });

  it('refuse a command whose environment has another value, without showing either', () => {
    const remove = writeDevEnvironment(folder, SETTINGS);
    const read = (): unknown => readDevEnvironment('offboard', folder, { PLAID_SECRET: 'production-secret' });
    expect(read).toThrow(/PLAID_SECRET: differs from \.http-tasks-dev\.env/);
    expect(read).not.toThrow(/production-secret/);
    remove?.();
  });

  it('accept provider files that the environment names in another way', () => {
    const remove = writeDevEnvironment(folder, { HTTP_TASKS_PROVIDERS: join(folder, 'courier.provider.yaml') });
    const read = (paths: string): unknown => readDevEnvironment('offboard', folder, { HTTP_TASKS_PROVIDERS: paths });
    expect(read('./courier.provider.yaml')).toMatchObject({ env: { HTTP_TASKS_PROVIDERS: expect.any(String) } });
    expect(() => read('./other.provider.yaml')).toThrow(/HTTP_TASKS_PROVIDERS: differs/);
    remove?.();
  });

  it.each([
    ['TEMPORAL_ADDRESS', 'temporal.example.com:7233'],
    ['TEMPORAL_ADDRESS', '10.0.0.1:7233'],
    ['HTTP_TASKS_LEDGER_URL', 'postgres://u:p@db.example.com/x'],
    ['PLAID_BASE_URL', 'https://production.plaid.com'],
  ])('refuse %s=%s, which is another machine', (name, value) => {
    const remove = writeDevEnvironment(folder, { [name]: value });
    expect(() => readDevEnvironment('offboard', folder, {})).toThrow(`${name}: in ${DEV_ENVIRONMENT_FILE}`);
    remove?.();
  });

  it('are not used from a file that others can read or write, as one from a repository is', async () => {
    writeDevEnvironment(folder, SETTINGS);
    await chmod(path, 0o644);
    expect(readDevEnvironment('offboard', folder, {})).toEqual({ env: {} });
  });

  it('are not used once their process has ended, and are replaced', async () => {
    const ended = spawnSync('true').pid;
    const text = `# Written by http-tasks dev, process ${ended}.\nTEMPORAL_ADDRESS='127.0.0.1:1'\n`;
    await writeFile(path, text, { mode: 0o600 });
    expect(readDevEnvironment('offboard', folder, {})).toEqual({ env: {}, note: expect.stringContaining('not used') });
    const remove = writeDevEnvironment(folder, SETTINGS);
    expect(readDevEnvironment('offboard', folder, {}).env).toEqual(SETTINGS);
    remove?.();
  });

  it('of another http-tasks dev in the folder stay', async () => {
    const remove = writeDevEnvironment(folder, SETTINGS);
    const before = await readFile(path, 'utf8');
    expect(writeDevEnvironment(folder, { TEMPORAL_ADDRESS: '127.0.0.1:2' })).toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe(before);
    remove?.();
  });
});
