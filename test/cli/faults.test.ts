import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessResults } from '@temporal-http-tasks/lab/internal/processes/run-process-faults';
import type { FaultResults } from '@temporal-http-tasks/testing/internal/faults/results';
import { itInWhole } from '../support/amount';
import { parsePage } from './html-page';
import { runCli, runJson, runLabJson } from './run-cli';
import type { Refused } from './run-cli';

const CACHE = { XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache') };

it('http-tasks faults runs a part of the matrix, prints one document, and draws it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-matrix-'));
  try {
    const out = join(folder, 'matrix.html');
    const args = [
      'faults',
      '--only',
      'offboardUser',
      '--calls',
      'userRemove',
      '--faults',
      'maintenance,unknown error code,502 after it was done',
      '--out',
      out,
    ];
    const { code, document } = await runJson<FaultResults>(args, CACHE);
    expect(document).toMatchObject({
      seed: 1,
      combinations: 0,
      cells: 18,
      failed: [],
      numbers: { usersLost: 0, wronglyDeleted: 0, unrecordedCalls: 0, wrongCompensations: 0 },
    });
    expect(document.matrix).toEqual([
      { flow: 'offboardUser', call: 'userRemove', fault: '502 after it was done', marks: 'gggggg' },
      { flow: 'offboardUser', call: 'userRemove', fault: 'maintenance', marks: 'ggggrr' },
      { flow: 'offboardUser', call: 'userRemove', fault: 'unknown error code', marks: 'rrrrrr' },
    ]);
    expect(code).toBe(0);
    const page = parsePage(await readFile(out, 'utf8'));
    expect(page.text()).toContain('All offboardings ended correctly.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

itInWhole(
  'npm run process-faults takes workers, ledger and server away from a sweep, which comes to the same',
  async () => {
    const { code, document } = await runLabJson<ProcessResults>(
      ['process-faults', '--users', '400', '--kills', '1'],
      CACHE,
    );
    expect(document).toMatchObject({
      ok: true,
      disturbances: { kills: 1, ledgerOutages: 2, serverRestarts: 1 },
      undisturbed: { status: 'completed', usersLeft: 0 },
      disturbed: { status: 'completed', usersLeft: 0, counts: { total: 400 } },
      repeatedCalls: { irreversible: 0 },
      bystandersTouched: 0,
      sealHolds: true,
    });
    expect(code).toBe(0);
  },
  240_000,
);

it.each([
  [['--faults', 'no such fault'], 'faults', '--faults: unknown "no such fault"; allowed: connection refused; '],
  [['--only', 'sweep', '--calls', 'gdprRequestGet'], 'calls', '--calls: unknown "gdprRequestGet"'],
])('http-tasks faults %j is refused', async (args, field, message) => {
  const { code, stdout } = await runCli(['faults', ...args, '--json']);
  const { error } = JSON.parse(stdout) as Refused;
  expect(error).toMatchObject({ type: 'Usage', field });
  expect(error.message).toContain(message);
  expect(code).toBe(2);
});

it('npm run process-faults is refused a ledger that is not Postgres', async () => {
  const { code, document } = await runLabJson<Refused>(['process-faults', '--ledger', 'file:x.db']);
  expect(document.error).toEqual({ type: 'Usage', field: 'ledger', message: '--ledger must begin with postgres://.' });
  expect(code).toBe(2);
});
