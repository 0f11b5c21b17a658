import { execFile, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { childEnvironment } from '@temporal-http-tasks/testing/internal/temporal-server/child-environment';

let binary: string;
let root: string;
beforeAll(async () => {
  binary = (await findTemporalServer({ report: () => undefined })).path;
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'start-temporal-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isAlive(pid) && Date.now() < deadline) await delay(50);
  return !isAlive(pid);
}

it('accepts work as soon as it reports to be up, and is really gone after stop()', async () => {
  const server = await startTemporalServer({ binary });
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  const handle = await client.workflow.start('nobody', { taskQueue: 'none', workflowId: 'first' });
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await connection.close();

  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
  await expect(server.stop()).resolves.toBeUndefined();
});

if (process.platform === 'linux') {
  it('gives none of the shell’s keys to the server, nor to what ends it', async () => {
    const keys = {
      PLAID_SECRET: 'canary-plaid',
      AWS_SECRET_ACCESS_KEY: 'canary-aws',
      TEMPORAL_API_KEY: 'canary-temporal',
      HTTP_TASKS_SUBJECT_KEY: 'canary-subject',
    };
    const allowed = new Set(Object.keys(childEnvironment(process.env)));
    Object.assign(process.env, keys);
    const server = await startTemporalServer({ binary });
    try {
      const children = (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8'))
        .trim()
        .split(/\s+/);
      const started = await Promise.all(
        children.map(async (pid) => ({
          pid,
          command: await readFile(`/proc/${pid}/cmdline`, 'utf8'),
          environment: await readFile(`/proc/${pid}/environ`, 'utf8'),
        })),
      );
      const ours = started.filter(({ pid, command }) => pid === String(server.pid) || command.includes('lifeline'));
      expect(ours.length).toBeGreaterThan(1);
      for (const { environment } of ours) {
        const names = environment
          .split('\0')
          .filter((entry) => entry !== '')
          .map((entry) => entry.slice(0, entry.indexOf('=')));
        expect(names.filter((name) => !allowed.has(name))).toEqual([]);
        expect(names).toContain('PATH');
      }
    } finally {
      await server.stop();
      for (const name of Object.keys(keys)) Reflect.deleteProperty(process.env, name);
    }
  });
}

it('serves the UI, makes the namespace and passes dynamic configuration on when asked to', async () => {
  const server = await startTemporalServer({
    binary,
    uiPort: 'free',
    namespace: 'offboarding',
    dynamicConfig: { 'frontend.namespaceRPS.visibility': 5, 'activity.enableStandalone': false },
  });
  try {
    const page = await fetch(`${server.uiUrl}/`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<html');
    const connection = await Connection.connect({ address: server.address });
    const client = new Client({ connection, namespace: 'offboarding' });
    const start = client.activity.start('nobody', { id: 'a', taskQueue: 'none', startToCloseTimeout: '1s' });
    await expect(start).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/standalone activity is disabled/i) },
    });
    await connection.close();
  } finally {
    await server.stop();
  }
});

it('keeps workflows in a file when given one', async () => {
  const dbFilename = join(root, 'temporal.db');
  const before = await startTemporalServer({ binary, dbFilename });
  const connection = await Connection.connect({ address: before.address });
  await new Client({ connection }).workflow.start('nobody', { taskQueue: 'none', workflowId: 'kept' });
  await connection.close();
  await before.stop();

  const after = await startTemporalServer({ binary, dbFilename });
  try {
    const again = await Connection.connect({ address: after.address });
    const description = await new Client({ connection: again }).workflow.getHandle('kept').describe();
    expect(description.status.name).toBe('RUNNING');
    await again.close();
  } finally {
    await after.stop();
  }
});

it('says which port is taken instead of joining the server that has it', async () => {
  const squatter = createServer((socket) => void socket.destroy()).listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  try {
    await expect(startTemporalServer({ binary, port })).rejects.toThrow(String(port));
  } finally {
    squatter.close();
  }
});

it('does not join another Temporal server that has the port and responds', async () => {
  const other = await startTemporalServer({ binary });
  try {
    const port = Number(new URL(`tcp://${other.address}`).port);
    await expect(startTemporalServer({ binary, port })).rejects.toThrow(String(port));
  } finally {
    await other.stop();
  }
});

it('reports what the server printed when it ends immediately', async () => {
  const broken = join(root, 'temporal');
  await writeFile(broken, '#!/bin/sh\necho "no room on this device" >&2\nexit 3\n');
  await chmod(broken, 0o755);
  await expect(startTemporalServer({ binary: broken })).rejects.toThrow(/did not start[^]*no room on this device/);
});

it('ignores the TEMPORAL_* settings of the surroundings', async () => {
  const log = join(root, 'env');
  const nosy = join(root, 'temporal');
  await writeFile(nosy, `#!/bin/sh\nenv > '${log}'\nexit 1\n`);
  await chmod(nosy, 0o755);
  process.env['TEMPORAL_ADDRESS'] = 'production.example.com:7233';
  try {
    await expect(startTemporalServer({ binary: nosy, port: 1 })).rejects.toThrow();
  } finally {
    delete process.env['TEMPORAL_ADDRESS'];
  }
  expect(await readFile(log, 'utf8')).not.toMatch(/^TEMPORAL_ADDRESS=/m);
});

/** A plain process that starts `command` as its own and then does what `then` says with `owned`. */
async function startOwner(command: string, then: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const sources = join(__dirname, '..', '..', 'packages', 'testing', 'src', 'temporal-server');
  const bundle = join(root, `owner-${randomUUID()}.cjs`);
  const { transpile, ModuleKind, ScriptTarget } = await import('typescript');
  const compile = async (name: string): Promise<string> =>
    transpile(await readFile(join(sources, name), 'utf8'), {
      module: ModuleKind.CommonJS,
      target: ScriptTarget.ES2022,
    });
  await writeFile(join(root, 'child-environment.js'), await compile('child-environment.ts'));
  const compiled = await compile('owned-process.ts');
  const options = `{ command: '/bin/sh', args: ['-c', ${JSON.stringify(command)}], env: process.env, logFile: '/dev/null', stopMs: 500 }`;
  await writeFile(bundle, `${compiled}\nexports.OwnedProcess.start(${options}).then(async (owned) => { ${then} });`);
  return spawn(process.execPath, [bundle], { stdio: ['ignore', 'pipe', 'inherit'] });
}

it('does not outlive an owner that is killed without warning', async () => {
  const owner = await startOwner(
    'exec sleep 600',
    'process.stdout.write(`${owned.pid}\\n`); setInterval(() => undefined, 1000);',
  );
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive(pid)).toBe(true);
  owner.kill('SIGKILL');
  expect(await untilGone(pid, 60_000)).toBe(true);
});

it('is forced to end when it does not listen, and its owner survives', async () => {
  const stubborn = `trap '' TERM; while :; do sleep 0.1; done`;
  const owner = await startOwner(
    stubborn,
    'await new Promise((resolve) => setTimeout(resolve, 300)); await owned.stop(); console.log(`ended ${owned.running}`);',
  );
  expect(await text(owner.stdout)).toBe('ended false\n');
});

it('leaves no helper process behind', async () => {
  const server = await startTemporalServer({ binary });
  await server.stop();
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
  expect(stdout.split('\n').filter((args) => args.includes('lifeline') && args.endsWith(` ${server.pid}`))).toEqual([]);
});
