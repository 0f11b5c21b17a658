import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import Database from 'libsql';
import type { TakeSnapshot } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { SourceSpec } from 'temporal-http-tasks/internal/policy/source-spec';
import { fileSource } from 'temporal-http-tasks/internal/sources/find-file';
import { openSource } from 'temporal-http-tasks/internal/sources/open-source';
import { SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import type { RowsOptions, SourceRow } from 'temporal-http-tasks/internal/sources/source';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp, temporaryFolder } from '../../ledger/databases';
import { CANARY, canary, failureOf, openActivityPlace } from './activity-place';
import type { ActivityPlace } from './activity-place';

const CUSTOM: SourceSpec = { custom: { name: 'rows' } };

describe.each(DATABASES)('what a worker knows of a source, in a ledger in $name', ({ freshUrl }) => {
  let folder: string;
  let simulators: Simulators;
  let place: ActivityPlace;
  let pages: Server;
  let pagesOrigin: string;
  /** What the custom source `rows` yields. */
  let rows: (options: RowsOptions) => AsyncIterable<SourceRow>;

  beforeAll(async () => {
    folder = temporaryFolder();
    simulators = await startSimulators();
    pages = createServer((_, response) => response.setHeader('content-type', 'application/json').end('[]'));
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    pagesOrigin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    const file = path.join(folder, 'crm.db');
    const database = new Database(file);
    database.exec('create table closed (id text)');
    database.close();
    place = await openActivityPlace(simulators, await freshUrl(), {
      env: {
        HTTP_TASKS_SOURCE_DIR: folder,
        HTTP_TASKS_SOURCE_NONE_URL: `file:${file}`,
        HTTP_TASKS_SOURCE_NONE_QUERY: 'select id as batch_user_id from closed',
        HTTP_TASKS_HTTP_ALLOW: pagesOrigin,
      },
      dependencies: {
        customSources: {
          rows: () => ({ kind: 'test', describe: () => 'a test source', rows: (options = {}) => rows(options) }),
        },
      },
    });
  });
  afterAll(async () => {
    await place.close();
    await new Promise((resolve) => pages.close(resolve));
    await simulators.close();
    await cleanUp();
  });
  afterEach(() => {
    expect(place.reported.join('\n')).not.toContain(CANARY);
  });

  async function take(sweepId: string, changes: Partial<TakeSnapshot>) {
    await place.ledger.sweeps.create({ sweepId });
    const input = {
      sweepId,
      scheduledTime: '2026-11-23T03:30:00.000Z',
      maxUsers: 100_000,
      badRows: { percent: 50 },
      ...changes,
    };
    return place.run('httpTasks.takeSnapshot', input);
  }

  function file(name: string, lines: readonly string[]): string {
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
    return name;
  }

  it.each([
    ['nightly/usr/closed 2030.csv', 'file:closed 2030.csv'],
    ['C:\\exports\\closed.jsonl', 'file:closed.jsonl'],
    [`/data/${'x'.repeat(300)}.csv`, `file:${'x'.repeat(200)}`],
    ['-', 'standard input'],
  ])('names a file without its folders (%#)', (file, name) => {
    expect(fileSource(file)).toBe(name);
  });

  it('keeps what is known of the source with the rows, and continues with it after a break', async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) =>
      index === 100 || index === 4_700
        ? `canary-${index},`
        : `canary-${index},canary-b${index % 50 === 0 ? 0 : index},x`,
    );
    const source = { file: file('reported.csv', ['plaid_user_id,batch_user_id,note', ...lines]) };
    const expected = {
      source: 'file:reported.csv',
      columns: { used: ['plaid_user_id', 'batch_user_id'], ignored: ['note'] },
      rejectedRows: [102, 4_702].map((line) => ({ line, problem: 'has 2 cells, and the first line names 3 columns' })),
      // 100 rows have the ID of the first; two of those are rejected. It was in many of them.
      sharedIds: 97,
      idsInManyRows: 1,
    };
    await take('reported', { source });
    expect(await place.ledger.sweeps.read('reported')).toMatchObject({ total: 4_998, rejected: 2, report: expected });
    const begun = await place.ledger.sweeps.create({ sweepId: 'reported in part' });
    expect(begun.report).toBeUndefined();
    let breaksAt = 2_500;
    rows = async function* (options) {
      const whole = await openSource(source, {
        settings: readSourceSettings({ HTTP_TASKS_SOURCE_DIR: folder }),
        catalogue: new Catalogue([]),
        sender: {} as TaskSender,
      });
      for await (const row of whole.rows(options)) {
        if (row.line === breaksAt) throw new SourceUnavailableError('The source is away.');
        yield row;
      }
    };
    await failureOf(take('reported in part', { source: CUSTOM }));
    expect((await place.ledger.sweeps.read('reported in part'))?.report?.rejectedRows).toEqual(
      expected.rejectedRows.slice(0, 1),
    );
    breaksAt = -1;
    await take('reported in part', { source: CUSTOM });
    const { columns: _, ...counted } = { ...expected, source: 'custom:rows' };
    expect(await place.ledger.sweeps.read('reported in part')).toMatchObject({
      total: 4_998,
      rejected: 2,
      report: counted,
    });
  });

  it.each<[string, () => SourceSpec]>([
    ['query', () => ({ query: 'none' })],
    [
      'pages',
      () => ({
        pages: {
          task: 'http.request',
          input: { method: 'GET', uri: `${pagesOrigin}/none` },
          itemsPath: 'response.body',
        },
      }),
    ],
    ['custom', () => CUSTOM],
  ])('has no user when a %s source works and has no row, and is complete', async (kind, source) => {
    rows = async function* () {
      // No row.
    };
    expect(await take(`none of ${kind}`, { source: source() })).toEqual({ total: 0, duplicates: 0, rejected: 0 });
    expect(await place.ledger.sweeps.read(`none of ${kind}`)).toMatchObject({
      status: 'running',
      total: 0,
      snapshotComplete: true,
    });
    expect(await take(`none of ${kind}`, { source: source() })).toEqual({ total: 0, duplicates: 0, rejected: 0 });
  });

  it('checks users of a list and of a custom source like rows of a file', async () => {
    const inline = [canary(1), { batchUserId: 'null' }, { plaidUserId: 'canary-2', itemIds: ['a', ' b'] }];
    const failure = await failureOf(take('list of placeholders', { source: { inline }, badRows: { count: 0 } }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'source', retryable: false });
    expect(failure.message).toContain(
      'line 2: source.inline.1.batchUserId is a placeholder and not an ID; line 3: source.inline.2.itemIds.1 begins or ends with white space',
    );
    expect(
      await take('allowed list', { source: { inline: inline.slice(0, 2), allowPlaceholders: ['NULL'] } }),
    ).toMatchObject({ total: 2, rejected: 0 });
    rows = async function* () {
      yield { position: '0', line: 1, user: canary(1) };
      yield { position: '1', line: 2, user: { batchUserId: 'undefined' } };
    };
    expect(await take('custom placeholders', { source: CUSTOM })).toEqual({ total: 1, duplicates: 0, rejected: 1 });
  });
});
