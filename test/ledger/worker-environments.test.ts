import { WorkerRecord } from 'temporal-http-tasks/internal/activities/worker-record';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { readWorkersOfLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LIVE_MS } from 'temporal-http-tasks/internal/ledger/worker-environments';
import type { RecordedWorker } from 'temporal-http-tasks/internal/ledger/worker-environments';
import { batchService } from 'temporal-http-tasks/internal/providers/batch/service';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { DATABASES, cleanUp, open, runRaw, temporaryFolder } from './databases';

const QUEUE = { namespace: 'default', taskQueue: 'queue' };
const SANDBOX = { service: 'plaid', environment: 'sandbox', production: false, keySlots: [] };
const PRODUCTION = { service: 'plaid', environment: 'production', production: true, keySlots: [] };
const BATCH = { service: 'batch', environment: 'default', production: false, keySlots: ['ios', 'android'] };

function worker(name: string, more: Partial<RecordedWorker> = {}): RecordedWorker {
  return { worker: name, identity: `1@${name}`, ...QUEUE, environments: [SANDBOX, BATCH], ...more };
}

describe.each(DATABASES)('workers in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;

  beforeEach(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  it('are read back with each of their services, for their own task queue and namespace only', async () => {
    await ledger.workers.beat(worker('one'));
    await ledger.workers.beat(worker('two', { environments: [PRODUCTION] }));
    await ledger.workers.beat(worker('elsewhere', { taskQueue: 'other', environments: [PRODUCTION] }));
    await ledger.workers.beat(worker('far', { namespace: 'other', environments: [PRODUCTION] }));
    const expected = [
      { worker: 'one', identity: '1@one', ...BATCH, state: 'live' },
      { worker: 'one', identity: '1@one', ...SANDBOX, state: 'live' },
      { worker: 'two', identity: '1@two', ...PRODUCTION, state: 'live' },
    ];
    expect(await ledger.workers.readWorkers(QUEUE)).toEqual(expected);
    expect(await readWorkersOfLedger({ url }, QUEUE)).toEqual(expected);
  });

  it('are silent after a minute without a beat, live again after one, and forgotten after a day', async () => {
    await ledger.workers.beat(worker('one', { environments: [PRODUCTION] }));
    const states = async (): Promise<string[]> => (await ledger.workers.readWorkers(QUEUE)).map(({ state }) => state);
    const age = (ms: number): Promise<unknown> =>
      runRaw(url, `update worker_environments set seen_ms = seen_ms - ${ms}`);
    await age(LIVE_MS - 20_000);
    expect(await states()).toEqual(['live']);
    await age(25_000);
    expect(await states()).toEqual(['silent']);
    await ledger.workers.beat(worker('one', { environments: [PRODUCTION] }));
    expect(await states()).toEqual(['live']);
    await age(25 * 3_600_000);
    expect(await states()).toEqual([]);
    await ledger.workers.beat(worker('two'));
    expect(await runRaw(url, 'select distinct worker from worker_environments')).toEqual([{ worker: 'two' }]);
  });

  it('end in an orderly way, and stay known', async () => {
    await ledger.workers.beat(worker('one'));
    await ledger.workers.end('one');
    expect((await ledger.workers.readWorkers(QUEUE)).map(({ state }) => state)).toEqual(['ended', 'ended']);
  });

  it('of a ledger that has no place for them are none, and the ledger is not upgraded', async () => {
    await ledger.close();
    await runRaw(url, 'drop table worker_environments');
    await runRaw(url, "delete from ledger_migrations where name like '0011%'");
    expect(await readWorkersOfLedger({ url }, QUEUE)).toEqual([]);
    expect(await runRaw(url, "select name from ledger_migrations where name like '0011%'")).toEqual([]);
  });
});

it('are not looked for in a file that does not exist, which is not created', async () => {
  const url = `file:${temporaryFolder()}/none.db`;
  await expect(readWorkersOfLedger({ url }, QUEUE)).rejects.toThrow('file not found');
  await expect(readWorkersOfLedger({ url }, QUEUE)).rejects.toThrow('file not found');
});

it('a worker records each service with its environment, whatever its address is, and continues without a ledger', async () => {
  const env = {
    PLAID_ENV: 'production',
    PLAID_BASE_URL: 'http://127.0.0.1:1',
    PLAID_CLIENT_ID: 'client',
    PLAID_SECRET: 'secret',
    BATCH_REST_API_KEY: 'rest',
    BATCH_API_KEYS: 'ios=1,android=2',
  };
  const { services } = readSenderSettings(env, [plaidService, batchService]);
  const ledger = await open(`file:${temporaryFolder()}/ledger.db`);
  const record = new WorkerRecord(() => ledger.workers, services, ['closed']);
  await record.start({ ...QUEUE, identity: '1@here' });
  expect(await ledger.workers.readWorkers(QUEUE)).toEqual([
    { worker: expect.any(String) as string, identity: '1@here', ...BATCH, state: 'live', queries: ['closed'] },
    { worker: expect.any(String) as string, identity: '1@here', ...PRODUCTION, state: 'live', queries: ['closed'] },
  ]);
  await ledger.close();
  await expect(record.end()).resolves.toBeUndefined();
  const away = new WorkerRecord(() => ledger.workers, services, ['closed']);
  await expect(away.start({ ...QUEUE, identity: '2@here' })).resolves.toBeUndefined();
  await away.end();
});
