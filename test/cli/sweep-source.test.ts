import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'libsql';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { HOME, MAIN } from './run-cli';
import type { RunningCli } from './run-cli';
import { openStage } from './sweep-stage';
import type { SweepEnd, SweepStage } from './sweep-stage';

const REASON = ['--reason', 'CONSUMER_ACCOUNT_CLOSED'];

let stage: SweepStage;
let worker: RunningCli;

beforeAll(async () => {
  stage = await openStage(({ folder }) => {
    const database = new Database(join(folder, 'crm.db'));
    database.exec('create table closed (id text)');
    database.close();
    return {
      HTTP_TASKS_SOURCE_NIGHT_URL: `file:${join(folder, 'crm.db')}`,
      HTTP_TASKS_SOURCE_NIGHT_QUERY: 'select id as batch_user_id from closed',
    };
  });
  worker = await stage.startWorker();
  const { HTTP_TASKS_LEDGER_URL: url = '', HTTP_TASKS_SUBJECT_KEY: subjectKey = '' } = stage.person;
  const ledger = await openLedger({ url, subjectKey });
  const keySlots: string[] = [];
  const environments = [{ service: 'courier', environment: 'sandbox', production: false, keySlots }];
  await ledger.workers.beat({ worker: 'w', identity: 'w', namespace: 'default', taskQueue: 'other', environments });
  await ledger.close();
});

afterAll(async () => {
  await worker.stop();
  await stage.close();
});

function fileWith(content: string | Buffer, name = `${randomUUID()}.csv`): string {
  const file = join(stage.folder, name);
  writeFileSync(file, content);
  return file;
}

