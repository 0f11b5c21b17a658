import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { migrations as allMigrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { LedgerEvent } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import { startChild } from './children/start';
import { DATABASES, SUBJECT_KEY, cleanUp, open, runRaw, subject, temporaryFolder } from './databases';

/** Starts a process that opens the ledger at a signal. */
async function openerProcess(url: string, subjectKey: string) {
  const child = startChild('open-once', url, subjectKey);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return async (): Promise<{ migrations?: string[]; error?: string }> => {
    const ended = once(child, 'exit');
    child.stdin.write('go\n');
    const { value } = await lines.next();
    await ended;
    return JSON.parse(String(value)) as { migrations?: string[]; error?: string };
  };
}

async function refusal(opening: Promise<unknown>): Promise<Error> {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('The ledger was opened.');
  return error;
}

describe.each(DATABASES)('opening a ledger in $name', ({ freshUrl }) => {
  afterAll(cleanUp);

  it('migrates once and is quiet afterwards', async () => {
    const url = await freshUrl();
    const events: LedgerEvent[] = [];
    await open(url, { onEvent: (event) => events.push(event) });
    expect(events).toEqual([
      {
        kind: 'migrated',
        migrations: [
          '0001-receipts',
          '0002-holds',
          '0003-sweeps',
          '0004-sweep-writes',
          '0005-rate-turns',
          '0006-bulk-outcomes',
          '0007-snapshot-environment',
          '0008-guards',
          '0010-hold-environments',
          '0011-worker-environments',
          '0012-erasure',
          '0013-snapshot-report',
          '0014-schedules',
          '0015-sweep-rates',
          '0016-sweep-steps',
          '0017-log',
          '0018-policy',
          '0019-row-labels',
          '0020-approvals',
          '0022-evidence',
          '0023-held-requests',
          '0024-requests',
          '0025-sealed-hashes',
          '0026-snapshot-blocks',
          '0027-block-texts',
          '0028-key-pages',
        ],
      },
    ]);
    await open(url, { onEvent: (event) => events.push(event) });
    expect(events).toHaveLength(1);
  });

  it('lets ten processes start together: one migrates, all can use it', async () => {
    const url = await freshUrl();
    // The first alone: it transpiles the sources, and the others find that done.
    const first = await openerProcess(url, SUBJECT_KEY);
    const others = await Promise.all(Array.from({ length: 9 }, () => openerProcess(url, SUBJECT_KEY)));
    const responses = await Promise.all([first, ...others].map((start) => start()));
    expect(responses.map(({ error }) => error)).toEqual(Array(10).fill(undefined));
    expect(responses.filter(({ migrations }) => migrations?.length === allMigrations.length)).toHaveLength(1);
    expect(responses.filter(({ migrations }) => migrations?.length === 0)).toHaveLength(9);
  });

  it('agrees on one key when processes with different keys open it first at the same moment', async () => {
    const url = await freshUrl();
    const keys = ['the first of two keys', 'the second of two keys'];
    const openers = await Promise.all([0, 1, 0, 1].map((index) => openerProcess(url, keys[index] ?? '')));
    const responses = await Promise.all(openers.map((start) => start()));
    const refused = responses.map(({ error }) => error !== undefined);
    expect([
      [false, true, false, true],
      [true, false, true, false],
    ]).toContainEqual(refused);
    for (const { error } of responses) if (error !== undefined) expect(error).toContain('HTTP_TASKS_SUBJECT_KEY');
  });

  it('refuses another subject key, names the setting and keeps the ledger as it was', async () => {
    const url = await freshUrl();
    await open(url);
    const error = await refusal(openLedger({ url, subjectKey: 'quite another key than before' }));
    expect(error).toBeInstanceOf(LedgerSettingError);
    expect(error.message).toContain('HTTP_TASKS_SUBJECT_KEY: this ledger was written with another key');
    expect(error.message).not.toContain('quite another key');
    await open(url);
  });

  it('stores neither the key nor anything it could be read from', async () => {
    const url = await freshUrl();
    await open(url);
    const stored = JSON.stringify(await runRaw(url, 'select * from ledger_meta'));
    expect(stored).toContain('fingerprint');
    expect(stored).not.toContain(SUBJECT_KEY);
  });

  it('refuses a ledger that a newer version wrote, and changes nothing', async () => {
    const url = await freshUrl();
    await open(url);
    await runRaw(
      url,
      `insert into ledger_migrations (name, at) values ('0999-from-the-future', '2030-01-01T00:00:00Z')`,
    );
    const error = await refusal(openLedger({ url, subjectKey: SUBJECT_KEY }));
    expect(error).toBeInstanceOf(LedgerSettingError);
    expect(error.message).toContain('newer version');
    expect(error.message).toContain('0999-from-the-future');
  });

  it('rejects later calls with LedgerUnavailableError once it is closed, and closes twice without harm', async () => {
    const ledger = await open(await freshUrl());
    await ledger.close();
    await ledger.close();
    await expect(ledger.isHeld([subject('a')])).rejects.toThrow(LedgerUnavailableError);
  });
});

describe('the address of a ledger', () => {
  afterAll(cleanUp);

  it.each([
    ['mysql://admin:hunter2@db/x', 'the scheme mysql: is not supported'],
    ['ledger.db', 'has no scheme'],
    ['', 'has no scheme'],
    ['hunter2', 'has no scheme'],
    ['file:', 'needs a path'],
    ['file://host/hunter2', 'needs an absolute path and no host'],
    ['postgres://admin:hunter2#@db/x', 'write it as %23'],
  ])('%j is refused by the name of the setting, with what is allowed and no password', async (url, saying) => {
    const error = await refusal(openLedger({ url, subjectKey: SUBJECT_KEY }));
    expect(error).toBeInstanceOf(LedgerSettingError);
    expect(error.message).toMatch(/^HTTP_TASKS_LEDGER_URL: /);
    expect(error.message).toContain(saying);
    expect(error.message).not.toContain('hunter2');
  });

  it('may be in memory, for tests', async () => {
    const ledger = await open('file::memory:');
    await ledger.addHold({ holdId: 'h', subjects: [subject('a')] });
    expect(await ledger.isHeld([subject('a')])).toBe(true);
    expect(await (await open('file::memory:')).isHeld([subject('a')])).toBe(false);
  });

  it('may be a relative path or a whole file URL', async () => {
    const file = path.join(temporaryFolder(), 'with space.db');
    await open(`file:${path.relative(process.cwd(), file)}`);
    const events: LedgerEvent[] = [];
    await open(`file://${file.replace(' ', '%20')}`, { onEvent: (event) => events.push(event) });
    expect(events).toEqual([]);
  });

  it('is refused with advice when its folder is missing or the file is something else', async () => {
    const folder = temporaryFolder();
    const missing = await refusal(openLedger({ url: `file:${folder}/none/ledger.db`, subjectKey: SUBJECT_KEY }));
    expect(missing).toBeInstanceOf(LedgerSettingError);
    expect(missing.message).toContain('Its folder must exist');
    writeFileSync(path.join(folder, 'notes.txt'), 'certainly not a database\n'.repeat(100));
    const foreign = await refusal(openLedger({ url: `file:${folder}/notes.txt`, subjectKey: SUBJECT_KEY }));
    expect(foreign).toBeInstanceOf(LedgerSettingError);
    expect(foreign.message).toContain('is not a database');
  });

  it('is refused with advice when Postgres refuses the login or has no such database', async () => {
    const postgres = DATABASES.find(({ name }) => name === 'Postgres');
    const good = new URL((await postgres?.freshUrl()) ?? '');
    const noDatabase = new URL(good);
    noDatabase.pathname = '/not_there';
    const missing = await refusal(openLedger({ url: noDatabase.href, subjectKey: SUBJECT_KEY }));
    expect(missing).toBeInstanceOf(LedgerSettingError);
    expect(missing.message).toContain('the database does not exist');
    const noUser = new URL(good);
    noUser.username = 'nobody_here';
    noUser.password = 'hunter2';
    const refused = await refusal(openLedger({ url: noUser.href, subjectKey: SUBJECT_KEY }));
    expect(refused).toBeInstanceOf(LedgerSettingError);
    expect(refused.message).toContain('refused');
    expect(refused.message).not.toContain('hunter2');
  });
});
