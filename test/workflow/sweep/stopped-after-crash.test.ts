import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pauseUpdate, resumeUpdate } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { until } from '../../support/offboarding-runs';
import { BYSTANDERS, cancelledSweep, goneAtPlaid, openSweepPlace, untilProgress } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { replaceStoppedWorker, sweepHangingIn } from '../../support/stopped-workers';
import { startWorkerProcess } from '../../support/worker-process';

// A worker that is asked to stop dies before it can confirm: the server then times its activity out for good.

let slowPages: Server;
let pagesAsked = 0;

beforeAll(async () => {
  slowPages = createServer(() => {
    pagesAsked += 1;
  });
  await new Promise<void>((resolve) => slowPages.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  slowPages.closeAllConnections();
  await new Promise((resolve) => slowPages.close(resolve));
});

/** Each test waits for the server to miss a worker, so that all of them wait at the same time, each in a place of its own. */
async function inPlace(work: (place: SweepPlace) => Promise<void>): Promise<void> {
  const place = await openSweepPlace({
    env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '60000', HTTP_TASKS_HTTP_ALLOW: pagesOrigin() },
  });
  try {
    await work(place);
  } finally {
    await place.close();
  }
}

function pagesOrigin(): string {
  return `http://127.0.0.1:${(slowPages.address() as AddressInfo).port}`;
}

const USERS = 5;

it.concurrent.each([
  ['a chunk', 'userItemsRemove', 'plaid'],
  ['a bulk call', 'customDataBulkDelete', 'batch'],
] as const)('stays paused when the worker of %s dies after the pause, and completes', (_, endpoint, provider) =>
  inPlace(async (place) => {
    const { handle, killed } = await sweepHangingIn(place, { endpoint, provider, users: USERS });
    await handle.executeUpdate(pauseUpdate);
    await replaceStoppedWorker(place, handle, killed);
    await untilProgress(handle, 'it is paused', ({ status, underWay }) => status === 'paused' && underWay === 0);
    await handle.executeUpdate(resumeUpdate);
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: USERS } });
    expect(goneAtPlaid(place)).toEqual({ gone: USERS, left: BYSTANDERS, irreversibleRepeats: 0 });
  }),
);

it.concurrent(
  'ends as cancelled, sealed and with every user counted, when the worker of a chunk dies after the cancellation',
  () =>
    inPlace(async (place) => {
      const { handle, killed } = await sweepHangingIn(place, {
        endpoint: 'userItemsRemove',
        provider: 'plaid',
        users: USERS,
      });
      await handle.cancel();
      await replaceStoppedWorker(place, handle, killed);
      const { status, counts, merkleRoot } = await cancelledSweep(handle);
      const { total, pending, ...outcomes } = counts;
      expect({ status, total, pending }).toEqual({ status: 'cancelled', total: USERS, pending: 0 });
      expect(Object.values(outcomes).reduce((sum, users) => sum + users, 0)).toBe(USERS);
      // At least the user whose removal was in flight; outcomes that the lost worker had not written yet are not known either.
      expect(counts.unknown).toBeGreaterThanOrEqual(1);
      await expect(
        place.ledger.sweeps.verify({ sweepId: handle.workflowId, expectedRoot: merkleRoot }),
      ).resolves.toMatchObject({ ok: true });
      expect(goneAtPlaid(place).irreversibleRepeats).toBe(0);
    }),
);

it.concurrent('ends as cancelled when the worker that reads the source dies after the cancellation', () =>
  inPlace(async (place) => {
    const killed = await startWorkerProcess(place);
    const pages = {
      task: 'http.request',
      input: { method: 'GET', uri: `${pagesOrigin()}/users` },
      itemsPath: 'response.body.users',
      fields: { batch_user_id: 'id' },
    };
    const handle = await place.start({ source: { pages } });
    await until('the source is being read', () => pagesAsked > 0);
    await handle.cancel();
    await replaceStoppedWorker(place, handle, killed);
    const { status, counts } = await cancelledSweep(handle);
    expect({ status, total: counts.total }).toEqual({ status: 'cancelled', total: 0 });
  }),
);
