import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OwnedProcess } from '@temporal-http-tasks/testing/internal/temporal-server/owned-process';
import { freePort } from './observing';
import { unprivilegedUser } from './postgres-server';

/** Where Debian and its relatives put it. */
const PLACES = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'];
const READY_MS = 15_000;

/** A running PgBouncer in transaction mode. */
export interface PgBouncer {
  /** The same database by way of the pooler. */
  url: string;
  stop(): Promise<void>;
}

/** The pooler of this machine; a test that needs it must not pass unseen where it is missing. */
function pgbouncerPath(): string {
  const path = [process.env['HTTP_TASKS_TEST_PGBOUNCER'] ?? '', ...PLACES].find(
    (candidate) => candidate !== '' && existsSync(candidate),
  );
  if (path !== undefined) return path;
  throw new Error(
    `PgBouncer is missing (looked for ${PLACES.join(', ')}). Install it as root with: apt-get install -y pgbouncer. Or name one in HTTP_TASKS_TEST_PGBOUNCER.`,
  );
}

/**
 * Starts PgBouncer before the server of a Postgres URL. It has few connections to the server, so that transactions of many
 * clients share them.
 *
 * @param settings More lines of its section `pgbouncer`.
 */
export async function startPgBouncer(
  databaseUrl: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<PgBouncer> {
  const server = new URL(databaseUrl);
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-pgbouncer-'));
  const port = await freePort();
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users.txt'),
    pool_mode: 'transaction',
    default_pool_size: '3',
    max_client_conn: '200',
    ...settings,
  };
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(join(folder, 'users.txt'), `"${server.username}" "${server.password}"\n`);
  await writeFile(
    file,
    [
      '[databases]',
      `* = host=${server.hostname} port=${server.port}`,
      '[pgbouncer]',
      ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
  );
  await chmod(folder, 0o755);
  const user = await unprivilegedUser();
  const running = await OwnedProcess.start({
    command: pgbouncerPath(),
    args: [file],
    env: {},
    stopSignal: 'SIGTERM',
    ...(user && { user }),
  });
  const stop = async (): Promise<void> => {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + READY_MS;
  while (!(await accepts(port))) {
    if (!running.running || Date.now() > deadline) {
      const printed = await running.logTail();
      await stop();
      throw new Error(`PgBouncer did not come up:\n${printed}`);
    }
    await delay(20);
  }
  const url = new URL(databaseUrl);
  url.port = String(port);
  return { url: url.href, stop };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}