describe('the rows of a source', () => {
  it.each<[string, (ids: readonly string[]) => Buffer]>([
    ['separated by CR alone', (ids) => Buffer.from(`batch_user_id\n${ids.join('\r')}\n`)],
    ['in padded gzip', (ids) => Buffer.concat([gzipSync(`batch_user_id\n${ids.join('\n')}\n`), Buffer.alloc(4_096)])],
    [
      'in UTF-16',
      (ids) => Buffer.from(`\ufeffbatch_user_id;x\r\n${ids.map((id) => `${id};y\r\n`).join('')}`, 'utf16le'),
    ],
  ])('are all done when they are %s, here and at the worker', async (_, content) => {
    for (const from of ['here', 'worker']) {
      const users = stage.newUsers(3).map(({ batchId }) => batchId);
      const name = `${randomUUID()}.csv`;
      if (from === 'worker') writeFileSync(join(stage.sourceFolder, name), content(users));
      const source = from === 'worker' ? `file:${name}` : fileWith(content(users), name);
      const { code, document } = await stage.run('sweep', '--source', source, ...REASON, '--watch');
      expect({ code, status: document.status, accepted: document.counts?.accepted }).toEqual({
        code: 0,
        status: 'completed',
        accepted: 3,
      });
      const states = Object.values(stage.simulators.batch.state().apps);
      expect(states.every(({ touched }) => users.every((id) => touched.includes(id)))).toBe(true);
    }
  });

  it.each<[string, string | Buffer, string]>([
    [
      'gzip with more behind zeros',
      Buffer.concat([gzipSync('batch_user_id\nb_1\n'), Buffer.alloc(1_024), gzipSync('b_2\n')]),
      'users may be missing',
    ],
    [
      'placeholders',
      'batch_user_id\nb_1\nNULL\nundefined\n',
      'line 3: batch_user_id: is a placeholder and not an ID; line 4: batch_user_id: is a placeholder',
    ],
    ['a repeated head', 'batch_user_id\nb_1\nbatch_user_id\nb_2\n', 'line 3: repeats the line that names the columns'],
    [
      'a column for a provider that another worker of the ledger has',
      'courier_contact_id,batch_user_id\nc_1,b_1\n',
      'another worker of this ledger has the service courier',
    ],
    ['a column that resembles an ID', 'plaid_id,batch_user_id\nusr_1,b_1\n', 'the column plaid_id would be ignored'],
    ['nothing', '', 'has no user'],
  ])(
    'are refused by line when a file has %s, here and at the worker, and nothing is called',
    async (_, content, why) => {
      const before = stage.simulators.batch.state();
      const name = `${randomUUID()}.csv`;
      writeFileSync(join(stage.sourceFolder, name), content);
      for (const source of [`file:${name}`, fileWith(content, name)]) {
        const { code, document } = await stage.run('sweep', '--source', source, ...REASON, '--watch');
        expect({ code, type: document.error?.type }).toEqual({ code: 2, type: 'Task.InvalidInput' });
        expect(document.error?.message).toContain(why);
      }
      expect(stage.simulators.batch.state()).toEqual(before);
    },
  );

  it('is partial with exit 1 when a row was rejected, and says which one and why, then and later', async () => {
    const users = stage.newUsers(2);
    const rejectedRows = [
      {
        line: 4,
        problem:
          'has no user ID; give plaid_user_id, plaid_user_token, batch_user_id, plaid_access_tokens or plaid_asset_report_tokens',
      },
    ];
    const { code, document, stderr } = await stage.run(
      'sweep',
      '--source',
      stage.fileOf([...users, {}]),
      ...REASON,
      '--bad-rows',
      '1',
      '--id',
      'one-bad',
      '--watch',
    );
    const expected = {
      status: 'partial',
      counts: { total: 2, accepted: 2 },
      rejected: 1,
      rejectedRows,
      columns: { ignored: [] },
    };
    expect({ code, document }).toMatchObject({ code: 1, document: expected });
    expect(stderr).toContain('line 4: has no user ID');
    expect(stderr).toContain('Columns used: plaid_user_id, batch_user_id; ignored: none.');
    const status = await stage.run('sweep', 'status', 'one-bad');
    expect(status.document).toMatchObject({ source: expect.stringMatching(/^file:[^/\\]+\.csv$/) });
    for (const command of ['status', 'results', 'watch']) {
      expect((await stage.run('sweep', command, 'one-bad')).document).toMatchObject(expected);
      expect((await stage.begin('sweep', command, 'one-bad').ended).stdout).toContain('line 4: has no user ID');
    }
    expect((await stage.run('verify', 'one-bad')).code).toBe(0);
  });

  it('reports columns that are used and ignored, and IDs in many rows', async () => {
    const file = fileWith(`batch_user_id;note;my user\n${Array.from({ length: 12 }, () => 'only;x;y\n').join('')}`);
    const refused = await stage.run('sweep', '--source', file, ...REASON, '--watch');
    expect(refused).toMatchObject({ code: 2, document: { error: { field: 'source' } } });
    expect(refused.document.error?.message).toContain('the column my user would be ignored');
    const { code, document } = await stage.run(
      'sweep',
      '--source',
      file,
      ...REASON,
      '--ignore-column',
      'my user',
      '--dry-run',
      '--watch',
    );
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        duplicates: 11,
        columns: { used: ['batch_user_id'], ignored: ['note', 'my user'] },
        warnings: ['1 ID is in more than 10 rows. Check that it is an ID and not a placeholder.'],
      },
    });
  });

  it('reads the standard input, whose format must be given', async () => {
    const file = stage.fileOf(stage.newUsers(2));
    const words = ['sweep', '--source', '-', ...REASON, '--dry-run', '--watch', '--json'];
    const piped = spawn(process.execPath, [MAIN, ...words, '--format', 'csv'], {
      cwd: stage.folder,
      env: { PATH: process.env['PATH'], HOME, ...stage.person },
    });
    piped.stdin.end(readFileSync(file));
    let printed = '';
    piped.stdout.on('data', (text: Buffer) => (printed += String(text)));
    const [code] = (await once(piped, 'close')) as [number];
    expect({ code, total: (JSON.parse(printed) as SweepEnd).counts?.total }).toEqual({ code: 0, total: 2 });
    const untold = await stage.run('sweep', '--source', '-', ...REASON);
    expect(untold).toMatchObject({ code: 2, document: { error: { field: 'source' } } });
    expect(untold.document.error?.message).toContain('--format csv or --format jsonl');
  });

  it('may be none of a query that worked: a completed sweep of zero users, whose receipts are sealed', async () => {
    const { code, document } = await stage.run(
      'sweep',
      '--source',
      'query:night',
      ...REASON,
      '--id',
      'quiet',
      '--watch',
    );
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { status: 'completed', counts: { total: 0 }, rejected: 0, columns: { used: ['batch_user_id'] } },
    });
    expect((await stage.run('verify', 'quiet')).code).toBe(0);
    expect((await stage.run('sweep', 'status', 'quiet')).document).toMatchObject({ status: 'completed' });
    const html = join(stage.folder, 'quiet.html');
    expect((await stage.begin('receipts', 'quiet', '--html', '--out', html).ended).code).toBe(0);
    expect(readFileSync(html, 'utf8')).toContain('quiet');
  });
});
