import { execFileSync } from 'node:child_process';
import { exportLines } from '@temporal-http-tasks/cli/internal/demo/run';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';

it.each(["/tmp/it's here/ledger.db", 'a b', '$HOME `id` "x"', '', 'plain', "'''"])(
  'a setting with the value %j can be pasted into a shell',
  (value) => {
    const [line = ''] = exportLines({ A_SETTING: value });
    expect(execFileSync('sh', ['-c', `${line}\nprintf %s "$A_SETTING"`], { encoding: 'utf8' })).toBe(value);
  },
);

it.each([
  ['=ls', "'=ls'"],
  ['a=b', 'a=b'],
  ['--since=2026-01-01', '--since=2026-01-01'],
])('the word %j is written as %s', (word, written) => {
  expect(quoted(word)).toBe(written);
});
