import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { EvidenceVerification } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import type { RunningCli } from './run-cli';
import { runRaw } from '../ledger/databases';
import { freshTaskQueue } from '../support/temporal';
import { runCli, runJson } from './run-cli';
import { openStage, until } from './sweep-stage';
import type { SweepEnd, SweepStage } from './sweep-stage';

const REASON = ['--reason', 'CONSUMER_ACCOUNT_CLOSED'];
/** Offset of Kathmandu from UTC, in milliseconds: 5:45. */
const KATHMANDU_MS = 20_700_000;
const NO_OUTCOME = { removed: 0, alreadyGone: 0, accepted: 0, skipped: 0, held: 0, notFound: 0, failed: 0, unknown: 0 };

let stage: SweepStage;
let worker: RunningCli;

beforeAll(async () => {
  stage = await openStage();
  worker = await stage.startWorker();
});

afterAll(async () => {
  await worker.stop();
  await stage.close();
});

describe('sweep --source FILE --watch', () => {
  it('offboards all users of a file and prints exactly the document of the contract, with exit 0', async () => {
    const users = stage.newUsers(3);
    const file = stage.fileOf([...users, users[0] ?? {}]);
    const { code, document, stderr } = await stage.run(
      'sweep',
      '--source',
      file,
      ...REASON,
      '--id',
      'whole',
      '--watch',
    );
    expect({ code, document }).toEqual({
      code: 0,
      document: {
        sweepId: 'whole',
        status: 'completed',
        counts: { ...NO_OUTCOME, total: 3, accepted: 3 },
        duplicates: 1,
        rejected: 0,
        columns: { used: ['plaid_user_id', 'batch_user_id'], ignored: [] },
        merkleRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    const { gone } = stage.simulators.plaid.state();
    expect(users.every(({ plaidId }) => gone.includes(plaidId))).toBe(true);
    expect(users.some(({ plaidId, batchId }) => stderr.includes(plaidId) || stderr.includes(batchId))).toBe(false);
  });

  it('with --skip-done leaves out only rows whose closed_at is before the sweep that did them', async () => {
    const [older, newer, unreported] = stage.newUsers(3);
    if (!older || !newer || !unreported) throw new Error('There are too few users.');
    const file = join(stage.folder, 'closed.csv');
    const times = new Map([
      [older, '2026-01-01T00:00:00Z'],
      [newer, '2099-01-01T00:00:00Z'],
    ]);
    const rows = [older, newer, unreported].map((user) => `${user.plaidId},${user.batchId},${times.get(user) ?? ''}\n`);
    writeFileSync(file, `plaid_user_id,batch_user_id,closed_at\n${rows.join('')}`);
    const sweep = async () =>
      (await stage.run('sweep', '--source', file, ...REASON, '--skip-done', '--watch')).document;
    expect(await sweep()).toMatchObject({ status: 'completed', counts: { total: 3, accepted: 3, skipped: 0 } });
    stage.simulators.plaid.seed({
      users: [newer, unreported].map(({ plaidId }) => ({ userId: plaidId, items: [`item-again-${plaidId}`] })),
    });
    expect(await sweep()).toMatchObject({ status: 'completed', counts: { total: 3, accepted: 2, skipped: 1 } });
    expect(stage.simulators.plaid.state().items.left).toEqual([]);
  });

  it('goes through chunks as well, and reports them while they run', async () => {
    const file = stage.fileOf(stage.newUsers(30));
    const { code, document, stderr } = await stage.run(
      'sweep',
      '--source',
      file,
      ...REASON,
      '--granularity',
      'chunk',
      '--watch',
    );
    expect({ code, status: document.status, accepted: document.counts?.accepted }).toEqual({
      code: 0,
      status: 'completed',
      accepted: 30,
    });
    expect(stderr).toContain('Read ');
    expect(stderr).toContain('30 users');
  });

  it('prints a table, the status and the root, for people', async () => {
    const running = stage.begin('sweep', '--source', stage.fileOf(stage.newUsers(2)), ...REASON, '--watch');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/accepted\s+│ 2/);
    expect(stdout).toContain('Status: completed');
    expect(stdout).toMatch(/Merkle root: [0-9a-f]{64}/);
    expect(stderr).toMatch(/http-tasks verify sweep-/);
  });

  it('without --watch prints that it was started, and how to watch it', async () => {
    const file = stage.fileOf(stage.newUsers(2));
    const { code, document, stderr } = await stage.run('sweep', '--source', file, ...REASON);
    expect({ code, document }).toEqual({
      code: 0,
      document: {
        sweepId: expect.stringMatching(/^sweep-/),
        status: 'running',
        counts: { ...NO_OUTCOME, total: 2, pending: 2 },
        duplicates: 0,
        rejected: 0,
        columns: { used: ['plaid_user_id', 'batch_user_id'], ignored: [] },
      },
    });
    expect(stderr).toContain(`http-tasks sweep watch ${document.sweepId}`);
    expect((await stage.run('sweep', 'watch', document.sweepId ?? '')).document).toMatchObject({ status: 'completed' });
  });

  it('changes nothing in a dry run', async () => {
    const users = stage.newUsers(2);
    const { code, document } = await stage.run(
      'sweep',
      '--source',
      stage.fileOf(users),
      ...REASON,
      '--dry-run',
      '--watch',
    );
    expect({ code, counts: document.counts }).toEqual({ code: 0, counts: { ...NO_OUTCOME, total: 2, skipped: 2 } });
    const { touched } = stage.simulators.plaid.state();
    expect(users.some(({ plaidId }) => touched.includes(plaidId))).toBe(false);
  });
});

describe('sweep from what the worker has configured', () => {
  it('reads a file below HTTP_TASKS_SOURCE_DIR', async () => {
    const [user] = stage.newUsers(1);
    writeFileSync(join(stage.sourceFolder, 'closed.csv'), `plaid_user_id\n${user?.plaidId}\n`);
    const { code, document } = await stage.run('sweep', '--source', 'file:closed.csv', ...REASON, '--watch');
    expect({ code, status: document.status, total: document.counts?.total }).toEqual({
      code: 0,
      status: 'completed',
      total: 1,
    });
  });

  it('takes the whole input as JSON', async () => {
    const [user] = stage.newUsers(1);
    const input = { source: { inline: [{ batchUserId: user?.batchId }] }, reason: { code: 'OTHER' } };
    const { code, document } = await stage.run('sweep', '--input', JSON.stringify(input), '--watch');
    expect({ code, accepted: document.counts?.accepted }).toEqual({ code: 0, accepted: 1 });
  });

  it('is refused by the worker with exit 2 when there is no such query', async () => {
    const { code, document } = await stage.run('sweep', '--source', 'query:nowhere', ...REASON, '--watch');
    expect({ code, type: document.error?.type }).toEqual({ code: 2, type: 'Task.InvalidInput' });
    expect(document.error?.field).toMatch(/^source/);
  });
});

describe('a sweep that is refused before it starts', () => {
  it.each<[string, () => string[], string]>([
    ['a file that is not there', () => ['--source', './nowhere.csv'], 'source'],
    ['a file without a known column', () => ['--source', fileWith('a,b\n1,2\n')], 'source'],
    ['a file without a good row', () => ['--source', fileWith('batch_user_id\n""\n')], 'source'],
    [
      'too many bad rows',
      () => ['--source', fileWith('batch_user_id,plaid_user_id\n1,\n,\n'), '--bad-rows', '0'],
      'source',
    ],
    ['too many users', () => ['--source', fileWith('batch_user_id\n1\n2\n'), '--max-users', '1'], 'maxUsers'],
  ])('(%s) exits 2 with its field, and no run is there', async (_, words, field) => {
    const id = `refused-${(refusals += 1)}`;
    const { code, document } = await stage.run('sweep', ...words(), ...REASON, '--id', id);
    expect({ code, type: document.error?.type, field: document.error?.field }).toEqual({
      code: 2,
      type: 'Task.InvalidInput',
      field,
    });
    await expect(stage.client.workflow.getHandle(id).describe()).rejects.toThrow();
    const row = (await stage.run<SweepRow[]>('sweep', 'list')).document.find(({ sweepId }) => sweepId === id);
    expect(row?.readable ?? false).toBe(false);
  });

  it('(no worker polls) exits 1, and nothing is written', async () => {
    const env = { ...stage.person, HTTP_TASKS_TASK_QUEUE: freshTaskQueue('empty') };
    const { code, document } = await runJson<SweepEnd>(
      ['sweep', '--source', stage.fileOf(stage.newUsers(1)), ...REASON, '--id', 'nobody'],
      env,
    );
    expect({ code, type: document.error?.type }).toEqual({ code: 1, type: 'NoWorker' });
    const { document: sweeps } = await stage.run<SweepRow[]>('sweep', 'list');
    expect(sweeps.map(({ sweepId }) => sweepId)).not.toContain('nobody');
  });

  it('(an id that is taken) exits 1, and the sweep of that id stays as it is', async () => {
    const words = ['sweep', '--source', stage.fileOf(stage.newUsers(1)), ...REASON, '--id', 'taken'];
    await stage.run(...words, '--watch');
    const before = (await stage.run('sweep', 'status', 'taken')).document;
    const { code, document } = await stage.run(...words);
    expect({ code, type: document.error?.type }).toEqual({ code: 1, type: 'Conflict' });
    expect((await stage.run('sweep', 'status', 'taken')).document).toEqual(before);
  });

  let refusals = 0;
  let files = 0;
  function fileWith(content: string): string {
    const file = join(stage.folder, `refused-${(files += 1)}.csv`);
    writeFileSync(file, content);
    return file;
  }
});

describe('the evidence of a sweep', () => {
  it('is verified against the given root, and not against another', async () => {
    const { document } = await stage.run(
      'sweep',
      '--source',
      stage.fileOf(stage.newUsers(2)),
      ...REASON,
      '--id',
      'sealed',
      '--watch',
    );
    const root = document.merkleRoot ?? '';
    expect(await stage.run('verify', 'sealed', '--root', root.toUpperCase())).toMatchObject({
      code: 0,
      document: { ok: true, comparedWith: 'given' },
    });
    expect(await stage.run('verify', 'sealed', '--root', 'ab'.repeat(32))).toMatchObject({
      code: 1,
      document: { ok: false },
    });
  });

  it('leaves the ledger as a bundle that is checked by itself, in whole or in part', async () => {
    const file = join(stage.folder, 'bundle.jsonl');
    const written = await stage.run<{ receipts: number; merkleRoot: string }>('receipts', 'sealed', '--bundle', file);
    expect(written.code).toBe(0);
    expect(await stage.run('receipts', 'sealed', '--bundle', file)).toMatchObject({
      code: 2,
      document: { error: { field: 'bundle' } },
    });
    const { merkleRoot: root, receipts } = written.document;
    const whole = await stage.run<EvidenceVerification>('verify', '--bundle', file, '--root', root);
    expect(whole).toMatchObject({
      code: 0,
      document: {
        ok: true,
        anchored: true,
        complete: true,
        sweepId: 'sealed',
        receipts,
        leaves: receipts,
        merkleRoot: root,
      },
    });
    expect(whole.document.sections[0]?.head).toMatchObject({
      status: 'completed',
      reason: { code: 'CONSUMER_ACCOUNT_CLOSED' },
      providers: ['batch', 'plaid'],
      source: { users: 2, duplicates: 0, rejected: 0 },
    });
    const { startedAt } = whole.document.sections[0]?.head as { startedAt: string };
    const there = { ...stage.person, TZ: 'Asia/Kathmandu' };
    const { stdout } = await runCli(['verify', '--bundle', file, '--root', root], there);
    const time = new Date(Date.parse(startedAt) + KATHMANDU_MS).toISOString();
    expect(stdout).toContain(`Started:      ${time.slice(0, 19).replace('T', ' ')}\n`);
    expect(stdout).not.toMatch(/^(?:Started|Ended|Checkpoint):.*T\d\d:\d\d.*Z/m);
    expect(await stage.run('verify', '--bundle', file)).toMatchObject({
      code: 3,
      document: { ok: false, anchored: false, differenceCount: 0 },
    });
    expect(await stage.run('verify', '--bundle', file, '--root', 'ab'.repeat(32))).toMatchObject({
      code: 1,
      document: { ok: false },
    });

    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const part = join(stage.folder, 'part.jsonl');
    writeFileSync(part, `${lines[0]}\n${lines[2]}\n`);
    expect(await stage.run('verify', '--bundle', part, '--root', root)).toMatchObject({
      code: 0,
      document: { ok: true, complete: false, receipts: 1, leaves: receipts },
    });
    writeFileSync(part, `${lines[0]}\n${lines[2]?.replace('accepted', 'removed_').replace('removed"', 'accepted"')}\n`);
    expect(await stage.run('verify', '--bundle', part)).toMatchObject({
      code: 1,
      document: { ok: false, differences: [{ line: 2, field: 'receipt' }] },
    });
  });

  it('is looked up by the run that did the work, whatever else runs under its ID or is in its row', async () => {
    const url = stage.person['HTTP_TASKS_LEDGER_URL'] ?? '';
    const taskQueue = stage.person['HTTP_TASKS_TASK_QUEUE'] ?? '';
    const good = { code: 0, document: { ok: true, anchored: true, comparedWith: 'workflow' } };
    expect(await stage.run('verify', 'sealed')).toMatchObject(good);
    const foreign = await stage.client.workflow.start('runHttpTask', {
      workflowId: 'sealed',
      taskQueue: `${taskQueue}-none`,
      args: [{}],
    });
    expect(await stage.run('verify', 'sealed')).toMatchObject(good);

    const [row = {}] = await runRaw(url, `select claimed_by, status from sweeps where sweep_id = 'sealed'`);
    for (const claimedBy of [randomUUID(), foreign.firstExecutionRunId, 'not a run ID']) {
      await runRaw(url, `update sweeps set claimed_by = '${claimedBy}' where sweep_id = 'sealed'`);
      // The server lists a run a moment after it has ended.
      const found = await until('the run is listed', async () => {
        const { code, document } = await stage.run<{ differences?: object[] }>('verify', 'sealed');
        return code === 1 && document;
      });
      expect(found).toMatchObject({
        ok: false,
        anchored: true,
        differences: [{ kind: 'sweep', field: 'claimedBy', found: claimedBy, expected: row['claimed_by'] }],
      });
    }
    await runRaw(
      url,
      `update sweeps set claimed_by = '${String(row['claimed_by'])}', status = 'failed', total = 999999 where sweep_id = 'sealed'`,
    );
    expect(await stage.run('verify', 'sealed')).toMatchObject({
      code: 1,
      document: {
        ok: false,
        anchored: true,
        differences: [
          { field: 'total', found: 999_999, expected: 2 },
          { field: 'status', found: 'failed', expected: 'completed' },
        ],
      },
    });
    await runRaw(url, `update sweeps set status = 'completed', total = 2 where sweep_id = 'sealed'`);
    expect(await stage.run('verify', 'sealed')).toMatchObject(good);
    await foreign.terminate();
  });

  it('is distinguished from receipts that only bear its ID', async () => {
    const url = stage.person['HTTP_TASKS_LEDGER_URL'] ?? '';
    await runRaw(
      url,
      `insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service, environment, outcome, at)
      values ('sealed', 'a-run', '1', 0, 'batch.ios', 'settled', 1, '', 'batch.customDataDelete', 'batch', 'production', 'removed', '2030-01-01T00:00:00.000Z')`,
    );
    const { document } = await stage.run<{ step: string; sealed: boolean }[]>('receipts', 'sealed');
    expect(document.filter(({ sealed }) => !sealed)).toEqual([
      expect.objectContaining({ step: 'batch.ios', at: '2030-01-01T00:00:00.000Z' }),
    ]);
    expect(document.filter(({ sealed }) => sealed).length).toBeGreaterThan(0);
    const csv = await stage.begin('receipts', 'sealed', '--csv').ended;
    const [head = '', ...rows] = csv.stdout.trimEnd().split('\n');
    const sealed = head.split(',').indexOf('sealed');
    expect(rows.map((line) => line.split(',')[sealed]).filter((mark) => mark === 'false')).toHaveLength(1);
  });
});

describe('an id that is not known', () => {
  it.each([['status'], ['watch'], ['pause'], ['resume'], ['cancel'], ['results'], ['redrive'], ['release']])(
    'of sweep %s exits 1, names it and says what to check',
    async (name) => {
      const { code, document } = await stage.run('sweep', name, 'no-such-sweep');
      expect({ code, type: document.error?.type }).toEqual({ code: 1, type: 'NotFound' });
      expect(document.error?.message).toContain('no-such-sweep');
      expect(document.error?.message).toMatch(/HTTP_TASKS_LEDGER_URL/);
    },
  );
});
