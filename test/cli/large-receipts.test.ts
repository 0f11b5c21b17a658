import { spawn } from 'node:child_process';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { DATABASES, SUBJECT_KEY, cleanUp, open, temporaryFolder } from '../ledger/databases';
import { receiptOf, rowsOf, settled, sweepOf } from '../ledger/sweeps/users';
import { amount } from '../support/amount';
import { MAIN, runCli, startCli } from './run-cli';
import type { CliEnv } from './run-cli';

const USERS = amount(3_000, { whole: 5_000 });
const RECEIPTS_EACH = 40;
const RECEIPTS = USERS * RECEIPTS_EACH;

/** All the receipts together would need far more. */
const LITTLE_MEMORY = { NODE_OPTIONS: '--max-old-space-size=64' };

jest.setTimeout(300_000);

/** A sweep with so many receipts that no process should hold them all. */
async function writeLargeSweep({ sweeps }: OpenedLedger, sweepId: string): Promise<void> {
  await sweepOf(sweeps, sweepId, rowsOf(0, USERS));
  const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
  for (let wave = 0; wave * 250 < USERS; wave++) {
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: USERS }, wave, limit: 250 });
    const receipts = users.map((user) =>
      Array.from({ length: RECEIPTS_EACH }, (_, index) =>
        receiptOf(user, { requestId: `request-${user.seq}-${index}` }),
      ),
    );
    await sweeps.flushWave({
      ...chunk,
      users: users.map((user, index) => settled(user, 'removed', { receipts: receipts[index] })),
    });
  }
}

describe.each(DATABASES)(`${RECEIPTS} receipts in $name`, ({ freshUrl }) => {
  let env: CliEnv;

  beforeAll(async () => {
    const url = await freshUrl();
    await writeLargeSweep(await open(url, { deadlineMs: 60_000 }), 'large');
    env = { HTTP_TASKS_LEDGER_URL: url, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
  });
  afterAll(cleanUp);

  it('are written to a file without holding them in memory', async () => {
    const file = join(temporaryFolder(), 'receipts');
    const { code, stderr } = await runCli(['receipts', 'large', '--csv', '--out', file], { ...env, ...LITTLE_MEMORY });
    expect({ code, stderr }).toEqual({ code: 0, stderr: `${RECEIPTS} receipts of large are in ${file}.\n` });
    let lines = 0;
    for await (const line of createInterface({ input: createReadStream(file) })) lines += line === '' ? 0 : 1;
    expect(lines).toBe(RECEIPTS + 1);
  });

  it('wait for a slow reader of one JSON array', async () => {
    const child = spawn(process.execPath, [MAIN, 'receipts', 'large', '--json'], {
      env: { ...env, ...LITTLE_MEMORY },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let characters = 0;
    let receipts = 0;
    let end = '';
    for await (const text of child.stdout.setEncoding('utf8') as AsyncIterable<string>) {
      if (characters === 0) await delay(1_000);
      characters += text.length;
      receipts += text.split('"step":').length - 1;
      end = `${end}${text}`.slice(-20);
    }
    expect(await ended).toBe(0);
    // A piece may end within the word that is counted.
    expect(receipts).toBeGreaterThan(RECEIPTS * 0.99);
    expect(end).toMatch(/\}\n\]\n$/);
  });

  it('are left alone when the reader has seen enough', async () => {
    const running = startCli(['receipts', 'large', '--jsonl'], env);
    await running.printed('request-0-0');
    running.process.stdout?.destroy();
    const { stderr } = await running.ended;
    expect(stderr).toBe('');
  });

  it('leave nothing behind when a person gives up waiting for them', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'receipts.csv');
    const running = startCli(['receipts', 'large', '--csv', '--out', file], env);
    while (readdirSync(folder).length === 0) await delay(5);
    const { code, stderr } = await running.stop('SIGINT');
    expect({ code, there: existsSync(file), left: readdirSync(folder) }).toEqual({ code: 1, there: false, left: [] });
    expect(stderr).toContain('was not written');
  });

  it('are summed up in a report without holding them in memory', async () => {
    const { code, stdout } = await runCli(['receipts', 'large', '--html'], { ...env, ...LITTLE_MEMORY });
    expect(code).toBe(0);
    expect(stdout).toContain(`All ${USERS.toLocaleString('en')} users are deleted; none needs attention.`);
  });
});
