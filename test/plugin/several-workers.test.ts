import { SimplePlugin } from '@temporalio/plugin';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { WorkerPlugin } from '@temporalio/worker';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { HttpTasksPlugin } from 'temporal-http-tasks/internal/plugin';
import { readWorkersOfLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { offboard, seedUser, until } from '../support/offboarding-runs';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

// A host with one plugin for several workers, and workers that do not come to run.

let place: Place;

beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());

interface HostWorker {
  taskQueue: string;
  running: Promise<void>;
  stop(): Promise<void>;
}

const open = new Set<HostWorker>();

afterEach(async () => {
  for (const worker of open) await worker.stop().catch(() => undefined);
});

async function create(
  connection: NativeConnection,
  plugins: WorkerPlugin[],
  taskQueue = freshTaskQueue('shared'),
): Promise<Worker> {
  return Worker.create({ connection, taskQueue, workflowBundle: await workflowBundle(), plugins });
}

/** Starts a worker as a host does, with a connection of its own; resolves when it runs or has ended. */
async function start(plugin: HttpTasksPlugin, ...more: WorkerPlugin[]): Promise<HostWorker> {
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await create(connection, [plugin, ...more]);
  let over = false;
  const running = worker.run().finally(() => (over = true));
  running.catch(() => undefined);
  await until('the worker runs or has ended', () => over || worker.getState() === 'RUNNING');
  const started: HostWorker = {
    taskQueue: worker.options.taskQueue,
    running,
    stop: async () => {
      open.delete(started);
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running.finally(() => connection.close());
    },
  };
  open.add(started);
  return started;
}

const pluginHere = (): HttpTasksPlugin => new HttpTasksPlugin({ settings: readSettings(place.env) });

async function completes({ taskQueue }: HostWorker): Promise<void> {
  const { user } = seedUser(place);
  expect(await offboard({ ...place, taskQueue }, { user })).toMatchObject({ status: 'completed' });
}

const recordedAs = (taskQueue: string) =>
  readWorkersOfLedger({ url: place.env['HTTP_TASKS_LEDGER_URL'] ?? '' }, { namespace: 'default', taskQueue });

it('one plugin serves two workers, of which the first to stop takes nothing from the other, and one that is started later', async () => {
  const plugin = pluginHere();
  const [first, second] = await Promise.all([start(plugin), start(plugin)]);
  await Promise.all([completes(first), completes(second)]);
  await first.stop();
  expect(plugin.ledgerLagMs).toEqual(expect.any(Number));
  await completes(second);
  expect((await recordedAs(second.taskQueue)).map(({ state }) => state)).toContain('live');
  expect((await recordedAs(first.taskQueue)).map(({ state }) => state)).not.toContain('live');
  await second.stop();
  expect(plugin.ledgerLagMs).toBeUndefined();
  const third = await start(plugin);
  await completes(third);
  await third.stop();
});

it('one worker that fails takes nothing from the other', async () => {
  const plugin = pluginHere();
  const good = await start(plugin);
  const failing = new SimplePlugin({ name: 'failing' });
  failing.runWorker = async (worker, next) => {
    const running = next(worker);
    worker.shutdown();
    await running;
    throw new Error('a plugin of the host failed');
  };
  const bad = await start(plugin, failing);
  await expect(bad.running).rejects.toThrow('a plugin of the host failed');
  await completes(good);
});

it.each([
  [
    'a ledger that cannot be opened',
    { HTTP_TASKS_LEDGER_URL: 'file:/no/such/folder/ledger.db' },
    'HTTP_TASKS_LEDGER_URL: file:/no/such/folder/ledger.db',
  ],
  [
    'the subject key of another ledger',
    { HTTP_TASKS_SUBJECT_KEY: 'quite another subject key' },
    'HTTP_TASKS_SUBJECT_KEY: this ledger was written with another key',
  ],
])(
  'a worker that is refused for %s rejects with that, and its connection can be closed',
  async (_what, env, message) => {
    const connection = await NativeConnection.connect({ address: temporalAddress() });
    const worker = await create(connection, [
      new HttpTasksPlugin({ settings: readSettings({ ...place.env, ...env }) }),
    ]);
    const beganAtMs = performance.now();
    // As a host writes it: the message of the cleanup would take the place of the reason.
    const run = async (): Promise<void> => {
      try {
        await worker.run();
      } finally {
        await connection.close();
      }
    };
    await expect(run()).rejects.toThrow(message);
    expect(performance.now() - beganAtMs).toBeLessThan(10_000);
  },
);

it('a plugin whose worker was refused can serve another one', async () => {
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  let refuses = true;
  const plugin = new HttpTasksPlugin({
    settings: readSettings(place.env),
    onReady: () => {
      if (refuses) throw new Error('the host is not ready');
    },
  });
  const worker = await create(connection, [plugin], freshId('refused'));
  await expect(worker.run()).rejects.toThrow('the host is not ready');
  await connection.close();
  refuses = false;
  const later = await start(plugin);
  await completes(later);
});
