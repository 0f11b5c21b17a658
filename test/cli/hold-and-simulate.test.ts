import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { PlaidState } from '@temporal-http-tasks/testing';
import { oneDocument, runCli, runJson, startCli } from './run-cli';
import type { Refused } from './run-cli';

const SUBJECT_KEY = 'a-subject-key-for-tests';

const COURIER = join(__dirname, '../../packages/cli/examples/courier.provider.yaml');

async function freshLedger(): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-ledger-'));
  return { HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
}

interface HoldDocument {
  holdId: string;
  subjects: string[];
  reason?: string;
  at?: string;
}

describe('hold', () => {
  it('says of a file in JSON that it has to be CSV', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-holds-')), 'holds.jsonl');
    await writeFile(file, '{"plaidUserId":"usr_1","batchUserId":"1"}\n');
    const refused = await runJson<Refused>(['hold', 'add', '--file', file, '--reason', 'x'], await freshLedger());
    expect(refused).toMatchObject({
      code: 2,
      document: { error: { message: expect.stringMatching(/It looks like JSON; write it as CSV\.$/) as string } },
    });
  });

  it('is set on every given id, listed, and lifted by its own id', async () => {
    const env = await freshLedger();
    const added = await runJson<HoldDocument>(
      ['hold', 'add', '--plaid-user-id', 'usr_1', '--batch-user-id', ' 1001 ', '--reason', '--case 7'],
      env,
    );
    const hasher = createSubjectHasher(SUBJECT_KEY);
    expect(added.code).toBe(0);
    // A worker without keys of Plaid hashes ids of Plaid for 'default'.
    expect(added.document.subjects).toEqual([
      ...['sandbox', 'production', 'default'].map((environment) => hasher.subject('plaid', environment, 'usr_1')),
      hasher.subject('batch', 'default', ' 1001 '),
    ]);
    expect(added.document).toMatchObject({
      environments: { plaid: ['sandbox', 'production'], batch: ['default'] },
      setBy: expect.any(String),
    });

    const listed = await runJson<HoldDocument[]>(['hold', 'list'], env);
    expect(listed.document).toEqual([
      {
        ...added.document,
        reason: '--case 7',
        subjects: expect.arrayContaining(added.document.subjects),
        at: expect.any(String),
      },
    ]);
    expect((await runJson<HoldDocument[]>(['hold', 'list', '--batch-user-id', '1001'], env)).document).toEqual([]);
    expect((await runJson<HoldDocument[]>(['hold', 'list', '--batch-user-id', ' 1001 '], env)).document).toHaveLength(
      1,
    );

    expect((await runJson(['hold', 'remove', '--id', added.document.holdId], env)).document).toEqual({ removed: 1 });
    expect(await runJson(['hold', 'remove', '--id', added.document.holdId], env)).toMatchObject({
      code: 1,
      document: { removed: 0 },
    });
  });

  it('covers every environment, whatever PLAID_ENV says, and only one of them when it is asked to', async () => {
    const env = await freshLedger();
    const held = async (...args: string[]) =>
      (await runJson<{ held: boolean }>(['hold', 'check', ...args], env)).document.held;
    await runJson(['hold', 'add', '--plaid-user-id', 'usr_1'], { ...env, PLAID_ENV: 'production' });
    expect((await runJson(['hold', 'list', '--plaid-user-id', 'usr_1'], env)).document).toHaveLength(1);
    expect(await held('--plaid-user-id', 'usr_1')).toBe(true);
    await runJson(['hold', 'add', '--plaid-user-id', 'usr_2', '--environment', 'production'], env);
    expect(await held('--plaid-user-id', 'usr_2')).toBe(false);
    expect(await held('--plaid-user-id', 'usr_2', '--environment', 'production')).toBe(true);
    expect(await held('--plaid-user-id', 'usr_2', '--environment', 'sandbox')).toBe(false);
  });

  it('is refused under another subject key than the ledger was made with', async () => {
    const env = await freshLedger();
    await runJson(['hold', 'list'], env);
    const { code, document } = await runJson<Refused>(['hold', 'list'], {
      ...env,
      HTTP_TASKS_SUBJECT_KEY: 'another-subject-key-0002',
    });
    expect({ code, type: document.error.type, field: document.error.field }).toEqual({
      code: 2,
      type: 'Settings',
      field: 'HTTP_TASKS_SUBJECT_KEY',
    });
  });
});

describe('receipts', () => {
  it('of an id that the ledger does not know are an empty list, with exit 1', async () => {
    const { code, document, stderr } = await runJson(['receipts', 'offboard-nobody'], await freshLedger());
    expect({ code, document }).toEqual({ code: 1, document: [] });
    expect(stderr).toContain('no receipt');
  });
});

interface SimulateDocument {
  plaid: { url: string };
  batch: { url: string };
  courier: { url: string };
  settings: Record<string, string>;
}

describe('simulate', () => {
  const anyPort = ['simulate', '--plaid-port', '0', '--batch-port', '0'];

  it('prints settings with which a call works, and ends with exit 0 when asked to', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-users-')), 'users.csv');
    await writeFile(
      file,
      'plaid_user_id,plaid_user_token,batch_user_id,reference,item_ids\nusr_1,,1001,case,a;b\n,user-sandbox-x,,,c\n,,"10,02",,\n',
    );
    const more = ['--providers', COURIER, '--provider-port', '0'];
    const running = startCli([...anyPort, ...more, '--users', file, '--read-lag-ms', '0', '--json']);
    await running.printed('\n}\n');
    const { plaid: at, courier, settings } = oneDocument<SimulateDocument>(running.stdoutSoFar());
    const plaid = (await (await fetch(`${at.url}/__sim/state`)).json()) as PlaidState;
    expect(plaid.items.left).toEqual([
      { itemId: 'a', user: 'usr_1' },
      { itemId: 'b', user: 'usr_1' },
      { itemId: 'c', user: 'user-sandbox-x' },
    ]);
    const { HTTP_TASKS_PROVIDERS, ...env } = settings;
    expect(HTTP_TASKS_PROVIDERS).toBe(COURIER);
    expect(env['COURIER_BASE_URL']).toBe(courier.url);
    const headers = { authorization: `Bearer ${env['COURIER_TOKEN']}` };
    expect((await fetch(`${courier.url}/contacts/c_1`, { method: 'DELETE', headers })).status).toBe(204);
    const called = await runJson<{ ok: boolean }>(
      ['call', 'plaid.userItemsGet', '--input', '{"user_token":"user-sandbox-x"}'],
      env,
    );
    expect(called.document.ok).toBe(true);
    const { code, stdout } = await running.stop('SIGINT');
    expect(code).toBe(0);
    expect(oneDocument<SimulateDocument>(stdout).settings).toEqual(settings);
  });

  it('says which port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await runCli(['simulate', '--plaid-port', String(port), '--batch-port', '0']);
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} is taken`);
  });

  it('refuses a file without users by exit 2', async () => {
    const { code, document } = await runJson<Refused>([...anyPort, '--users', __filename]);
    expect({ code, type: document.error.type }).toEqual({ code: 2, type: 'Usage' });
  });
});
