import { execFileSync } from 'node:child_process';
import { exportLines } from '@temporal-http-tasks/cli/internal/demo/run';

it.each(["/tmp/it's here/ledger.db", 'a b', '$HOME `id` "x"', '', 'plain', "'''"])(
  'a setting with the value %j can be pasted into a shell',
  (value) => {
    const [line = ''] = exportLines({ A_SETTING: value });
    expect(execFileSync('sh', ['-c', `${line}\nprintf %s "$A_SETTING"`], { encoding: 'utf8' })).toBe(value);
  },
);
