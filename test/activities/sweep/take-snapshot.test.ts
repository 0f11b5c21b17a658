import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import Database from 'libsql';
import type { TakeSnapshot } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { SourceSpec } from 'temporal-http-tasks/internal/policy/source-spec';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp, temporaryFolder } from '../../ledger/databases';
import { CANARY, canaries, canary, failureOf, openActivityPlace } from './activity-place';
import type { ActivityPlace } from './activity-place';
import { TestSource, inputOf, numbered, snapshotsIn } from './snapshot-place';
import type { Rows } from './snapshot-place';

describe.each(DATABASES)('the snapshot of a sweep over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let folder: string;
  let simulators: Simulators;
  let place: ActivityPlace;
  let pages: Server;
  let pagesOrigin: string;
  let respond: (url: URL, response: ServerResponse) => void;
  /** What the custom source `rows` yields. */
  let rows: Rows;

  beforeAll(async () => {
    url = await freshUrl();
    folder = temporaryFolder();
    simulators = await startSimulators();
    pages = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      respond(new URL(request.url ?? '', 'http://x'), response);
    });
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    pagesOrigin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    const file = path.join(folder, 'crm.db');
    const database = new Database(file);
    database.exec('create table closed (id text)');
    database.close();
    place = await openActivityPlace(simulators, url, {
      env: {
        HTTP_TASKS_SOURCE_DIR: folder,
        HTTP_TASKS_SOURCE_AT_URL: `file:${file}`,
        HTTP_TASKS_SOURCE_AT_QUERY: "select 'canary-at-' || :scheduledTime as batch_user_id",
        HTTP_TASKS_HTTP_ALLOW: pagesOrigin,
      },
      dependencies: { customSources: { rows: () => new TestSource((options = {}) => rows(options)) } },
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

  const CUSTOM: SourceSpec = { custom: { name: 'rows' } };

  const { usersOf, expectGivenUp } = snapshotsIn(() => ({ place, url }));

  async function take(
    sweepId: string,
    changes: Partial<TakeSnapshot> = {},
    options: Parameters<ActivityPlace['run']>[2] = {},
  ) {
    await place.ledger.sweeps.create({ sweepId });
    return place.run('httpTasks.takeSnapshot', inputOf(sweepId, changes), options);
  }

  function file(name: string, lines: readonly string[]): string {
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
    return name;
  }

  it('holds every user of a file, with duplicates and bad rows counted; repeating it reads nothing', async () => {
    const source = {
      file: file('plain.csv', [
        'plaid_user_id,batch_user_id',
        'canary-1,canary-b1',
        'canary-2,',
        ',',
        'canary-1,canary-b1',
        ',canary-b3',
        'too,many,cells',
      ]),
    };
    const snapshot = { total: 3, duplicates: 1, rejected: 2 };
    expect(await take('plain', { source })).toEqual(snapshot);
    expect(await usersOf('plain')).toEqual([
      { plaidUserId: 'canary-1', batchUserId: 'canary-b1' },
      { plaidUserId: 'canary-2' },
      { batchUserId: 'canary-b3' },
    ]);
    file('plain.csv', ['plaid_user_id', 'canary-other']);
    expect(await take('plain', { source })).toEqual(snapshot);
  });

  it('continues where an attempt was when it broke off, with no user twice and none left out', async () => {
    const begun: (string | undefined)[] = [];
    let breaksAt = 4_500;
    rows = (options) => {
      begun.push(options.after);
      return numbered('resumed', 7_000, options, (index) => {
        if (index === breaksAt) throw new SourceUnavailableError('The source is away (EIO).');
      });
    };
    const failure = await failureOf(take('resumed', { source: CUSTOM }));
    expect(failure).toMatchObject({
      type: 'Task.Unavailable',
      service: 'source',
      retryable: true,
      message: 'The source is away (EIO).',
    });
    expect(await place.ledger.sweeps.readSnapshot('resumed')).toMatchObject({ total: 4_000, complete: false });
    breaksAt = -1;
    expect(await take('resumed', { source: CUSTOM })).toEqual({ total: 7_000, duplicates: 0, rejected: 0 });
    expect(begun).toEqual([undefined, '3999']);
    expect(await usersOf('resumed')).toEqual(canaries('resumed', 7_000).map(({ user }) => user));
  });

  it('is whole when two attempts take it concurrently, as after a lost worker that is still running', async () => {
    const source = {
      file: file('twice.csv', [
        'batch_user_id',
        ...Array.from({ length: 9_000 }, (_, index) => `canary-twice-${index}`),
      ]),
    };
    await place.ledger.sweeps.create({ sweepId: 'twice' });
    const attempts = [take('twice', { source }), take('twice', { source })];
    expect(await Promise.all(attempts)).toEqual([
      { total: 9_000, duplicates: 0, rejected: 0 },
      { total: 9_000, duplicates: 0, rejected: 0 },
    ]);
    expect(new Set((await usersOf('twice')).map(({ batchUserId }) => batchUserId)).size).toBe(9_000);
  });

  it('counts bad rows once, also those behind the last good one of a block', async () => {
    let breaksAt = 2_100;
    rows = async function* (options) {
      for await (const row of numbered('bad', 2_200, options)) {
        if (row.line === breaksAt) throw new SourceUnavailableError('The source is away.');
        yield row;
        if (row.line % 100 === 0) yield { position: row.position, line: row.line, problem: 'names nobody' };
      }
    };
    await failureOf(take('bad', { source: CUSTOM }));
    // The twentieth comes after the two thousandth user, with whom the block ended.
    expect(await place.ledger.sweeps.readSnapshot('bad')).toMatchObject({ total: 2_000, rejected: 19 });
    breaksAt = -1;
    // A source of one's own that continues behind a row gives the bad ones behind it no second time.
    expect(await take('bad', { source: CUSTOM })).toEqual({ total: 2_200, duplicates: 0, rejected: 21 });
  });

  it('stops when it is cancelled, and a later attempt does the rest', async () => {
    const cancel = new AbortController();
    rows = (options) =>
      numbered('cancelled', 3_000, options, async (index) => {
        if (index === 2_500 && !cancel.signal.aborted) {
          cancel.abort();
          await delay(1);
        }
      });
    await expect(take('cancelled', { source: CUSTOM }, { signal: cancel.signal })).rejects.toThrow(CancelledFailure);
    expect(await place.ledger.sweeps.read('cancelled')).toMatchObject({
      status: 'running',
      readable: true,
      total: 2_000,
    });
    expect(await take('cancelled', { source: CUSTOM })).toMatchObject({ total: 3_000 });
  });

  it('reports how far it is every few seconds, with numbers only', async () => {
    const beats: object[] = [];
    rows = (options) => numbered('beats', 2_010, options, async (index) => index >= 2_000 && delay(300));
    await take('beats', { source: CUSTOM }, { onHeartbeat: (details) => beats.push(details as object) });
    expect(beats).toContainEqual({ total: 2_000, duplicates: 0, rejected: 0 });
    expect(new Set(beats.flatMap(Object.keys))).toEqual(new Set(['total', 'duplicates', 'rejected']));
  });

  it('binds the time of the schedule to a query', async () => {
    await take('query', { source: { query: 'at' } });
    expect(await usersOf('query')).toEqual([{ batchUserId: 'canary-at-2026-11-23T03:30:00.000Z' }]);
  });

  describe('that is refused', () => {
    it('is given up as soon as it has too many users, and says both numbers', async () => {
      let read = 0;
      rows = (options) => numbered('many', 1_000_000, options, () => (read += 1));
      const failure = await failureOf(take('many', { source: CUSTOM, maxUsers: 3_000 }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'maxUsers', retryable: false });
      expect(failure.message).toContain('there are at least 4000 users, and maxUsers allows 3000');
      expect(read).toBeLessThan(6_000);
      await expectGivenUp('many');
    });

    it.each<[string, SourceSpec, string, string]>([
      ['a missing file', { file: 'not-there.csv' }, 'source.file', 'does not exist (ENOENT)'],
      [
        'an empty file',
        { file: 'empty.csv' },
        'source',
        'empty.csv has no user. Nothing is deleted: an empty source never means all users.',
      ],
      [
        'a file of bad rows',
        { file: 'bad.csv' },
        'source',
        '2 of 3 rows read cannot be users, and 50 % are tolerated. line 2: ',
      ],
      ['an unknown query', { query: 'nobody' }, 'source.query', 'unknown query; known: at'],
      [
        'an unknown source of its own',
        { custom: { name: 'other' } },
        'source.custom.name',
        'unknown source; known: rows',
      ],
      [
        'pages of a task that does more than read',
        { pages: { task: 'plaid.userRemove' } },
        'source.pages.task',
        'does not only read',
      ],
      [
        'pages of an origin that is not allowed',
        { pages: { task: 'http.request', input: { method: 'GET', uri: 'http://other.test/' } } },
        'source.pages.input.uri',
        'is not an allowed origin',
      ],
    ])('for %s names the field', async (name, source, field, message) => {
      file('empty.csv', ['plaid_user_id']);
      file('bad.csv', ['plaid_user_id,batch_user_id', 'canary-bad', ',', 'canary-good,']);
      const failure = await failureOf(take(name, { source }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field, retryable: false });
      expect(failure.message).toContain(message);
      await expectGivenUp(name);
      const again = await failureOf(take(name, { source }));
      expect(again).toMatchObject({ type: 'Task.InvalidInput', field: 'source', retryable: false });
      expect(again.message).toContain('was refused by an earlier attempt');
    });

    it('for a bearer token in a list, which is in the history, unless the operator accepts that', async () => {
      const source = { inline: [canary('a'), { plaidUserToken: 'user-sandbox-canary' }] };
      const failure = await failureOf(take('token', { source }));
      expect(failure).toMatchObject({
        type: 'Task.InvalidInput',
        field: 'source.inline.1.plaidUserToken',
        retryable: false,
      });
      const inId = await failureOf(
        take('token in id', { source: { inline: [{ plaidUserId: 'user-sandbox-canary' }] } }),
      );
      expect(inId).toMatchObject({ field: 'source.inline.0.plaidUserId' });
      const accepting = await openActivityPlace(simulators, url, { env: { HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' } });
      await place.ledger.sweeps.create({ sweepId: 'accepted token' });
      expect(await accepting.run('httpTasks.takeSnapshot', inputOf('accepted token', { source }))).toMatchObject({
        total: 2,
      });
      await accepting.close();
    });

    it('when this worker has no keys for Plaid and the source names users there', async () => {
      const batchOnly = await openActivityPlace(simulators, url, { env: { HTTP_TASKS_SERVICES: 'batch' } });
      await place.ledger.sweeps.create({ sweepId: 'no plaid' });
      await place.ledger.sweeps.create({ sweepId: 'batch only' });
      const failure = await failureOf(
        batchOnly.run('httpTasks.takeSnapshot', inputOf('no plaid', { source: { inline: [canary(1)] } })),
      );
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'source' });
      const inline = [{ batchUserId: 'canary-b' }];
      expect(
        await batchOnly.run('httpTasks.takeSnapshot', inputOf('batch only', { source: { inline } })),
      ).toMatchObject({ total: 1 });
      await batchOnly.close();
    });
  });

  it('refuses a column for a provider that only another worker of the ledger knows', async () => {
    const keySlots: string[] = [];
    const environments = [{ service: 'courier', environment: 'live', production: true, keySlots }];
    const worker = { worker: 'w', identity: 'w', namespace: 'default', taskQueue: 'other', environments };
    await place.ledger.workers.beat(worker);
    const source = { file: file('courier.csv', ['batch_user_id,courier_contact_id', 'canary-1,canary-2']) };
    const failure = await failureOf(take('column elsewhere', { source }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'source.file', retryable: false });
    expect(failure.message).toContain('another worker of this ledger has the service courier');
    const ignoring = { ...source, ignoreColumns: ['courier_contact_id'] };
    expect(await take('ignored column elsewhere', { source: ignoring })).toMatchObject({ total: 1 });
  });

  it('takes tokens from elsewhere than a list, since they go into the ledger only, encrypted', async () => {
    const source = { file: file('tokens.csv', ['plaid_user_token', 'user-sandbox-canary-1']) };
    expect(await take('file of tokens', { source })).toMatchObject({ total: 1 });
    expect(await usersOf('file of tokens')).toEqual([{ plaidUserToken: 'user-sandbox-canary-1' }]);
  });

  describe("of a source of the host's own", () => {
    it('refuses a row without a user by its line and rule, without its value', async () => {
      rows = async function* () {
        yield { position: '0', line: 1, user: canary(1) };
        yield { position: '1', line: 2, user: { plaidUserId: 'canary-x', batchUserId: 4_711 as unknown as string } };
      };
      const failure = await failureOf(take('no user', { source: CUSTOM }));
      expect(failure).toMatchObject({ field: 'source.custom', retryable: false });
      expect(failure.message).toContain('row 2 is not a user: The input of row 2 is not valid: batchUserId');
      expect(failure.message).not.toContain('4711');
    });

    it('drops what its errors say, and tries again', async () => {
      rows = () => {
        throw new RangeError('connection of canary-password failed');
      };
      const failure = await failureOf(take('its error', { source: CUSTOM }));
      expect(failure).toMatchObject({ type: 'Task.Unavailable', retryable: true });
      expect(failure.message).toContain(
        'The custom source failed unexpectedly (RangeError), and no user was deleted. It is retried from the same position',
      );
      expect(await place.ledger.sweeps.read('its error')).toMatchObject({ status: 'running', readable: true });
    });

    it('treats its refusal as final', async () => {
      rows = () => {
        throw new SourceError('custom.options.since', 'must be a date.');
      };
      const failure = await failureOf(take('its refusal', { source: CUSTOM }));
      expect(failure).toMatchObject({ field: 'source.custom.options.since', retryable: false });
      await expectGivenUp('its refusal');
    });
  });

  describe('of pages', () => {
    const source = (): SourceSpec => ({
      pages: {
        task: 'http.request',
        input: { method: 'GET', uri: `${pagesOrigin}/users` },
        itemsPath: 'response.body.users',
        fields: { batch_user_id: 'id' },
      },
    });

    it('is tried again when the API asks to wait, as long as it says', async () => {
      respond = (_url, response) => response.writeHead(429, { 'retry-after': '7' }).end('{}');
      await place.ledger.sweeps.create({ sweepId: 'slow pages' });
      const running = place.run('httpTasks.takeSnapshot', inputOf('slow pages', { source: source() }));
      await expect(running).rejects.toMatchObject({
        type: 'Task.RateLimited',
        nonRetryable: false,
        nextRetryDelay: 7_000,
      });
      expect(await place.ledger.sweeps.read('slow pages')).toMatchObject({ status: 'running', readable: true });
      respond = (_url, response) => response.end(JSON.stringify({ users: [{ id: 'canary-page' }] }));
      expect(await take('slow pages', { source: source() })).toMatchObject({ total: 1 });
    });

    it('fails as the call does when the API refuses it for good', async () => {
      respond = (_url, response) => response.writeHead(404).end('{}');
      const failure = await failureOf(take('refused pages', { source: source() }));
      expect(failure).toMatchObject({ type: 'Task.Rejected', status: 404, retryable: false });
      await expectGivenUp('refused pages');
    });
  });

  it('waits for a ledger that is away, and keeps what it has', async () => {
    const other = await openActivityPlace(simulators, url, {
      dependencies: {
        customSources: {
          rows: () =>
            new TestSource((options = {}) =>
              numbered('away', 5_000, options, async (index) => index === 3_000 && other.ledger.close()),
            ),
        },
      },
    });
    await place.ledger.sweeps.create({ sweepId: 'away' });
    const failure = await failureOf(other.run('httpTasks.takeSnapshot', inputOf('away', { source: CUSTOM })));
    expect(failure).toMatchObject({ type: 'Task.LedgerUnavailable', retryable: true });
    rows = (options) => numbered('away', 5_000, options);
    expect(await take('away', { source: CUSTOM })).toMatchObject({ total: 5_000 });
    await other.close();
  });

  it('of a sweep whose ids were released meanwhile fails for good', async () => {
    rows = (options) =>
      numbered('released', 5_000, options, async (index) => index === 3_000 && place.ledger.sweeps.release('released'));
    const failure = await failureOf(take('released', { source: CUSTOM }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'sweepId', retryable: false });
  });
});
