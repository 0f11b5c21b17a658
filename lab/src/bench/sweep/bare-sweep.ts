import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Pool } from 'undici';

/** A bare loop: which users to offboard, where, and how many at a time. */
export interface BareSweep {
  url: string;
  clientId: string;
  secret: string;
  /** Users are `<prefix><number>`. */
  prefix: string;
  users: number;
  concurrency: number;
}

/**
 * Makes the calls of a sweep for each user and nothing else: no ledger, no schema, no retry, no check of a response but
 * its status. Runs in a process of its own, like the sweep's worker, so that both have a core besides the simulators'.
 *
 * @returns How long it took, and the processor time of its process, in milliseconds, from the first call to the last
 *   response.
 */
export async function runBareSweep(sweep: BareSweep): Promise<{ ms: number; cpuMs: number }> {
  const child = fork(__filename, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    child.send(sweep);
    const [message] = (await Promise.race([once(child, 'message'), failureOf(child)])) as [
      { ms: number; cpuMs: number },
    ];
    return message;
  } finally {
    child.kill();
  }
}

async function failureOf(child: ReturnType<typeof fork>): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`The bare loop ended with code ${code ?? 'none'} before it was done.`);
}

async function loop({ url, clientId, secret, prefix, users, concurrency }: BareSweep) {
  const pool = new Pool(url, { connections: concurrency, pipelining: 1 });
  const headers = { 'content-type': 'application/json', 'plaid-client-id': clientId, 'plaid-secret': secret };
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await pool.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
    const parsed = await response.body.json();
    if (response.statusCode !== 200) throw new Error(`The simulator returned ${response.statusCode}.`);
    return parsed;
  };
  let nextUser = 0;
  const lane = async (): Promise<void> => {
    while (nextUser < users) {
      const user_id = `${prefix}${nextUser++}`;
      const { items } = (await post('/user/items/get', { user_id })) as { items: { item_id: string }[] };
      await post('/user/items/remove', { user_id, item_ids: items.map(({ item_id }) => item_id) });
      await post('/user/items/get', { user_id });
      await post('/user/products/terminate', { user_id, reason_code: 'USER_OFFBOARDING' });
    }
  };
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: concurrency }, lane));
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  await pool.close();
  return { ms, cpuMs: (user + system) / 1_000 };
}

if (require.main === module) {
  process.once('message', (sweep: BareSweep) => {
    loop(sweep).then(
      (measured) => process.send?.(measured),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exitCode = 1;
        process.disconnect();
      },
    );
  });
}
