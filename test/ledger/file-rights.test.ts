import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { LedgerEvent } from 'temporal-http-tasks/internal/ledger/open-ledger';

const SUBJECT_KEY = 'a subject key for tests only';
const folder = mkdtempSync(join(tmpdir(), 'http-tasks-rights-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rights = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
  );

it('makes a ledger whose files only its owner reads, whatever the umask, and tightens one that others could read', async () => {
  const before = process.umask(0);
  try {
    const url = `file:${join(folder, 'ledger.db')}`;
    const events: LedgerEvent[] = [];
    const onEvent = (event: LedgerEvent): unknown => events.push(event);
    const first = await openLedger({ url, subjectKey: SUBJECT_KEY, onEvent });
    await first.readReceipts({ workflowId: 'none' });
    expect(rights()).toEqual({ 'ledger.db': '600', 'ledger.db-shm': '600', 'ledger.db-wal': '600' });
    await first.close();
    expect(events.map(({ kind }) => kind)).toEqual(['migrated']);
    chmodSync(join(folder, 'ledger.db'), 0o644);
    const second = await openLedger({ url, subjectKey: SUBJECT_KEY, onEvent });
    await second.readReceipts({ workflowId: 'none' });
    expect(new Set(Object.values(rights()))).toEqual(new Set(['600']));
    await second.close();
    expect(events.at(-1)).toEqual({ kind: 'wideFile', file: join(folder, 'ledger.db'), mode: '0644', tightened: true });
  } finally {
    process.umask(before);
  }
});
