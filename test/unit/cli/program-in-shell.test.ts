import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { programInShell } from '@temporal-http-tasks/cli/internal/program/io';

const folder = mkdtempSync(join(tmpdir(), 'http-tasks-path-'));
const ofProject = join(folder, 'project', 'node_modules', '.bin');
const ofSystem = join(folder, 'bin');

beforeAll(() => {
  for (const one of [ofProject, ofSystem]) {
    mkdirSync(one, { recursive: true });
    writeFileSync(join(one, 'http-tasks'), '');
    chmodSync(join(one, 'http-tasks'), 0o755);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

const inCache = '/home/me/.npm/_npx/0123/node_modules/@temporal-http-tasks/cli/bin/http-tasks.js';

it.each([
  ['is in the PATH', [ofSystem], {}, '', 'http-tasks'],
  [
    'is in the PATH, and started by npx',
    [ofProject, ofSystem],
    { npm_config_user_agent: 'npm/10.9.0' },
    '',
    'http-tasks',
  ],
  ['is only of the project', [ofProject], { npm_config_user_agent: 'npm/10.9.0 node/v22' }, '', 'npx http-tasks'],
  ['is run by its file', ['/usr/bin'], {}, '/project/node_modules/.bin/http-tasks', 'npx http-tasks'],
  ['is started by pnpm', [ofProject], { npm_config_user_agent: 'pnpm/9.1.0 npm/?' }, '', 'pnpm exec http-tasks'],
  ['is started by yarn', [ofProject], { npm_config_user_agent: 'yarn/4.0.0' }, '', 'yarn http-tasks'],
  ['is installed by npx only', [], {}, inCache, 'npx --package=@temporal-http-tasks/cli http-tasks'],
])('the program that %s is typed so that it runs', (_, path, env, script, typed) => {
  expect(programInShell({ PATH: path.join(delimiter), ...env }, script)).toBe(typed);
});
