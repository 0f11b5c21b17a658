import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportCheckpoint } from 'temporal-http-tasks/internal/ledger/log/export-checkpoint';
import { rawPublicKey } from 'temporal-http-tasks/internal/ledger/log/seal-key';
import { BundleStage } from '../evidence/bundle-stage';
import { DATABASES, SUBJECT_KEY, cleanUp, runRaw, subject, temporaryFolder } from '../ledger/databases';
import { createAuthority } from '../support/certificates';
import { timestampOf } from '../support/timestamps';
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

const PYTHON = join(__dirname, '../../docs/evidence/verify.py');

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

  it('finds a changed reason of a hold', async () => {
    await withoutGuards();
    await runRaw(url, `update hold_log set reason = 'no case' where hold_id = 'h'`);
    const { code, document } = await since();
    expect({ code, differences: document.differences }).toMatchObject({
      code: 1,
      differences: [{ kind: 'hold' }, { kind: 'hold', ref: 'h' }],
    });
  });

  it('finds a log that was emptied', async () => {
    await withoutGuards();
    await runRaw(url, 'delete from log_leaves');
    const { code, document } = await since();
    expect(code).toBe(1);
    expect(document.differences).toContainEqual(expect.objectContaining({ kind: 'log' }));
  });
});

describe('a checkpoint that a witness has signed too', () => {
  const NAME = 'witness.example/w1';
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const tagged = Buffer.concat([Buffer.from([4]), rawPublicKey(publicKey)]);
  const id = createHash('sha256').update(`${NAME}\n`).update(tagged).digest().subarray(0, 4);
  const witness = `${NAME}+${id.toString('hex')}+${tagged.toString('base64')}`;

  /** Returns a signature line as tlog-cosignature has it. */
  function cosignature(note: string, says: number, signs = says): string {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(says));
    const body = note.slice(0, note.indexOf('\n\n') + 1);
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${signs}\n${body}`), privateKey);
    return `\u2014 ${NAME} ${Buffer.concat([id, time, signature]).toString('base64')}\n`;
  }

  function fileWith(text: string): string {
    const file = join(temporaryFolder(), 'kept.checkpoint');
    writeFileSync(file, text);
    return file;
  }

  it('confirms a bundle and a ledger by the key of the witness, in every verifier', async () => {
    const url = (await DATABASES[0]?.freshUrl()) ?? '';
    const key = await newKey();
    const stage = await BundleStage.open(url, readFileSync(key.file, 'utf8'));
    const { checkpoint: note } = await stage.ofSweep('first');
    const env = { HTTP_TASKS_LEDGER_URL: url, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY, HTTP_TASKS_SEAL_KEY_FILE: key.file };
    const kept = fileWith(note + cosignature(note, 1_893_456_000));
    const forged = fileWith(note + cosignature(note, 1_893_456_000, 1_893_456_001));
    const [whole, cosigned] = ['whole.jsonl', 'cosigned.jsonl'].map((name) => join(temporaryFolder(), name));
    expect((await runCli(['receipts', 'first', '--bundle', whole ?? ''], env)).code).toBe(0);
    expect((await runCli(['receipts', 'first', '--bundle', cosigned ?? '', '--checkpoint', kept], env)).code).toBe(0);
    const cases: [number, string[]][] = [
      [0, ['--bundle', whole ?? '', '--checkpoint', kept, '--key', witness]],
      [0, ['--bundle', cosigned ?? '', '--key', witness]],
      [1, ['--bundle', whole ?? '', '--key', witness]],
      [1, ['--bundle', whole ?? '', '--checkpoint', forged, '--key', witness]],
      [0, ['--bundle', whole ?? '', '--checkpoint', forged]],
    ];
    for (const [code, args] of cases) {
      expect([args, (await runCli(['verify', ...args], {})).code]).toEqual([args, code]);
      const python = spawnSync('python3', ['-B', PYTHON, ...args.slice(1)], { encoding: 'utf8' });
      expect([args, python.status]).toEqual([args, code]);
    }
    expect((await runCli(['verify', '--since', kept, '--key', witness], env)).code).toBe(0);
    expect((await runCli(['verify', '--since', forged, '--key', witness], env)).code).toBe(1);
    const authority = createAuthority('An authority');
    const [stamp, tsa] = [join(temporaryFolder(), 'kept.tsr'), fileWith(authority.cert)];
    writeFileSync(stamp, timestampOf(readFileSync(kept, 'utf8'), authority.certify('A clock', { stampsTime: true })));
    const stamped = ['--timestamp', stamp, '--tsa', tsa, '--json'];
    const timestamps = [{ file: stamp, signedBy: 'CN=A clock', trusted: true }];
    for (const [code, args] of [
      [0, ['--since', kept]],
      [0, ['--bundle', cosigned ?? '', '--key', witness]],
      [1, ['--since', forged]],
      [1, ['--bundle', whole ?? '', '--checkpoint', forged]],
    ] as const) {
      const { stdout, ...ended } = await runCli(['verify', ...args, ...stamped], env);
      expect([args, ended.code]).toEqual([args, code]);
      const { differences, ...document } = JSON.parse(stdout) as { differences: unknown[] };
      expect(code === 0 ? document : { timestamps }).toMatchObject({ timestamps });
      expect(differences).toHaveLength(code);
    }
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
