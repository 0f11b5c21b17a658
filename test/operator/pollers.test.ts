import type { Client } from '@temporalio/client';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';

/** A server that lists a poller from one request on. */
function serverWith(pollsFrom: number): { client: Client; asked: () => number } {
  let asked = 0;
  const describeTaskQueue = (): Promise<object> => {
    asked += 1;
    const poller = { identity: 'a worker', lastAccessTime: { seconds: Math.floor(Date.now() / 1_000) } };
    return Promise.resolve({ pollers: asked >= pollsFrom ? [poller] : [] });
  };
  const client = { options: { namespace: 'default' }, workflowService: { describeTaskQueue } } as unknown as Client;
  return { client, asked: () => asked };
}

it.each([
  ['polls already', 1, true, 1],
  ['was just started and polls a moment later', 2, true, 2],
  ['never polls', Infinity, false, 3],
])('a worker that %s', async (_, pollsFrom, found, asked) => {
  const server = serverWith(pollsFrom);
  expect(await hasWorker(server.client, 'queue')).toBe(found);
  expect(server.asked()).toBe(asked);
});
