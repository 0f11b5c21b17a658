import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { OwnedProcess } from '@temporal-http-tasks/testing/internal/temporal-server/owned-process';
import { freePort } from '@temporal-http-tasks/testing/internal/temporal-server/start';
import { postgresBinaries } from './postgres-binaries';
import type { Certified } from './certificates';
import type { PostgresBinaries } from './postgres-binaries';

/** A running Postgres that this process owns. */
export interface PostgresServer {
  /** `postgres://…` of its maintenance database; the user may create others. */
  readonly url: string;
  stop(): Promise<void>;
}

interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

const READY_MS = 30_000;
const ATTEMPTS = 3;

/** What a Postgres of a test can be started with. */
export interface PostgresOptions {
  /** Its certificate and key; it then takes connections with TLS only. @default none: it offers no TLS */
  tls?: Certified;
  /** How passwords are asked for. @default scram-sha-256 */
  auth?: 'scram-sha-256' | 'password' | 'md5';
}

/** Starts an empty Postgres on loopback. What it stores is not made durable: it is gone with `stop()`. */
export async function startPostgres({ tls, auth = 'scram-sha-256' }: PostgresOptions = {}): Promise<PostgresServer> {
  const workDir = await mkdtemp(join(tmpdir(), 'http-tasks-postgres-'));
  const removeWorkDir = () => rm(workDir, { recursive: true, force: true });
  try {
    const binaries = await postgresBinaries(workDir);
    const user = await unprivilegedUser();
    const password = randomBytes(12).toString('hex');
    const dataDir = await initialise(workDir, binaries, user, password, auth);
    if (tls) await offerTls(dataDir, tls, user);
    const { server, url } = await launch(dataDir, binaries, user, password, tls !== undefined);
    return {
      url,
      async stop() {
        await server.stop();
        await removeWorkDir();
      },
    };
  } catch (error) {
    await removeWorkDir();
    throw error;
  }
}

/** Postgres refuses to run as root, so that root picks a user with few rights; other users run it as themselves. */
export async function unprivilegedUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find(([name]) => name === wanted) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('Postgres does not run as root, and there is no user `postgres` or `nobody` to run it as.');
}

async function initialise(
  workDir: string,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  password: string,
  auth: string,
): Promise<string> {
  const dataDir = join(workDir, 'data');
  const passwordFile = join(workDir, 'password');
  await mkdir(dataDir, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(workDir, 0o755);
  if (user !== undefined) {
    await chown(dataDir, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  await promisify(execFile)(
    join(binaries.binDir, 'initdb'),
    [
      ...['--pgdata', dataDir, '--username', 'postgres', '--pwfile', passwordFile, '--auth', auth],
      ...['--encoding', 'UTF8', '--no-locale', '--no-sync'],
    ],
    { env: serverEnv(binaries), cwd: workDir, ...user },
  );
  return dataDir;
}

/** Plain text is refused, so that a test cannot pass without TLS. */
async function offerTls(dataDir: string, { cert, key }: Certified, user: SystemUser | undefined): Promise<void> {
  for (const [name, text] of [
    ['server.crt', cert],
    ['server.key', key],
  ] as const) {
    await writeFile(join(dataDir, name), text, { mode: 0o600 });
    if (user !== undefined) await chown(join(dataDir, name), user.uid, user.gid);
  }
  const rules = join(dataDir, 'pg_hba.conf');
  await writeFile(rules, (await readFile(rules, 'utf8')).replaceAll(/^host(?=\s)/gm, 'hostssl'));
}

async function launch(
  dataDir: string,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  password: string,
  tls: boolean,
): Promise<{ server: OwnedProcess; url: string }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = await OwnedProcess.start({
      command: join(binaries.binDir, 'postgres'),
      args: ['-D', dataDir, '-p', String(port), ...settings(), ...(tls ? ['-c', 'ssl=on'] : [])],
      env: serverEnv(binaries),
      // "Fast shutdown": ends open sessions; SIGTERM would wait for them.
      stopSignal: 'SIGINT',
      ...(user === undefined ? {} : { user }),
    });
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    try {
      await untilReady(server, url, tls);
      return { server, url };
    } catch (error) {
      const printed = await server.logTail();
      const endedByItself = !server.running;
      await server.stop();
      if (endedByItself && attempt < ATTEMPTS) continue;
      throw new Error(`Postgres did not come up:\n${printed}`, { cause: error });
    }
  }
}

function settings(): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    timezone: 'UTC',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Nothing of ours: PG* settings of the person's shell must not reach it. */
function serverEnv(binaries: PostgresBinaries): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', ...binaries.env };
}

async function untilReady(server: OwnedProcess, url: string, tls: boolean): Promise<void> {
  const deadline = Date.now() + READY_MS;
  let lastError: unknown;
  while (server.running && Date.now() < deadline) {
    const client = new Client({ connectionString: url, ssl: tls && { rejectUnauthorized: false } });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      lastError = error;
      await delay(50);
    }
  }
  throw new Error('Postgres gives no answer', { cause: lastError });
}
