import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, runJson } from './run-cli';

const folder = mkdtempSync(join(tmpdir(), 'policies-'));

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

interface Refused {
  error: { type: string; field?: string; message: string; problems?: { file: string; place: string }[] };
}

const GOOD = fileOf(
  'good.yaml',
  'version: 1\ntasks: [plaid.userItemsGet]\nusers: {perDay: 10}\nreasonCodes: [OTHER]\n',
);
const BAD = fileOf('bad.yaml', 'version: 1\ntask: [plaid.*]\nusers: {perDay: -1}\n');
const PLAID = { PLAID_BASE_URL: 'http://127.0.0.1:1', PLAID_CLIENT_ID: 'client', PLAID_SECRET: 'secret' };

it('check and show print a policy, and check every problem of a broken one', async () => {
  const checked = await runJson<{ ok: boolean; digest: string }>(['policy', 'check', GOOD]);
  expect(checked).toMatchObject({ code: 0, document: { ok: true, file: GOOD, rules: { users: { perDay: 10 } } } });
  const shown = await runJson<{ digest: string }>(['policy', 'show'], { HTTP_TASKS_POLICY: GOOD });
  expect(shown).toMatchObject({ code: 0, document: { set: true, digest: checked.document.digest } });
  expect((await runCli(['policy', 'show'])).stdout).toContain('no policy applies');
  const broken = await runJson<Refused>(['policy', 'check', BAD]);
  expect(broken.code).toBe(2);
  expect(broken.document.error.type).toBe('Policy');
  expect(broken.document.error.problems!.map(({ file, place }) => [file, place]).sort()).toEqual([
    [BAD, 'task'],
    [BAD, 'users.perDay'],
  ]);
  const text = await runCli(['policy', 'check', BAD]);
  expect(text.code).toBe(2);
  expect(text.stdout).toContain('did you mean tasks?');
});

it.each<[string, string[], string]>([
  ['a call', ['call', 'plaid.userRemove', '--input', '{"user_id":"usr_1"}', '--yes'], 'tasks'],
  ['a call that is only shown', ['call', 'plaid.userRemove', '--input', '{"user_id":"usr_1"}', '--dry-run'], 'tasks'],
  ['a run', ['offboard', '--plaid-user-id', 'usr_1', '--reason', 'USER_OFFBOARDING', '--yes'], 'reasonCodes'],
  ['a sweep', ['sweep', '--source', 'query:closed', '--reason', 'USER_OFFBOARDING', '--yes'], 'reasonCodes'],
])('%s that the policy forbids is refused before anything is started', async (_, args, rule) => {
  const { code, document } = await runJson<Refused>(args, { ...PLAID, HTTP_TASKS_POLICY: GOOD });
  expect({ code, ...document.error }).toMatchObject({ code: 2, type: 'Task.NotAllowed', field: rule });
});

it.each([
  ['a worker', ['worker']],
  ['a call', ['call', 'plaid.userItemsGet', '--input', '{"user_id":"usr_1"}']],
])('%s with a broken policy reports every problem and does nothing', async (_, args) => {
  const { code, document } = await runJson<Refused>(args, { ...PLAID, HTTP_TASKS_POLICY: BAD });
  expect(code).toBe(2);
  expect(document.error).toMatchObject({ type: 'Policy', field: 'HTTP_TASKS_POLICY' });
  expect(document.error.problems).toHaveLength(2);
});
