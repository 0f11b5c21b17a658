import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportCheckpoint } from 'temporal-http-tasks/internal/ledger/log/export-checkpoint';
import { BundleStage } from '../evidence/bundle-stage';
import { DATABASES, SUBJECT_KEY, cleanUp, runRaw, subject, temporaryFolder } from '../ledger/databases';
import { runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

interface Keygen {
  file: string;
  publicKey: string;
}

interface SinceDocument {
  ok: boolean;
  since: { size: number; signedBy: string[] };
  now: { size: number };
  differences: { kind: string; ref?: string; problem: string }[];
}

afterAll(cleanUp);

async function newKey(): Promise<Keygen> {
  const out = join(temporaryFolder(), 'seal.pem');
  const { code, document } = await runJson<Keygen>(['seal', 'keygen', '--out', out]);
  expect({ code, mode: statSync(out).mode & 0o777 }).toEqual({ code: 0, mode: 0o600 });
  return document;
}

it('seal keygen replaces no file', async () => {
  const { file } = await newKey();
  const before = readFileSync(file, 'utf8');
  const { code, document } = await runJson<Refused>(['seal', 'keygen', '--out', file]);
  expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'out' });
  expect(readFileSync(file, 'utf8')).toBe(before);
});

describe.each(DATABASES)('a checkpoint that was kept outside of $name', ({ freshUrl }) => {
  let url: string;
  let key: Keygen;
  let kept: string;
  let stage: BundleStage;
  let env: Record<string, string>;

  beforeAll(async () => {
    url = await freshUrl();
    key = await newKey();
    stage = await BundleStage.open(url, readFileSync(key.file, 'utf8'));
    env = { HTTP_TASKS_LEDGER_URL: url, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY, HTTP_TASKS_SEAL_KEY_FILE: key.file };
    const { code, stdout } = await runCli(['seal', 'checkpoint'], env);
    expect(code).toBe(0);
    kept = join(temporaryFolder(), 'kept.checkpoint');
    writeFileSync(kept, stdout);
  });

  /** Someone who writes the ledger may also remove what keeps its tables append-only. */
  async function withoutGuards(): Promise<void> {
    const tables = ['receipts', 'hold_log', 'log_leaves'];
    if (!url.startsWith('file:')) {
      for (const table of tables) await runRaw(url, `alter table ${table} disable trigger user`);
      return;
    }
    const listed = tables.map((table) => `'${table}'`).join(', ');
    const triggers = await runRaw(
      url,
      `select name from sqlite_master where type = 'trigger' and tbl_name in (${listed}) and sql like '%append-only%'`,
    );
    for (const { name } of triggers) await runRaw(url, `drop trigger ${String(name)}`);
  }

  async function since(...args: string[]): Promise<{ code: number | null; document: SinceDocument }> {
    return runJson<SinceDocument>(['verify', '--since', kept, ...args], env);
  }

  it('confirms a ledger that was only added to, and names who signed', async () => {
    await stage.ledger.addHold({ holdId: 'later', subjects: [subject('later')], reason: 'case 8', by: 'legal' });
    const { code, document } = await since('--key', key.publicKey);
    expect({ code, ok: document.ok, differences: document.differences }).toEqual({
      code: 0,
      ok: true,
      differences: [],
    });
    expect(document.since.signedBy).toHaveLength(1);
    expect(document.now.size).toBeGreaterThan(document.since.size);
  });

  it('is not taken for one that another key signed', async () => {
    const { code, document } = await since('--key', (await newKey()).publicKey);
    expect(code).toBe(1);
    expect(document.differences).toContainEqual(expect.objectContaining({ kind: 'checkpoint' }));
  });

  it.each([
    ['a changed reason of a hold', `update hold_log set reason = 'no case' where hold_id = 'h'`],
    [
      'a changed outcome of a run',
      `update receipts set outcome = 'failed' where workflow_id = 'w' and phase = 'settled'`,
    ],
    ['a removed receipt of a sweep', `delete from receipts where workflow_id = 'first' and seq = 7`],
  ])('finds %s', async (_what, statement) => {
    await withoutGuards();
    await runRaw(url, statement);
    const { code, document } = await since();
    expect(code).toBe(1);
    expect(document.differences.length).toBeGreaterThan(0);
  });

  it('finds a log that was emptied', async () => {
    await withoutGuards();
    await runRaw(url, 'delete from log_leaves');
    const { code, document } = await since();
    expect(code).toBe(1);
    expect(document.differences).toContainEqual(expect.objectContaining({ kind: 'log' }));
  });
});

describe('HTTP_TASKS_SEAL_EXPORT', () => {
  const checkpoint = {
    size: 12,
    root: 'root',
    note: 'origin\n12\nroot\n',
    signed: false,
    at: '2030-01-31T12:00:00.000Z',
  };

  it('writes each checkpoint into a folder, once', async () => {
    const folder = temporaryFolder();
    const later = { ...checkpoint, size: 13, note: 'origin\n13\nroot\n' };
    for (const one of [checkpoint, later, checkpoint]) await exportCheckpoint(folder, one);
    const files = readdirSync(folder).sort();
    expect(files.map((file) => readFileSync(join(folder, file), 'utf8'))).toEqual([checkpoint.note, later.note]);
  });

  it('gives a command each checkpoint on its standard input', async () => {
    const file = join(temporaryFolder(), 'taken');
    await exportCheckpoint(`command:tee ${file}`, checkpoint);
    expect(readFileSync(file, 'utf8')).toBe(checkpoint.note);
  });

  it('reports a command that fails', async () => {
    await expect(exportCheckpoint('command:false', checkpoint)).rejects.toThrow('HTTP_TASKS_SEAL_EXPORT');
  });
});
